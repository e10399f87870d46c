import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChargesOne } from '../test/model-runs.ts';
import { propertyOptions } from '../test/property-runs.ts';
import { assertWindowPromise, modelReplies, schedules, timedTakes } from '../test/store.case.ts';
import { busiestWindow, type Admission } from '../test/window-oracle.ts';
import { bucketShape } from './bucket-shape.ts';
import { SlidingWindow } from './sliding-window.ts';

const SEED = 20_260_101;

test('no trailing window of true time exceeds a limit, over 10,000 schedules with clock steps', () => {
  fc.assert(
    fc.property(schedules({ clockSteps: true }), (schedule) => {
      const takes = timedTakes(schedule);
      assertWindowPromise(takes, modelReplies(takes));
    }),
    propertyOptions(10_000, SEED),
  );
});

test('a refused unit fits at the told time and not a millisecond earlier', () => {
  const limits = fc.record({
    limit: fc.integer({ min: 1, max: 200 }),
    windowMs: fc.constantFrom(1, 10, 97, 1000, 3_600_000),
    gapsMs: fc.array(fc.integer({ min: 0, max: 300 }), {
      minLength: 1,
      maxLength: 60,
      size: 'max',
    }),
    costMax: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(limits, ({ limit, windowMs, gapsMs, costMax }) => {
      const shape = bucketShape(limit, windowMs);
      const window = new SlidingWindow();
      let nowMs = 1_000_003;
      for (const [index, gapMs] of gapsMs.entries()) {
        nowMs += gapMs;
        const cost = Math.min(limit, 1 + (index % costMax));
        const excess = window.used(nowMs, shape) + cost - limit;
        if (excess > 0) {
          const waitMs = window.waitMs(nowMs, shape, excess);
          assert.ok(waitMs <= windowMs + 2 * shape.bucketMs);
          assert.ok(window.used(nowMs + waitMs - 1, shape) + cost > limit);
          nowMs += waitMs;
          assert.ok(window.used(nowMs, shape) + cost <= limit);
        }
        window.charge(nowMs, shape, cost, false);
      }
    }),
    propertyOptions(2000, SEED),
  );
});

test('a charge leaves at most one bucket late: sustained throughput is at least 97 % of the limit', () => {
  for (const [limit, windowMs] of [
    [100, 1000],
    [1000, 60_000],
    [500, 1009],
    [64, 1000],
    [100_000, 86_400_000],
  ] as const) {
    const shape = bucketShape(limit, windowMs);
    const span = shape.bucketMs * (shape.bucketCount + 1);
    assert.ok(shape.bucketMs * shape.bucketCount >= windowMs);
    assert.ok(windowMs / span >= 0.965, `${limit} per ${windowMs} ms`);
    const window = new SlidingWindow();
    let admitted = 0;
    const stepMs = windowMs / 2000;
    for (let step = 0; step < 20_000; step += 1) {
      const nowMs = step * stepMs;
      const fit = Math.min(Math.ceil((limit * 3) / 2000), limit - window.used(nowMs, shape));
      if (fit <= 0) continue;
      window.charge(nowMs, shape, fit, false);
      admitted += fit;
    }
    assert.ok(admitted >= limit * 10 * 0.97, `${limit} per ${windowMs} ms: ${admitted}`);
  }
});

test('a clock that stepped back an hour locks nobody out for longer than a window', () => {
  const shape = bucketShape(100, 1000);
  const window = new SlidingWindow();
  window.charge(10_000_000, shape, 100, false);
  const steppedMs = 10_000_000 - 3_600_000;
  assert.equal(window.used(steppedMs, shape), 100);
  assert.equal(window.used(steppedMs + 1000 + shape.bucketMs, shape), 0);
});

test('what is charged while a lease is out leaves in its own time, not with the lease', () => {
  const shape = bucketShape(100, 1000);
  const window = new SlidingWindow();
  window.charge(1000, shape, 10, false);
  window.charge(1001, shape, 20, false, 500);
  window.charge(1002, shape, 3, false);
  window.charge(1100, shape, 5, false);
  assert.equal(window.used(1100, shape), 38);
  assert.equal(window.used(2000 + 2 * shape.bucketMs, shape), 25);
  assert.equal(window.used(2100 + 2 * shape.bucketMs, shape), 20);
  assert.equal(window.used(2501 + 2 * shape.bucketMs, shape), 0);
});

test('a limit changed across bucket widths goes on with the same charges', () => {
  const window = new SlidingWindow();
  window.charge(5003, bucketShape(200, 1000), 60, false);
  assert.equal(window.used(5004, bucketShape(50, 1000)), 60);
  window.charge(5900, bucketShape(50, 1000), 1, false);
  assert.equal(window.used(5999, bucketShape(200, 1000)), 61);
  assert.equal(window.used(6100, bucketShape(200, 1000)), 1);
});

test('the oracle finds the overshoot of a fixed window and of a two-counter window', () => {
  for (const createTake of [fixedWindow, twoCounterWindow]) {
    const found = fc.check(
      fc.property(
        fc.nat(99),
        fc.array(fc.nat(9), { minLength: 60, maxLength: 99 }),
        (startMs, gapsMs) => {
          const take = createTake(10, 100);
          const admitted: Admission[] = [];
          let timeMs = startMs;
          for (const gapMs of gapsMs) {
            timeMs += gapMs;
            if (take(timeMs)) admitted.push({ timeMs, cost: 1 });
          }
          return busiestWindow(admitted, 100) <= 10;
        },
      ),
      { numRuns: 5000, seed: SEED },
    );
    assert.ok(found.failed, createTake.name);
  }
  const boundary = (createTake: typeof fixedWindow, timesMs: readonly number[]): number => {
    const take = createTake(100, 1000);
    const admitted = timesMs.filter((timeMs) => take(timeMs));
    return busiestWindow(
      admitted.map((timeMs) => ({ timeMs, cost: 1 })),
      1000,
    );
  };
  const burst = (timeMs: number): number[] => Array.from({ length: 100 }, () => timeMs);
  assert.equal(boundary(fixedWindow, [...burst(999), ...burst(1000)]), 200);
  const second = Array.from({ length: 1000 }, (_, index) => 1000 + index);
  assert.ok(boundary(twoCounterWindow, [...burst(999), ...second]) >= 185);
});

test('the oracle finds a window that charges one unit, whatever a request costs', () => {
  const found = fc.check(
    fc.property(schedules({ clockSteps: false }), (schedule) => {
      const takes = timedTakes(schedule);
      assertWindowPromise(takes, modelReplies(takes, { createWindow: () => new ChargesOne() }));
    }),
    { numRuns: 2000, seed: SEED, endOnFailure: true },
  );
  assert.ok(found.failed);
  assert.match(String(found.errorInstance), / > /);
});

/** As Envoy's ratelimit: one counter per calendar window. */
function fixedWindow(limit: number, windowMs: number): (nowMs: number) => boolean {
  let current = -1;
  let count = 0;
  return (nowMs) => {
    const window = Math.floor(nowMs / windowMs);
    if (window !== current) count = 0;
    current = window;
    if (count >= limit) return false;
    count += 1;
    return true;
  };
}

/** As Kong, APISIX, Cloudflare: the previous counter, weighted by how much of it the window still overlaps. */
function twoCounterWindow(limit: number, windowMs: number): (nowMs: number) => boolean {
  const counts = new Map<number, number>();
  return (nowMs) => {
    const window = Math.floor(nowMs / windowMs);
    const weight = 1 - (nowMs % windowMs) / windowMs;
    const used = (counts.get(window) ?? 0) + (counts.get(window - 1) ?? 0) * weight;
    if (used + 1 > limit) return false;
    counts.set(window, (counts.get(window) ?? 0) + 1);
    return true;
  };
}

test('charges without bound are kept as a bounded number, which count for little longer', () => {
  const windowMs = 1_000_000;
  const shape = bucketShape(5, windowMs);
  const partMs = Math.ceil(windowMs / 512);
  const window = new SlidingWindow();
  const startMs = 50_000_000;
  for (let at = 0; at < 500_000; at += 10) window.charge(startMs + at, shape, 1, true);
  const read = window.charges(startMs + 500_000, shape, 'unsettled');
  assert.ok(read.length <= 1024, `${read.length} charges`);
  assert.equal(window.used(startMs + 500_000, shape), 50_000);
  for (let at = 500_000; at < 900_000; at += 10) window.charge(startMs + at, shape, 1, true);
  window.settle(read);
  const rest = window.charges(startMs + 900_000, shape, 'unsettled');
  const unsettled = rest.reduce((sum, { cost }) => sum + cost, 0);
  assert.ok(unsettled >= 40_000 && unsettled <= 40_000 + partMs / 10, `${unsettled} unsettled`);
  for (const passedMs of [100_000, 450_000, 899_000]) {
    const left = window.used(startMs + windowMs + passedMs, shape);
    const exact = 90_000 - passedMs / 10;
    assert.ok(left >= exact - 1 && left <= exact + partMs / 5, `${left} of ${exact}`);
  }
});
