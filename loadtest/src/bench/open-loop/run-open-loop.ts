import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runProgram } from '../run-program.ts';
import { readReportLine } from '../report-line.ts';
import type { OpenLoopReport } from './open-loop.ts';

const MAIN = fileURLToPath(new URL('./open-loop-main.ts', import.meta.url));

/** Time that the generator may take beyond its duration before it is killed. */
const GRACE_MS = 15_000;

/** What the generator is told, as JSON in its first argument. */
export const OpenLoopArguments = z.strictObject({
  /** Connections are spread over them in turn. */
  ports: z.array(z.int().min(1).max(65_535)).min(1),
  /** File with one host a line; requests name them in turn. */
  hostsFile: z.string(),
  path: z.string(),
  /** Mean rate of arrivals. */
  perSecond: z.number().positive(),
  /** Most requests at the same time; one more is dropped. */
  connections: z.int().min(1),
  settleSeconds: z.number().min(0),
  measureSeconds: z.number().positive(),
  /** Equal seeds give equal arrivals. */
  seed: z.int(),
  /** Requests are sent on time to some µs, at the cost of a core; else up to 1 ms late. */
  spins: z.boolean().default(true),
  /** A connection that ends is opened again, as a browser's would be. */
  reconnects: z.boolean().default(false),
});

/** What the generator is told. */
export type OpenLoopRun = z.input<typeof OpenLoopArguments>;

const Report: z.ZodType<OpenLoopReport> = z.strictObject({
  answered: z.int().min(0),
  measured: z.int().min(1),
  dropped: z.int().min(0),
  failed: z.int().min(0),
  failures: z.record(z.string(), z.int().min(1)),
  lostConnections: z.int().min(0),
  p50Ms: z.number().min(0),
  p99Ms: z.number().min(0),
  p99FromScheduleMs: z.number().min(0),
  latenessP99Ms: z.number().min(0),
});

/**
 * What stops the generator is measured as latency of the proxy. With the usual flags of V8 it stood still for 2 to 3 % of a run of
 * seconds, for up to 14 ms at a time, as the threads that optimise its code and collect its garbage took their turns on its
 * core; with these for 0.4 %, up to 1.6 ms. Its code is fast enough without the last optimiser.
 */
const V8_FLAGS = [
  '--max-opt=2', // not above Maglev
  '--no-concurrent-recompilation',
  '--single-threaded-gc',
  '--max-semi-space-size=64', // room for young objects: fewer pauses for garbage
];

/**
 * Runs the generator of load at a fixed rate.
 *
 * @param startBy arguments to be put before the program, such as those of `startOn`; default: none.
 * @throws Error if it fails, hangs, is aborted, or no request was answered.
 */
export async function runOpenLoop(
  run: OpenLoopRun,
  signal: AbortSignal,
  startBy: readonly string[] = [],
): Promise<OpenLoopReport> {
  const program = [process.execPath, ...V8_FLAGS, MAIN, JSON.stringify(run)];
  const [command = '', ...args] = [...startBy, ...program];
  const lines = await runProgram({
    name: 'open loop',
    command,
    args,
    deadlineMs: (run.settleSeconds + run.measureSeconds) * 1000 + GRACE_MS,
    signal,
  });
  return Report.parse(readReportLine(lines));
}
