import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findProgram } from './find-program.ts';
import { processTree } from './process-tree.ts';

const run = promisify(execFile);
/** `taskset` fails, too, when a thread ends while it goes through those of a process. */
const PIN_ATTEMPTS = 3;

/** Cores that two groups of processes have for themselves, as numbers of the system. */
export interface CoreSplit {
  /** One core for a generator of load that never sleeps. */
  readonly generator: readonly number[];
  /** The cores of everything else. */
  readonly others: readonly number[];
}

/** Cores that this process may use, in ascending order; none where the system does not tell. */
export async function ownCores(): Promise<readonly number[]> {
  try {
    return readCores(await readFile('/proc/self/status', 'latin1'));
  } catch {
    return []; // no Linux
  }
}

/** Cores of the line `Cpus_allowed_list` in the text of /proc/PID/status, such as `0-3,8`. */
export function readCores(status: string): readonly number[] {
  const list = /^Cpus_allowed_list:\s+([\d,-]+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number);
    if (range === '' || Number.isNaN(first)) return [];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The last core for a generator, the rest for the others; null with fewer than two, or without `taskset`. */
export async function splitCores(): Promise<CoreSplit | null> {
  const cores = await ownCores();
  if (cores.length < 2 || (await findProgram('taskset')) === null) return null;
  return { generator: cores.slice(-1), others: cores.slice(0, -1) };
}

/** Binds processes to the cores of their side, as {@link pinTo}; does nothing where cores cannot be split. */
export async function pinToSide(side: keyof CoreSplit, rootPids: readonly number[]): Promise<void> {
  const split = await splitCores();
  if (split !== null) await pinTo(split[side], rootPids);
}

/**
 * Binds processes, all that descend from them, and what those will start, to some cores. One that has ended is passed
 * over: whoever works with it will notice.
 */
export async function pinTo(cores: readonly number[], rootPids: readonly number[]): Promise<void> {
  const program = (await findProgram('taskset')) ?? 'taskset';
  const trees = await Promise.allSettled(rootPids.map(processTree));
  const pids = trees.flatMap((tree) => (tree.status === 'fulfilled' ? tree.value : []));
  for (const pid of pids) await pinOne(program, cores, pid);
}

async function pinOne(program: string, cores: readonly number[], pid: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run(program, ['-acp', cores.join(), String(pid)]);
      return;
    } catch (error) {
      if (!isRunning(pid)) return;
      if (attempt === PIN_ATTEMPTS) throw error;
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Arguments that start a program on some cores, to be put before it. */
export function startOn(cores: readonly number[]): readonly string[] {
  return ['taskset', '-c', cores.join()];
}
