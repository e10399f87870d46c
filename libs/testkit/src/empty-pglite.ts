import { cpSync, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../../node_modules/.cache');

/**
 * Puts an empty PGlite database at `directory`, as PGlite itself would make one there; does nothing
 * if there is something already. PGlite takes 4 s of CPU time for a new database and 0.4 s for one
 * that exists, so it is made once, kept in `node_modules/.cache`, and copied from there (0.06 s).
 * Tests of the very first start of a service do without it.
 *
 * @throws Error if the directory cannot be written.
 */
export async function providePGlite(directory: string): Promise<void> {
  if (existsSync(directory)) return;
  const template = join(CACHE, `headgate-pglite-${await versionOfPGlite()}`);
  if (!existsSync(template)) await makeTemplate(template);
  await mkdir(dirname(directory), { recursive: true });
  // A thousand small files: five times as quick as the one that does not block.
  cpSync(template, directory, { recursive: true });
}

async function versionOfPGlite(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const text = await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version; // every package has one
}

async function makeTemplate(template: string): Promise<void> {
  // Here, as it takes 40 ms to load and nearly nobody gets here.
  const { PGlite } = await import('@electric-sql/pglite');
  const staging = `${template}-${process.pid}`;
  await mkdir(CACHE, { recursive: true });
  try {
    await (await PGlite.create(staging)).close();
    // Whoever renames first wins; for the others the template exists and is complete.
    await rename(staging, template).catch((error: unknown) => {
      if (!existsSync(template)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
