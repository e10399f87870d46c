import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { WORKSPACE_ROOT } from './workspace-root.ts';

/** The services and the CLI; each reads `HEADGATE_…` variables. */
export const PROGRAMS = ['edge', 'config-service', 'health-service', 'cli'] as const;

/** Name of a service or of the CLI. */
export type Program = (typeof PROGRAMS)[number];

/**
 * Loads the environment schema of a program: the zod object that its `src/environment.ts` exports.
 * By path, because nothing imports a service; this reads it like a document.
 *
 * @throws Error if the file exports no schema or several.
 */
export async function loadEnvironmentSchema(program: Program): Promise<z.ZodObject> {
  const path = join(WORKSPACE_ROOT, 'services', program, 'src', 'environment.ts');
  const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const schemas = Object.values(module).filter((value) => value instanceof z.ZodObject);
  const [schema] = schemas;
  if (schema === undefined || schemas.length > 1) {
    throw new Error(`${path} exports ${schemas.length} zod objects instead of one`);
  }
  return schema;
}
