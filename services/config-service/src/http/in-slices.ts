import { setImmediate as nextTurn } from 'node:timers/promises';

/** Others wait so long at most, unless a single step takes longer. */
const SLICE_MS = 10;

/** Does long work a few milliseconds at a time, and lets other requests go on in between. It stops at each `yield`. */
export async function inSlices<Value>(work: Iterator<undefined, Value>): Promise<Value> {
  for (;;) {
    const endMs = performance.now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < endMs);
    await nextTurn();
  }
}
