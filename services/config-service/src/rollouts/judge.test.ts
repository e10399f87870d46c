import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestCounts } from '@headgate/bus';
import { RolloutGuard } from '@headgate/model';
import { createSeededRandom } from '@headgate/testkit';
import { judge } from './judge.ts';
import { addCounts, bucketBoundMs, figuresOf, slowerThan } from './request-counts.ts';

const GUARD = RolloutGuard.parse({});
const BUCKETS = 18;

/** Counts of requests that took less than 0.25 ms × 2^bucket. */
function counts(ok: number, errors = 0, clientErrors = 0, bucket = 4): RequestCounts {
  const durations = Array.from({ length: BUCKETS }, () => 0);
  durations[bucket] = ok + errors + clientErrors;
  return { statuses: [0, 0, ok, 0, clientErrors, errors], durations };
}

const cases: [
  what: string,
  candidate: RequestCounts,
  baseline: RequestCounts | null,
  verdict: string,
][] = [
  ['too few requests', counts(0, 49), counts(1000), 'waiting'],
  ['nobody was answered', { ...counts(0), statuses: [500, 0, 0, 0, 0, 0] }, null, 'waiting'],
  ['all is well', counts(1000), counts(1000), 'healthy'],
  ['all is well, nothing to compare with', counts(1000), null, 'healthy'],
  ['every request fails', counts(0, 50), counts(1000), 'failing'],
  ['every request fails, nothing to compare with', counts(0, 50), null, 'failing'],
  ['every request fails as before', counts(0, 500), counts(0, 500), 'healthy'],
  ['one of ten fails', counts(90, 10), counts(1000), 'failing'],
  ['a rise within the threshold', counts(9600, 400), counts(10_000), 'healthy'],
  ['a rise that may be chance', counts(46, 4), counts(59, 1), 'healthy'],
  ['4xx rise', counts(50, 0, 50), counts(1000), 'failing'],
  ['4xx rise within the threshold', counts(850, 0, 150), counts(1000), 'healthy'],
  ['four times as slow', counts(1000, 0, 0, 6), counts(1000), 'healthy'],
  ['eight times as slow', counts(1000, 0, 0, 7), counts(1000), 'failing'],
  ['slower than ever, against too few requests', counts(1000, 0, 0, 17), counts(49), 'healthy'],
  ['as slow as the buckets go', counts(1000, 0, 0, 17), counts(1000, 0, 0, 17), 'healthy'],
];

for (const [what, candidate, baseline, verdict] of cases) {
  test(`${what}: ${verdict}`, () => {
    assert.equal(judge(candidate, baseline, GUARD).verdict, verdict);
  });
}

test('the reason names both shares', () => {
  const judgement = judge(counts(90, 10), counts(990, 10), GUARD);
  assert.deepEqual(judgement, {
    verdict: 'failing',
    reason: 'replies with 5xx: 10.0 % of 100 requests with the candidate, without it 1.0 % of 1000',
  });
});

test('of 300 candidates like their baseline, looked at after each of 1,000 requests, none is taken back', () => {
  const random = createSeededRandom(14);
  const draw = (all: number) => {
    let errors = 0;
    for (let request = 0; request < all; request += 1) if (random.next() < 0.1) errors += 1;
    return errors;
  };
  let takenBack = 0;
  for (let run = 0; run < 300; run += 1) {
    const baseErrors = draw(300);
    let errors = 0;
    for (let all = 1; all <= 1000; all += 1) {
      errors += draw(1);
      const baseline = counts(300 - baseErrors, baseErrors);
      if (judge(counts(all - errors, errors), baseline, GUARD).verdict !== 'failing') continue;
      takenBack += 1;
      break;
    }
  }
  assert.equal(takenBack, 0);
});

test('figures: those that were answered, and an interpolated percentile', () => {
  const mixed = addCounts([
    counts(90, 3, 2),
    null,
    { ...counts(5, 0, 0, 5), statuses: [1, 0, 4, 0, 0, 0] },
  ]);
  assert.ok(mixed);
  const { p95Ms, ...rest } = figuresOf(mixed);
  assert.deepEqual(rest, { requests: 99, errors: 3, clientErrors: 2 });
  assert.equal(p95Ms, 4, 'the 95th of 100 is the last below 4 ms');
  assert.deepEqual(slowerThan(mixed, 4), { slow: 5, all: 100 });
  assert.deepEqual([bucketBoundMs(3), bucketBoundMs(4), bucketBoundMs(20_000)], [4, 4, null]);
  assert.deepEqual(figuresOf(null), { requests: 0, errors: 0, clientErrors: 0, p95Ms: null });
  assert.equal(addCounts([null]), null);
});
