import type { z } from 'zod';

/**
 * An example for the OpenAPI document: the spec as an operator writes it, and the resource with all
 * defaults. It is parsed with the schema, so an example that has become wrong fails at start.
 */
export function exampleOf(
  schema: z.ZodObject,
  id: string,
  spec: Readonly<Record<string, unknown>>,
) {
  const time = '2026-01-01T00:00:00.000Z';
  const parsed = schema.parse({ ...spec, id });
  const resource = { ...parsed, revision: 12, createdAt: time, updatedAt: time };
  return { spec, resource };
}
