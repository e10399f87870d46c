import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leaseSchedules, propertyOptions, runOnModel } from '../test/lease.case.ts';
import { sendClosedLoop, startEdges } from '../test/lease-load.ts';
import { settled, tenantRule } from '../test/limiter-harness.ts';
import { ReturnsToAnyStore, ReturnsToYoungest } from '../test/model-runs.ts';
import type { BucketShape } from './bucket-shape.ts';
import { busiestWindow } from '../test/window-oracle.ts';
import { compileChain } from './index.ts';
import { SlidingWindow } from './sliding-window.ts';

type Charge = Parameters<SlidingWindow['charge']>;

const SEED = 20_261_121;
/** Of the shortest window of the schedules; the long lease of the longest one is half as long. */
const FAR_MS_MIN = 200;
const WITH_LOSSES = { clockSteps: false, losses: true };
const WITH_STEPS = { clockSteps: true, losses: false };

for (const faults of [WITH_LOSSES, WITH_STEPS]) {
  const name = faults.losses ? 'a store that is emptied' : 'a clock that steps back';
  test(`no window exceeds a limit with leases used in the last moment and returned late, ${name}, over 3,000 schedules`, () => {
    let far = 0;
    let ahead = 0;
    fc.assert(
      fc.property(leaseSchedules(faults), (schedule) => {
        for (const { lease } of runOnModel(schedule).replies) {
          ahead += lease?.later?.length ?? 0;
          if (lease !== undefined && lease.spanMs >= FAR_MS_MIN) far += 1;
        }
      }),
      propertyOptions(3000, SEED),
    );
    assert.ok(far > 500, `${far} far leases`);
    assert.ok(ahead > 500, `${ahead} leases ahead`);
  });
}

for (const { limit, span } of [
  { limit: 100_000, span: 'far' },
  { limit: 4000, span: 'long' },
]) {
  test(`on a worker whose clock is 5 % slow no ${span} lease is used after its end`, async () => {
    const pace = 0.95;
    const { clock, limiters } = await startEdges(1, { pace });
    const chain = compileChain('acme', [tenantRule({ limit })]);
    const storeNowMs = (): number => Math.floor(clock.monotonicMs() / pace + 1_000_000);
    let leased = 0;
    let longestMs = 0;
    for (let elapsedMs = 0; elapsedMs < 4000; elapsedMs += 1, clock.advance(1)) {
      const verdict = await limiters[0]?.take(chain, 1);
      await settled();
      if (verdict?.source !== 'lease' || verdict.charge?.stored === undefined) continue;
      const { stored } = verdict.charge;
      assert.ok(stored !== null && storeNowMs() <= stored.endMs, `at ${elapsedMs} ms`);
      longestMs = Math.max(longestMs, storeNowMs() - stored.madeMs);
      leased += 1;
    }
    assert.ok(leased > 3000 && longestMs >= (span === 'far' ? 450 : 40), `${longestMs} ms`);
    limiters[0]?.close();
  });
}

for (const pace of [0.95, 1.05]) {
  test(`a worker whose clock runs at ${pace} of the store's keeps to what was leased ahead, in a flood`, async () => {
    const group = await startEdges(1, { pace });
    const chain = compileChain('acme', [tenantRule({ limit: 400 })]);
    const loop = { clients: 64, seconds: 8, denialMs: 0.05, admissionMs: 0.2, endpointMs: 2 };
    const { admissions } = await sendClosedLoop(group, chain, loop);
    assert.ok(group.limiters[0] !== undefined && group.limiters[0].stats.admittedByLease > 2000);
    const byStore = admissions.map(({ timeMs, cost }) => ({ timeMs: timeMs / pace, cost }));
    assert.ok(busiestWindow(byStore, 1000) <= 400);
    group.limiters[0].close();
  });
}

/** A lease is charged to the time of its grant. */
class DatedToGrant extends SlidingWindow {
  override charge(...[clockMs, shape, cost, unsettled, aheadMs = 0]: Charge): number {
    return super.charge(clockMs, shape, cost, unsettled) + aheadMs;
  }
}

/** A lease may be used for a bucket longer than it is charged for. */
class ValidTooLong extends SlidingWindow {
  override charge(...charge: Charge): number {
    const [, shape] = charge;
    return super.charge(...charge) + shape.bucketMs + 1;
  }
}

/** What is leased ahead begins two buckets before what it replaces has left. */
class AheadTooSoon extends SlidingWindow {
  override usedAhead(clockMs: number, shape: BucketShape, aheadMs: number): number {
    return super.usedAhead(clockMs, shape, aheadMs + 2 * shape.bucketMs);
  }
}

/** A far lease is charged to the end of a long one. */
class FarDatedTooEarly extends SlidingWindow {
  override charge(...[clockMs, shape, cost, unsettled, aheadMs = 0]: Charge): number {
    const datedMs = Math.min(aheadMs, (shape.bucketMs * shape.bucketCount) / 20);
    return super.charge(clockMs, shape, cost, unsettled, datedMs) + aheadMs - datedMs;
  }
}

for (const Faulty of [
  DatedToGrant,
  ValidTooLong,
  FarDatedTooEarly,
  AheadTooSoon,
  ReturnsToAnyStore,
  ReturnsToYoungest,
]) {
  test(`the oracle finds a faulty lease: ${Faulty.name}`, () => {
    const found = fc.check(
      fc.property(leaseSchedules(WITH_LOSSES), (schedule) => {
        runOnModel(schedule, { createWindow: () => new Faulty() });
      }),
      { numRuns: 5000, seed: SEED, endOnFailure: true },
    );
    assert.ok(found.failed);
    assert.match(String(found.errorInstance), / > /);
  });
}
