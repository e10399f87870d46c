import type { Random } from '@headgate/runtime';

/**
 * Arrivals of a Poisson process: many independent clients. Gaps are exponential, so bursts come as they do in life.
 *
 * @param perSecond mean rate, above 0
 * @returns a function that gives the next arrival, in ms since the start; each is later than the one before
 */
export function createArrivals(random: Random, perSecond: number): () => number {
  const meanGapMs = 1000 / perSecond;
  let atMs = 0;
  return () => {
    // next() is below 1, so the logarithm is finite.
    atMs -= Math.log(1 - random.next()) * meanGapMs;
    return atMs;
  };
}
