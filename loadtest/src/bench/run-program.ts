import { startProcess, type StartedProcess } from '@headgate/testkit';

/** A program that runs for a while and ends by itself. */
export interface ProgramRun {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** It is killed then. */
  readonly deadlineMs: number;
  /** Ends the run; the promise then rejects. */
  readonly signal: AbortSignal;
}

/**
 * Runs a program and returns the last lines of its standard output.
 *
 * @throws Error if it fails, hangs or is aborted.
 */
export async function runProgram(run: ProgramRun): Promise<readonly string[]> {
  const { name, command, args, signal } = run;
  signal.throwIfAborted();
  const started = await startProcess({ name, command, args });
  const exit = await exitWithin(started, run.deadlineMs, signal);
  signal.throwIfAborted();
  if (exit.code !== 0) {
    const end = exit.signal ?? `code ${exit.code}`;
    const output = [...started.stdout(), ...started.stderr()].join('\n');
    throw new Error(`${name} ended with ${end}: ${output}`);
  }
  return started.stdout();
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
