// Writes docs/reference/ from the schemas and tables of the code. With --check it writes nothing and fails if a
// page differs from what it would write.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleJsonSchema } from '@headgate/model';
import { renderCliPage } from './cli-page.ts';
import { renderEnvironmentPage } from './environment-page.ts';
import { renderErrorsPage } from './errors-page.ts';
import { renderMetricsPage } from './metrics-page.ts';
import { renderResourcesPage } from './resources-page.ts';
import { WORKSPACE_ROOT } from './workspace-root.ts';

const REFERENCE = join(WORKSPACE_ROOT, 'docs/reference');

const PAGES: readonly (readonly [file: string, render: () => string | Promise<string>])[] = [
  ['resources.md', renderResourcesPage],
  ['errors.md', renderErrorsPage],
  ['metrics.md', renderMetricsPage],
  ['environment.md', renderEnvironmentPage],
  ['cli.md', renderCliPage],
  ['bundle.schema.json', () => `${JSON.stringify(bundleJsonSchema(), null, 2)}\n`],
];

/** Writes the pages, or with `checkOnly` compares them. Returns what is wrong, one line each. */
async function generate(checkOnly: boolean): Promise<string[]> {
  const faults: string[] = [];
  await mkdir(REFERENCE, { recursive: true });
  for (const [file, render] of PAGES) {
    const path = join(REFERENCE, file);
    try {
      const page = await render();
      if (!checkOnly) await writeFile(path, page);
      else if ((await readFile(path, 'utf8')) !== page) faults.push(`${file} is out of date`);
    } catch (error) {
      faults.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const known = new Set(PAGES.map(([file]) => file));
  for (const file of await readdir(REFERENCE)) {
    if (!known.has(file))
      faults.push(`${file} is not a generated page; move it out of docs/reference`);
  }
  return faults;
}

const checkOnly = process.argv.includes('--check');
const faults = await generate(checkOnly);
for (const fault of faults) process.stderr.write(`docs/reference: ${fault}\n`);
if (faults.length > 0) {
  if (checkOnly) process.stderr.write('Run `npm run docs` and commit the result.\n');
  process.exitCode = 1;
}
