import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/**
 * Raises the limit of open files of this process, which children inherit, as far as it may: root may go beyond the hard
 * limit, others may not. Node itself has raised the soft limit to the hard one when it started.
 *
 * @returns open files that a process started from here may have
 */
export async function raiseOpenFiles(wanted: number): Promise<number> {
  const before = await openFilesMax();
  if (before >= wanted) return before;
  // It fails for ordinary users, and is not there on the smallest systems; then the limit stays.
  spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${wanted}:${wanted}`]);
  return openFilesMax();
}

/** The hard limit from the text of /proc/PID/limits. @throws Error if it is not there. */
export function parseOpenFilesMax(text: string): number {
  const match = /^Max open files +\S+ +(\d+|unlimited)/m.exec(text);
  if (match === null) throw new Error('no "Max open files" in /proc/self/limits');
  return match[1] === 'unlimited' ? Infinity : Number(match[1]);
}

async function openFilesMax(): Promise<number> {
  return parseOpenFilesMax(await readFile('/proc/self/limits', 'utf8'));
}
