import { z } from 'zod';
import { Bundle } from './bundle.ts';

/**
 * JSON Schema (draft 2020-12) of a bundle as a user writes it, before defaults: for editors. It holds shapes, patterns and
 * ranges; rules between fields, such as unique names of limits, only `headgate validate` knows.
 */
export function bundleJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(Bundle, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'Headgate bundle' };
}
