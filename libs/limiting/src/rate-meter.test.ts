import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { propertyOptions } from '../test/property-runs.ts';
import {
  assertNoNeedlessRefusal,
  assertPromises,
  pacedModelReplies,
  pacedTakes,
} from '../test/rate.case.ts';
import { rateExcess, type PacedAdmission } from '../test/rate-oracle.ts';
import { pacedSchedules } from '../test/rate-schedules.ts';
import { RateMeter, type RatePace } from './rate-meter.ts';

const SEED = 20_260_101;

test('no interval of true time holds more than burst + rate × t, over 10,000 schedules with clock steps', () => {
  fc.assert(
    fc.property(pacedSchedules({ clockSteps: true }), (schedule) => {
      const takes = pacedTakes(schedule);
      assertPromises(takes, pacedModelReplies(takes));
    }),
    propertyOptions(10_000, SEED),
  );
});

test('nothing is refused that a perfect meter would admit three microseconds later, over 10,000 schedules', () => {
  fc.assert(
    fc.property(pacedSchedules({ clockSteps: false }), (schedule) => {
      const takes = pacedTakes(schedule);
      assertNoNeedlessRefusal(takes, pacedModelReplies(takes));
    }),
    propertyOptions(10_000, SEED),
  );
});

const paces = fc.record({
  limit: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(999, 1_000_000)),
  windowMs: fc.constantFrom(1, 10, 97, 1000, 3_600_000),
  burst: fc.integer({ min: 1, max: 60 }),
});

test('a refused cost fits at the told time and not a millisecond earlier', () => {
  const gapsUs = fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(paces, gapsUs, fc.integer({ min: 1, max: 5 }), (pace, gaps, costMax) => {
      const meter = new RateMeter();
      let nowUs = 1_000_003;
      for (const [index, gapUs] of gaps.entries()) {
        nowUs += gapUs;
        const cost = Math.min(pace.burst, 1 + (index % costMax));
        if (meter.left(nowUs, pace) < cost) {
          const waitMs = meter.waitMs(nowUs, pace, cost);
          assert.ok(waitMs >= 1 && waitMs <= (pace.burst * pace.windowMs) / pace.limit + 1.002);
          assert.ok(meter.left(nowUs + (waitMs - 1) * 1000 - 1, pace) < cost);
          nowUs += waitMs * 1000;
          assert.ok(meter.left(nowUs, pace) >= cost);
        }
        meter.charge(nowUs, pace, cost, false);
      }
    }),
    propertyOptions(2000, SEED),
  );
});

test('at three times the rate nothing of it is lost: 99.9 % and more is admitted', () => {
  for (const pace of [
    { limit: 100, windowMs: 1000, burst: 1 },
    { limit: 7, windowMs: 1000, burst: 3 },
    { limit: 50_000, windowMs: 1000, burst: 200 },
    { limit: 1000, windowMs: 60_000, burst: 20 },
  ]) {
    const meter = new RateMeter();
    const gapUs = (pace.windowMs * 1000) / pace.limit / 3;
    const arrivals = 60_000;
    let admitted = 0;
    for (let arrival = 0; arrival < arrivals; arrival += 1) {
      const nowUs = Math.ceil(arrival * gapUs);
      if (meter.left(nowUs, pace) < 1) continue;
      meter.charge(nowUs, pace, 1, false);
      admitted += 1;
    }
    const allowed = pace.burst + arrivals / 3;
    // A burst of 1 leaves no room for arrivals that come a third of a gap after they would fit.
    const least = pace.burst === 1 ? 0.749 : 0.999;
    assert.ok(admitted >= allowed * least && admitted <= allowed, `${pace.limit}: ${admitted}`);
  }
});

