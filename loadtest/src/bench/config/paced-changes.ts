import { setTimeout as sleep } from 'node:timers/promises';

/** Changes that may be under way at the same time, fewer than a config-service has connections; the next ones wait. */
const UNDER_WAY_MAX = 8;

/** Changes at a fixed rate. */
export interface PacedChanges {
  readonly perSecond: number;
  readonly count: number;
  /** Makes the change with this number, counted from 0. */
  readonly change: (index: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Makes changes when they are due, whether or not earlier ones are done, up to a bound.
 *
 * @returns how many were made per second
 * @throws Error of the first change that fails
 */
export async function makePacedChanges(paced: PacedChanges): Promise<number> {
  const startMs = performance.now();
  const underWay = new Set<Promise<void>>();
  for (let index = 0; index < paced.count; index += 1) {
    paced.signal.throwIfAborted();
    const waitMs = startMs + (index * 1000) / paced.perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    while (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
    const one = paced.change(index).finally(() => underWay.delete(one));
    one.catch(() => undefined); // awaited below, or by the race above
    underWay.add(one);
  }
  await Promise.all(underWay);
  return (paced.count * 1000) / (performance.now() - startMs);
}
