import { open, writeFile } from 'node:fs/promises';
import { parseBenchArguments } from './bench/arguments.ts';
import { BenchmarkError } from './bench/benchmark.ts';
import { BENCHMARKS } from './bench/benchmarks.ts';

// `npm run bench -- NAME [--quick] [--json FILE]`: runs a benchmark and prints its table.
// Exit codes: 0 done; 1 it could not run, or its figures must not be used; 2 usage; 130 interrupted.

const USAGE = `Usage: npm run bench -- NAME [--quick] [--json FILE]

  --quick      short and coarse: ends within 60 s
  --json FILE  also write the report as JSON

Benchmarks:
${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(11)}${summary}`).join('\n')}
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const names = BENCHMARKS.map(({ name }) => name);
  const request = parseBenchArguments(args, names);
  if (request.kind === 'list') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (request.kind === 'fault') {
    process.stderr.write(`${request.message}\n\n${USAGE}`);
    return 2;
  }
  const { quick, jsonPath } = request;
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interruption.abort());
  }
  try {
    if (jsonPath !== null) await checkWritable(jsonPath);
    const benchmark = BENCHMARKS.find(({ name }) => name === request.name);
    if (benchmark === undefined) throw new Error(`${request.name} is in no list`);
    const { signal } = interruption;
    const { report, lines } = await benchmark.run({ quick, signal, say });
    say(['', ...lines].join('\n'));
    if (jsonPath !== null) await writeFile(jsonPath, `${JSON.stringify(report, null, 2)}\n`);
    return report.faults.length === 0 ? 0 : 1;
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (!(error instanceof BenchmarkError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
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

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
