/** Where code takes random numbers from; injected, so that tests can be seeded. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

/** Not for secrets: use `node:crypto` for those. */
export const systemRandom: Random = { next: () => Math.random() };

/**
 * "Full jitter" back-off (AWS Architecture Blog, 2015): a uniform wait in [0, min(cap, base × 2^attempt)).
 * It spreads a crowd of reconnecting clients evenly, which equal or no jitter does not.
 *
 * @param attempt 0 for the first retry.
 */
export function fullJitterMs(
  random: Random,
  attempt: number,
  baseMs: number,
  capMs: number,
): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return random.next() * ceiling;
}
