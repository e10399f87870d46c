import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark, BenchOptions, BenchResult, BenchRow } from '../benchmark.ts';
import { describeMachine } from '../machine.ts';
import { runProgram } from '../run-program.ts';
import { findMicroBenchmarks } from './find-micro-benchmarks.ts';
import { parseMicroLine } from './micro-output.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** A file that takes longer hangs. */
const FILE_DEADLINE_MS = 90_000;

/** One line of a micro-benchmark's table. */
interface MicroRow extends BenchRow {
  /** Its place in the repository. */
  readonly file: string;
  readonly ns: number;
}

/** The micro-benchmarks beside the code, one after the other. */
export const microBenchmark: Benchmark = {
  name: 'micro',
  summary: 'the micro-benchmarks of libs/*/bench and services/*/bench, one after the other',
  profiles: [],
  candidates: [],
  run: (options) => runMicroBenchmarks(ROOT, options),
};

/**
 * Runs the micro-benchmarks below `root`, each in a process of its own. One that fails is a fault of the report, and
 * the others still run. They have no shorter form: a quick run is the same.
 */
export async function runMicroBenchmarks(
  root: string,
  options: Pick<BenchOptions, 'quick' | 'say' | 'signal'>,
): Promise<BenchResult> {
  const { quick, say, signal } = options;
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const rows: MicroRow[] = [];
  const faults: string[] = [];
  const files = await findMicroBenchmarks(root);
  for (const [index, file] of files.entries()) {
    say(`\n${index + 1}/${files.length} ${file}`);
    try {
      const lines = await runFile(join(root, file), signal);
      for (const line of lines) {
        say(`  ${line}`);
        const figure = parseMicroLine(line);
        if (figure === null) continue;
        rows.push({ name: figure.name, profile: 'micro', file, ns: figure.ns, failedRequests: 0 });
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      faults.push(`${file}: ${reason}`);
    }
  }
  const common = { bench: 'micro', startedAt, quick, machine };
  return {
    report: { ...common, settings: { files: files.length }, rows, leftOut: [], faults },
    lines: [
      `${rows.length} figures of ${files.length} files`,
      ...faults.map((fault) => `FAULT ${fault}`),
    ],
  };
}

function runFile(path: string, signal: AbortSignal): Promise<readonly string[]> {
  return runProgram({
    name: path,
    command: process.execPath,
    args: [path],
    deadlineMs: FILE_DEADLINE_MS,
    signal,
  });
}
