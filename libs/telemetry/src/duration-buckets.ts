/**
 * Upper bounds of the duration histograms of the request path: 0.25 ms × 2^k, in seconds, from
 * 0.25 ms to 16.384 s. Powers of two make the bucket of a duration one `clz32`.
 */
export const DURATION_BOUNDS_SECONDS: readonly number[] = Array.from(
  { length: 17 },
  (_, power) => 0.000_25 * 2 ** power,
);

/** Buckets of a duration histogram: one per bound and one for what is longer. */
export const DURATION_BUCKETS = DURATION_BOUNDS_SECONDS.length + 1;

const LAST_BUCKET = DURATION_BUCKETS - 1;

/**
 * Index of the bucket of a duration in ms: the first whose bound is not smaller. Negative and NaN
 * durations (a clock that stepped back) count as 0.
 * @hot
 */
export function durationBucket(durationMs: number): number {
  if (!(durationMs > 0.25)) return 0;
  if (durationMs > 16_384) return LAST_BUCKET;
  // In units of 0.25 ms, rounded up: 2 → 1, 3..4 → 2, 5..8 → 3, …
  return 32 - Math.clz32(Math.ceil(durationMs * 4) - 1);
}
