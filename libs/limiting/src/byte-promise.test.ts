import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byteSchedules, propertyOptions, runBytesOnModel } from '../test/byte.case.ts';
import { ReturnsToAnyStore, ReturnsToYoungest } from '../test/model-runs.ts';
import type { BucketShape } from './bucket-shape.ts';
import { SlidingWindow } from './sliding-window.ts';

const SEED = 20_261_121;
const WITH_LOSSES = { clockSteps: false, losses: true, isShort: false };
const WITH_STEPS = { clockSteps: true, losses: false, isShort: false };
const WITHIN_WINDOWS = { clockSteps: false, losses: false, isShort: true };

for (const faults of [WITH_LOSSES, WITH_STEPS]) {
  const name = faults.losses ? 'a store that is emptied' : 'a clock that steps back';
  test(`no window holds more bytes or requests than its limit, bytes being given back late, ${name}, over 3,000 schedules`, () => {
    fc.assert(
      fc.property(byteSchedules(faults), (schedule) => {
        runBytesOnModel(schedule, { sums: false });
      }),
      propertyOptions(3000, SEED),
    );
  });
}

test('when all is settled just what passed is used, over 3,000 schedules', () => {
  fc.assert(
    fc.property(byteSchedules(WITHIN_WINDOWS), (schedule) => {
      runBytesOnModel(schedule, { sums: true });
    }),
    propertyOptions(3000, SEED),
  );
});

/** Only a part is charged until it is known what passes. */
class ChargesLess extends SlidingWindow {
  override charge(clockMs: number, shape: BucketShape, cost: number, unsettled: boolean): number {
    return super.charge(clockMs, shape, Math.ceil(cost / 2), unsettled);
  }
}

for (const Faulty of [ReturnsToAnyStore, ReturnsToYoungest, ChargesLess]) {
  test(`the oracle finds a faulty count of bytes: ${Faulty.name}`, () => {
    const found = fc.check(
      fc.property(byteSchedules(WITH_LOSSES), (schedule) => {
        runBytesOnModel(schedule, { sums: false }, { createWindow: () => new Faulty() });
      }),
      { numRuns: 20_000, seed: SEED, endOnFailure: true },
    );
    assert.ok(found.failed);
    assert.match(String(found.errorInstance), / > /);
  });
}
