import { readFile } from 'node:fs/promises';

/**
 * Open files that a process started from here may have. Node raises its own soft limit to the hard one when it starts,
 * and children inherit it.
 */
export async function openFilesMax(): Promise<number> {
  return parseOpenFilesMax(await readFile('/proc/self/limits', 'utf8'));
}

/** The hard limit from the text of /proc/PID/limits. @throws Error if it is not there. */
export function parseOpenFilesMax(text: string): number {
  const match = /^Max open files +\S+ +(\d+|unlimited)/m.exec(text);
  if (match === null) throw new Error('no "Max open files" in /proc/self/limits');
  return match[1] === 'unlimited' ? Infinity : Number(match[1]);
}
