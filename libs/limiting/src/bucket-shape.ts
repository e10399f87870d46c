/** How a window is cut into buckets: `bucketCount × bucketMs` covers the window. */
export interface BucketShape {
  /** Width s of a bucket in ms, at least 1. */
  readonly bucketMs: number;
  /** N, buckets per window. */
  readonly bucketCount: number;
}

/**
 * Windows with at most this limit are counted exactly: a bucket is 1 ms wide, so that the buckets, at most 64, are the log of
 * charges; and nothing of them is leased ahead of need.
 */
export const EXACT_LIMIT_MAX = 64;
const BUCKETS_MIN = 50;
const BUCKETS_MAX = 64;

/**
 * Picks the buckets of a rule. A charge leaves at most one bucket late, so sustained throughput is at least
 * N / (N + 1) of the limit: 98.0 % at 50 buckets. More buckets would gain little and make each stored value larger.
 * A window that no N from 50 to 64 divides is covered by 1 ms more per bucket, which errs on the strict side.
 */
export function bucketShape(limit: number, windowMs: number): BucketShape {
  if (limit <= EXACT_LIMIT_MAX || windowMs <= BUCKETS_MAX) {
    return { bucketMs: 1, bucketCount: windowMs };
  }
  for (let count = BUCKETS_MAX; count >= BUCKETS_MIN; count -= 1) {
    if (windowMs % count === 0) return { bucketMs: windowMs / count, bucketCount: count };
  }
  const bucketMs = Math.ceil(windowMs / BUCKETS_MAX);
  return { bucketMs, bucketCount: Math.ceil(windowMs / bucketMs) };
}
