import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const TASKS = '/proc/self/task';
/** As Node names the threads on which V8 compiles and collects garbage. */
const V8_HELPER = 'node-V8Worker';
/** A third of the weight of a thread with the usual priority: they go on where all cores are busy, at a third of its speed. */
export const HELPER_NICE = 5;

/**
 * Lets the threads on which V8 compiles beside this process go after the one that runs JavaScript, should there be too few
 * cores for all: a function that is compiled 10 ms later costs less than requests that wait for 10 ms. Linux only; elsewhere,
 * and where the system refuses, all stays as it is.
 *
 * @returns how many threads were told.
 */
export function lowerHelperThreads(): number {
  if (process.platform !== 'linux') return 0;
  let told = 0;
  try {
    for (const task of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${task}/comm`, 'latin1').trim() !== V8_HELPER) continue;
      setPriority(Number(task), HELPER_NICE);
      told += 1;
    }
  } catch {
    // A sandbox without /proc, or without the right to change priorities.
  }
  return told;
}
