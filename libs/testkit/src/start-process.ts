import { killGroup, spawnGuarded } from './guardian.ts';
import { createLineRing } from './line-ring.ts';
import { endWithTestRunner } from './orphan-watch.ts';
import { waitFor } from './wait-for.ts';

/** How a process ended: exactly one of the two is not null. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started process. Whoever started it stops it; see {@link startProcess} for the guarantee. */
export interface StartedProcess {
  readonly name: string;
  /** The pid of the command itself (not of a shell around it). It leads its own process group. */
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** How it ended, or null while it runs. */
  exit(): ProcessExit | null;
  /** The last lines it wrote to standard output, oldest first. */
  stdout(): readonly string[];
  /** The last lines it wrote to standard error, oldest first. */
  stderr(): readonly string[];
  /** Sends a signal to the process alone (not its group); does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
  /**
   * Ends the process: SIGTERM (and SIGCONT, should it be stopped), then SIGKILL to its whole group
   * after `deadlineMs` (default 5000). Idempotent.
   */
  stop(deadlineMs?: number): Promise<ProcessExit>;
}

/** Options of {@link startProcess}. */
export interface ProcessOptions {
  /** Name used in errors. Default: the command. */
  readonly name?: string;
  /** Program to run, looked up in PATH. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Run as this user and group (needs root). */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * When the process counts as started: a line of either output matches the expression, or the
   * function (polled every 10 ms) returns true. Default: at once.
   */
  readonly readyWhen?: RegExp | ((started: StartedProcess) => boolean | Promise<boolean>);
  /** Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** Lines kept per output. Default 500. */
  readonly outputLinesMax?: number;
}

/** Thrown by {@link startProcess} when the process ends or stays silent instead of getting ready. */
export class ProcessStartError extends Error {
  /** How the process ended, or null if it ran until the timeout. */
  readonly exit: ProcessExit | null;
  /** Its last lines, both outputs. */
  readonly output: string;

  constructor(message: string, exit: ProcessExit | null, output: string, cause: unknown) {
    super(`${message}\n${output}`, { cause });
    this.name = 'ProcessStartError';
    this.exit = exit;
    this.output = output;
  }
}

/** How long output may still arrive after the process itself has ended. */
const OUTPUT_GRACE_MS = 100;

/**
 * Starts a process and waits until it is ready.
 *
 * Guarantee: it dies, with its process group, when this process ends in any way, SIGKILL included,
 * and (in a file run by `node --test`) when the test runner does.
 *
 * @throws ProcessStartError if it exits before it is ready, or is not ready in time (it is then
 *   killed).
 */
export async function startProcess(options: ProcessOptions): Promise<StartedProcess> {
  endWithTestRunner();
  let matched = false;
  const { readyWhen } = options;
  const started = launch(options, (line) => {
    if (readyWhen instanceof RegExp && readyWhen.test(line)) matched = true;
  });
  if (readyWhen === undefined) return started;
  const isReady = readyWhen instanceof RegExp ? () => matched : () => readyWhen(started);
  try {
    await waitFor(async () => started.exit() !== null || (await isReady()), {
      message: `${started.name} to be ready`,
      deadlineMs: options.readyTimeoutMs ?? 30_000,
      describe: () => 'not ready',
    });
  } catch (error) {
    killGroup(started.pid);
    await started.exited;
    throw startError(started, 'was not ready in time', null, error);
  }
  const exit = started.exit();
  if (exit !== null && !matched) {
    await started.exited;
    throw startError(started, `ended early (${exit.code ?? exit.signal})`, exit, undefined);
  }
  return started;
}

function startError(
  started: StartedProcess,
  what: string,
  exit: ProcessExit | null,
  cause: unknown,
): ProcessStartError {
  const output = [...started.stdout(), ...started.stderr()].slice(-40).join('\n');
  return new ProcessStartError(`${started.name} ${what}`, exit, output, cause);
}

function launch(options: ProcessOptions, onLine: (line: string) => void): StartedProcess {
  const child = spawnGuarded({
    command: options.command,
    args: options.args ?? [],
    // A child that is itself a node program must not believe that it is a test file.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
  const linesMax = options.outputLinesMax ?? 500;
  const stdout = createLineRing(linesMax, onLine);
  const stderr = createLineRing(linesMax, onLine);
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => stdout.push(chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.push(chunk));

  let ended: ProcessExit | null = null;
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      const exit = { code, signal };
      ended = exit;
      // 'close' means that the outputs are complete too; a stray grandchild may hold them open.
      const timer = setTimeout(() => resolve(exit), OUTPUT_GRACE_MS);
      child.once('close', () => {
        clearTimeout(timer);
        resolve(exit);
      });
    });
  });
  const started: StartedProcess = {
    name: options.name ?? options.command,
    pid: child.pid,
    exited,
    exit: () => ended,
    stdout: () => stdout.lines(),
    stderr: () => stderr.lines(),
    kill: (signal) => void child.kill(signal),
    stop: (deadlineMs = 5000) => stopProcess(started, deadlineMs),
  };
  return started;
}

async function stopProcess(started: StartedProcess, deadlineMs: number): Promise<ProcessExit> {
  if (started.exit() === null) {
    started.kill('SIGTERM');
    started.kill('SIGCONT');
  }
  const timer = setTimeout(() => killGroup(started.pid), deadlineMs);
  try {
    return await started.exited;
  } finally {
    clearTimeout(timer);
  }
}
