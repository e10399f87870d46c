import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Machine } from '../bench/benchmark.ts';
import { markdownTable } from '../bench/publish/markdown-table.ts';
import type { ScenarioPage } from './scenario.ts';

/** Which run a page shows. */
export interface PageRun {
  readonly name: string;
  readonly startedAt: Date;
  readonly machine: Machine;
  /** Empty where there is no Git. */
  readonly commit: string;
}

/** The Markdown of a scenario's page. */
export function pageText(run: PageRun, { title, introduction, table }: ScenarioPage): string {
  const { name, startedAt, machine, commit } = run;
  const { cpu, cores, kernel, node } = machine;
  const day = startedAt.toISOString().slice(0, 10);
  return [
    `# ${title}`,
    '',
    ...introduction,
    '',
    '```sh',
    `npm run scenario -- --docs ${name}    # writes this page`,
    '```',
    '',
    `Last run: ${day}, commit ${commit || 'unknown'}, ${cpu} with ${cores} cores, ${kernel}, Node ${node}.`,
    '',
    markdownTable({ ...table, cells: table.cells.map((row) => row.map(escapeCell)) }),
    '',
  ].join('\n');
}

/** Writes a scenario's page; returns its path. */
export async function writePage(docs: string, run: PageRun, page: ScenarioPage): Promise<string> {
  const file = join(docs, `${run.name}.md`);
  await writeFile(file, pageText(run, page));
  return file;
}

/** The short hash of the commit that is checked out; empty without Git. */
export async function currentCommit(directory: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: directory,
    });
    return stdout.trim();
  } catch {
    return '';
  }
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