test('a clock that stepped back an hour delays nobody by more than the debt takes to drain', () => {
  const pace = { limit: 100, windowMs: 1000, burst: 100 };
  const meter = new RateMeter();
  meter.charge(10_000_000_000, pace, 100, false);
  const steppedUs = 10_000_000_000 - 3_600_000_000;
  assert.equal(meter.left(steppedUs, pace), 0);
  assert.equal(meter.left(steppedUs + 1_000_001, pace), 100);
});

test('a changed limit or burst acts at once on the debt so far', () => {
  const pace = { limit: 10, windowMs: 1000, burst: 10 };
  const meter = new RateMeter();
  meter.charge(5_000_000, pace, 8, false);
  assert.equal(meter.left(5_000_001, { ...pace, burst: 20 }), 12);
  assert.equal(meter.left(5_000_001, { ...pace, burst: 5 }), -3);
  assert.equal(meter.waitMs(5_000_001, { ...pace, limit: 1000 }, 10), 8);
});

test('what the store was told is settled; what came meanwhile is not', () => {
  const pace = { limit: 10, windowMs: 1000, burst: 10 };
  const meter = new RateMeter();
  meter.charge(0, pace, 4, false);
  assert.equal(meter.read(1, pace, 'unsettled'), null);
  meter.charge(1, pace, 3, true);
  const told = meter.read(1, pace, 'unsettled');
  assert.deepEqual([told?.cost, meter.read(1, pace, 'all')?.cost], [3, 7]);
  assert.ok(told !== null);
  meter.charge(200_001, pace, 2, true);
  meter.settle(200_001, pace, told);
  assert.equal(meter.read(200_001, pace, 'unsettled')?.cost, 2);
});

const burstyGapsUs = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 9000 }) },
    fc.integer({ min: 0, max: 600_000 }),
  ),
  { minLength: 60, maxLength: 99 },
);

test('the oracle finds what three faulty limiters admit too much', () => {
  for (const createTake of [refilledBucket, offByOneCell, roundedCell]) {
    const found = fc.check(
      fc.property(burstyGapsUs, (gapsUs) => {
        const pace = { limit: 30, windowMs: 1000, burst: 10 };
        const take = createTake(pace);
        const admitted: PacedAdmission[] = [];
        let timeUs = 1_000_000;
        for (const gapUs of gapsUs) {
          timeUs += gapUs;
          if (take(timeUs)) admitted.push({ timeUs, cost: 1 });
        }
        return rateExcess(admitted, pace) <= 0;
      }),
      { numRuns: 2000, seed: SEED },
    );
    assert.ok(found.failed, createTake.name);
  }
});

/** Fills the bucket up at fixed times, as limiters on a timer do: nearly two bursts around such a time. */
function refilledBucket({ limit, windowMs, burst }: RatePace): (nowUs: number) => boolean {
  const periodUs = ((windowMs * burst) / limit) * 1000;
  let period = -1;
  let left = 0;
  return (nowUs) => {
    const current = Math.floor(nowUs / periodUs);
    if (current !== period) left = burst;
    period = current;
    left -= 1;
    return left >= 0;
  };
}

/** A theoretical arrival time that may run ahead by a whole burst: one unit too many. */
function offByOneCell({ limit, windowMs, burst }: RatePace): (nowUs: number) => boolean {
  const intervalUs = (windowMs * 1000) / limit;
  let arrivalUs = 0;
  return (nowUs) => {
    const nextUs = Math.max(arrivalUs, nowUs);
    if (nextUs - nowUs > burst * intervalUs) return false;
    arrivalUs = nextUs + intervalUs;
    return true;
  };
}

/** An emission interval cut to whole milliseconds: 33 instead of 33.3. */
function roundedCell({ limit, windowMs, burst }: RatePace): (nowUs: number) => boolean {
  const intervalUs = Math.floor(windowMs / limit) * 1000;
  let arrivalUs = 0;
  return (nowUs) => {
    const nextUs = Math.max(arrivalUs, nowUs);
    if (nextUs - nowUs > (burst - 1) * intervalUs) return false;
    arrivalUs = nextUs + intervalUs;
    return true;
  };
}
