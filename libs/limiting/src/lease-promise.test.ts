import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leaseSchedules, propertyRuns, runOnModel } from '../test/lease.case.ts';
import type { BucketShape } from './bucket-shape.ts';
import type { LeaseReturn } from './limit-store.ts';
import { SlidingWindow } from './sliding-window.ts';

const SEED = 20_261_121;
const WITH_LOSSES = { clockSteps: false, losses: true };
const WITH_STEPS = { clockSteps: true, losses: false };

for (const faults of [WITH_LOSSES, WITH_STEPS]) {
  const name = faults.losses ? 'a store that is emptied' : 'a clock that steps back';
  test(`no window exceeds a limit with leases used in the last moment and returned late, ${name}, over 3,000 schedules`, () => {
    fc.assert(
      fc.property(leaseSchedules(faults), (schedule) => {
        runOnModel(schedule);
      }),
      { numRuns: propertyRuns(3000), seed: SEED },
    );
  });
}

/** A lease is charged to the time of its grant. */
class DatedToGrant extends SlidingWindow {
  override charge(
    clockMs: number,
    shape: BucketShape,
    cost: number,
    unsettled: boolean,
    aheadMs = 0,
  ): number {
    return super.charge(clockMs, shape, cost, unsettled) + aheadMs;
  }
}

/** A lease may be used for a bucket longer than it is charged for. */
class ValidTooLong extends SlidingWindow {
  override charge(
    clockMs: number,
    shape: BucketShape,
    cost: number,
    unsettled: boolean,
    aheadMs = 0,
  ): number {
    return super.charge(clockMs, shape, cost, unsettled, aheadMs) + shape.bucketMs + 1;
  }
}

/** What is returned is taken off whatever charges there are, also in an emptied store. */
class ReturnsToAnyStore extends SlidingWindow {
  override giveBack(clockMs: number, shape: BucketShape, returned: LeaseReturn): void {
    super.giveBack(clockMs, shape, { ...returned, madeMs: Infinity });
  }
}

/** What is returned is taken off charges that are younger than the lease. */
class ReturnsToYoungest extends SlidingWindow {
  override giveBack(clockMs: number, shape: BucketShape, returned: LeaseReturn): void {
    super.giveBack(clockMs, shape, { ...returned, endMs: returned.endMs + 10_000 });
  }
}

for (const Faulty of [DatedToGrant, ValidTooLong, ReturnsToAnyStore, ReturnsToYoungest]) {
  test(`the oracle finds a faulty lease: ${Faulty.name}`, () => {
    const found = fc.check(
      fc.property(leaseSchedules(WITH_LOSSES), (schedule) => {
        runOnModel(schedule, () => new Faulty());
      }),
      { numRuns: 5000, seed: SEED, endOnFailure: true },
    );
    assert.ok(found.failed);
    assert.match(String(found.errorInstance), / > /);
  });
}
