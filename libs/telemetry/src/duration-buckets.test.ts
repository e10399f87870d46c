import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DURATION_BOUNDS_SECONDS, DURATION_BUCKETS, durationBucket } from './duration-buckets.ts';

function bucketBySearch(durationMs: number): number {
  const at = DURATION_BOUNDS_SECONDS.findIndex((bound) => durationMs <= bound * 1000);
  return at === -1 ? DURATION_BUCKETS - 1 : at;
}

test('the bucket is the first whose bound is not smaller', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 40_000, noNaN: true }), (durationMs) => {
      assert.equal(durationBucket(durationMs), bucketBySearch(durationMs));
    }),
    { seed: 4, numRuns: 2000 },
  );
});

test('a duration equal to a bound belongs to its bucket, as Prometheus defines le', () => {
  DURATION_BOUNDS_SECONDS.forEach((bound, i) => {
    assert.equal(durationBucket(bound * 1000), i);
    assert.equal(durationBucket(bound * 1000 + 0.001), i + 1);
  });
});

test('negative, NaN and infinite durations have a bucket', () => {
  assert.equal(durationBucket(-5), 0);
  assert.equal(durationBucket(Number.NaN), 0);
  assert.equal(durationBucket(Infinity), DURATION_BUCKETS - 1);
});
