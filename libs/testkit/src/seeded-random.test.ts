import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from './seeded-random.ts';

const draw = (seed: number, count: number) => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

test('equal seeds give equal sequences, other seeds other ones', () => {
  assert.deepEqual(draw(7, 100), draw(7, 100));
  assert.notDeepEqual(draw(7, 100), draw(8, 100));
});

test('numbers lie in [0, 1) and fill ten buckets evenly', () => {
  const numbers = draw(42, 10_000);
  const buckets = Array.from({ length: 10 }, () => 0);
  for (const number of numbers) {
    assert.ok(number >= 0 && number < 1);
    const bucket = Math.floor(number * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  // Standard deviation of a bucket is 30; five of them are 150.
  for (const count of buckets) assert.ok(Math.abs(count - 1000) < 150, String(buckets));
});
