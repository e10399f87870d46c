import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limit } from '@headgate/model';
import fc from 'fast-check';
import type { DemandMinute } from './demand-history.ts';
import { replayDemand, whyNotJudged } from './replay-demand.ts';

const START_MS = Date.UTC(2026, 2, 2, 8);
const limitOf = (fields: object): Limit => Limit.parse({ name: 'limit', ...fields });

/** Whether a request at this time passes. */
type Limiter = (atMs: number) => boolean;

/** Exact limiters, by the log of what they admitted. */
function limiterOf({ kind, limit, windowMs = 0, burst = limit }: Limit): Limiter {
  const log: number[] = [];
  if (kind === 'window') {
    return (atMs) => {
      if (log.filter((time) => time > atMs - windowMs).length >= limit) return false;
      log.push(atMs);
      return true;
    };
  }
  if (kind === 'rate') {
    let debt = 0;
    let debtMs = -Infinity;
    return (atMs) => {
      debt = Math.max(0, debt - ((atMs - debtMs) * limit) / windowMs);
      debtMs = atMs;
      if (debt + 1 > burst + 1e-9) return false;
      debt += 1;
      return true;
    };
  }
  return (atMs) => {
    const hour = Math.floor(atMs / 3_600_000);
    if (log.filter((time) => Math.floor(time / 3_600_000) === hour).length >= limit) return false;
    log.push(atMs);
    return true;
  };
}

function recordOf(times: readonly number[]): DemandMinute[] {
  const seconds = new Map<number, number>();
  for (const time of times) {
    const second = Math.floor(time / 1000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const minutes = new Map<number, DemandMinute>();
  for (const [second, count] of [...seconds].sort(([a], [b]) => a - b)) {
    const atMs = Math.floor(second / 60) * 60_000;
    const { total = 0, peak = 0 } = minutes.get(atMs) ?? {};
    minutes.set(atMs, { atMs, total: total + count, peak: Math.max(peak, count) });
  }
  return [...minutes.values()];
}

const limits = fc.oneof(
  fc.record({
    limit: fc.integer({ min: 1, max: 12 }),
    windowMs: fc.constantFrom(500, 1000, 2500, 60_000, 90_000, 120_000, 300_000),
  }),
  fc.record({
    kind: fc.constant('rate'),
    limit: fc.integer({ min: 1, max: 12 }),
    windowMs: fc.constantFrom(1000, 7000, 60_000, 600_000),
    burst: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({
    kind: fc.constant('quota'),
    limit: fc.integer({ min: 1, max: 60 }),
    period: fc.constant('hour'),
  }),
);
const gaps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 400 }) },
    fc.constantFrom(1000, 20_000, 61_000, 250_000),
  ),
  { minLength: 1, maxLength: 120, size: 'max' },
);

test('never more than an exact limiter refuses, in all and in the first minutes, over 1,000 loads', () => {
  let certain = 0;
  fc.assert(
    fc.property(limits, gaps, fc.nat(3_600_000), (fields, steps, fromMs) => {
      const limit = limitOf(fields);
      const admits = limiterOf(limit);
      let atMs = START_MS + fromMs;
      const times = steps.map((step) => (atMs += step));
      const refused = times.filter((time) => !admits(time)).length;
      const found = replayDemand(limit, recordOf(times), 'UTC');
      const least = found?.cost ?? 0;
      certain += least > 0 ? 1 : 0;
      assert.ok(least <= refused, `${least} of ${refused} refused`);
    }),
    { numRuns: 1000, seed: 20_261_121 },
  );
  assert.ok(certain > 300, `something was certain in ${certain} loads only`);
});

const minute = (index: number, total: number, peak: number): DemandMinute => {
  return { atMs: START_MS + index * 60_000, total, peak };
};

test('what is certain of the busiest second, of a minute and of minutes in a row is told with its times', () => {
  const record = [minute(0, 100, 30), minute(1, 700, 20), minute(9, 50, 50)];
  const refused = (fields: object) => replayDemand(limitOf(fields), record, 'UTC');
  assert.deepEqual(refused({ limit: 20, windowMs: 1000 }), {
    ...{ cost: 40, minutes: 2, firstMs: START_MS, lastMs: START_MS + 540_000 },
    ...{ worstMs: START_MS + 540_000, worstCost: 30 },
  });
  assert.equal(refused({ limit: 600, windowMs: 60_000 })?.cost, 100);
  // The two minutes in a row lie within one window; the third does not.
  assert.equal(refused({ limit: 700, windowMs: 120_000 })?.cost, 100);
  assert.equal(refused({ limit: 700, windowMs: 119_000 }), null);
  assert.equal(refused({ limit: 800, windowMs: 600_000 })?.cost, 50);
  assert.equal(refused({ kind: 'rate', limit: 300, windowMs: 60_000, burst: 10 })?.cost, 440);
  assert.equal(refused({ kind: 'quota', limit: 840, period: 'day' })?.cost, 10);
  assert.equal(refused({ limit: 50, windowMs: 1000 }), null);
});

test('a quota begins anew at midnight of its time zone', () => {
  const evening = Date.UTC(2026, 2, 2, 22, 58);
  const record = [0, 1, 2, 3].map((index) => ({
    atMs: evening + index * 60_000,
    total: 10,
    peak: 1,
  }));
  const quota = limitOf({ kind: 'quota', limit: 20, period: 'day' });
  assert.equal(replayDemand(quota, record, 'Europe/Berlin'), null);
  assert.equal(replayDemand(quota, record, 'UTC')?.cost, 20);
});

test('what is not recorded is said, not guessed', () => {
  assert.match(whyNotJudged({ kind: 'concurrency' }) ?? '', /not recorded/);
  assert.match(whyNotJudged({ kind: 'window', per: 'client-ip' }) ?? '', /not by consumer/);
  assert.match(whyNotJudged({ kind: 'window', unit: 'request-bytes' }) ?? '', /bytes/);
  assert.equal(whyNotJudged({ kind: 'rate' }), null);
});
