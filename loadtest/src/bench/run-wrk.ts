import { fileURLToPath } from 'node:url';
import { startProcess, type StartedProcess } from '@headgate/testkit';
import { parseWrkOutput, type WrkReport } from './wrk-report.ts';

const SCRIPT = fileURLToPath(new URL('./rotate-hosts.lua', import.meta.url));

/** Time that wrk may take beyond its duration before it is killed. */
const GRACE_MS = 10_000;

/** One run of wrk: closed loop, keep-alive connections, one thread. */
export interface WrkRun {
  /** Path of wrk. */
  readonly program: string;
  readonly port: number;
  /** File with one host a line; requests name them in turn. */
  readonly hostsFile: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Ends the run; the promise then rejects. */
  readonly signal: AbortSignal;
}

/**
 * Runs wrk and returns what it saw.
 *
 * @throws Error if wrk fails, hangs or is aborted.
 */
export async function runWrk(run: WrkRun): Promise<WrkReport> {
  run.signal.throwIfAborted();
  const wrk = await startProcess({
    name: 'wrk',
    command: run.program,
    args: [
      '--threads=1',
      `--connections=${run.connections}`,
      `--duration=${run.seconds}s`,
      '--timeout=5s',
      `--script=${SCRIPT}`,
      `http://127.0.0.1:${run.port}`,
      '--',
      run.hostsFile,
      run.path,
    ],
  });
  const exit = await exitWithin(wrk, run.seconds * 1000 + GRACE_MS, run.signal);
  run.signal.throwIfAborted();
  if (exit.code !== 0) {
    const end = exit.signal ?? `code ${exit.code}`;
    throw new Error(`wrk ended with ${end}: ${[...wrk.stdout(), ...wrk.stderr()].join('\n')}`);
  }
  return parseWrkOutput(wrk.stdout());
}

async function exitWithin(
  started: StartedProcess,
  deadlineMs: number,
  signal: AbortSignal,
): ReturnType<StartedProcess['stop']> {
  const kill = (): void => started.kill('SIGKILL');
  const timer = setTimeout(kill, deadlineMs);
  signal.addEventListener('abort', kill, { once: true });
  try {
    return await started.exited;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  }
}
