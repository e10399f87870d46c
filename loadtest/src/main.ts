import { open, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseBenchArguments, type BenchRequest } from './bench/arguments.ts';
import { BenchmarkError } from './bench/benchmark.ts';
import { BENCHMARKS } from './bench/benchmarks.ts';
import { publish } from './bench/publish/publish.ts';

// `npm run bench -- NAME …`: runs a benchmark and prints its tables, or publishes its figures.
// Exit codes: 0 done; 1 it could not run, or its figures must not be used; 2 usage; 130 interrupted, also by a reader of
// its output that went away.

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));

const USAGE = `Usage: npm run bench -- NAME [options]
       npm run bench -- publish FILE

  --quick           short and coarse: ends within 60 s
  --json FILE       also write the report as JSON
  --profile NAMES   only these parts (separated by commas)
  --candidate NAMES only these candidates
  publish FILE      write the figures of a JSON report of "proxy" into docs/benchmarks.md, with a chart

Benchmarks:
${BENCHMARKS.map(describe).join('\n')}
`;

type RunRequest = Extract<BenchRequest, { readonly kind: 'run' }>;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const request = parseBenchArguments(args, BENCHMARKS);
  if (request.kind === 'list') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (request.kind === 'fault') {
    process.stderr.write(`${request.message}\n\n${USAGE}`);
    return 2;
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interruption.abort());
  }
  process.stdout.on('error', () => interruption.abort()); // nobody reads on, as in `… | head`
  try {
    if (request.kind === 'run') return await runBenchmark(request, interruption.signal);
    for (const file of await publish(request.jsonPath, DOCS)) say(`wrote ${file}`);
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (!(error instanceof BenchmarkError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

async function runBenchmark(request: RunRequest, signal: AbortSignal): Promise<number> {
  const { name, jsonPath } = request;
  if (jsonPath !== null) await checkWritable(jsonPath);
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
  if (benchmark === undefined) throw new Error(`${name} is in no list`);
  const { report, lines } = await benchmark.run({ ...request, signal, say });
  say(['', ...lines].join('\n'));
  if (jsonPath !== null) await writeFile(jsonPath, `${JSON.stringify(report, null, 2)}\n`);
  return report.faults.length === 0 ? 0 : 1;
}

/** Better now than after the last round. */
async function checkWritable(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BenchmarkError(`--json ${path}: ${reason}`);
  }
}

function describe({ name, summary, profiles, candidates }: (typeof BENCHMARKS)[number]): string {
  const lines = [`  ${name.padEnd(11)}${summary}`];
  const indent = ' '.repeat(13);
  if (profiles.length > 0) lines.push(`${indent}parts: ${profiles.join(', ')}`);
  if (candidates.length > 0) lines.push(`${indent}candidates: ${candidates.join(', ')}`);
  return lines.join('\n');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
