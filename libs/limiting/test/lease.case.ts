import assert from 'node:assert/strict';
import { type BatchItem, type LeaseReturn, type LimitChain } from '../src/index.ts';
import type { LeaseArrival, LeaseSchedule } from './lease-schedules.ts';
import type { UsageParts } from './memory-store.ts';
import { runOnMemory, type ScheduleRun } from './model-runs.ts';
import { busiestWindow, type Admission } from './window-oracle.ts';

export type { ScheduleRun, StoreCall } from './model-runs.ts';
export { propertyOptions } from './property-runs.ts';
export { leaseSchedules, type LeaseSchedule } from './lease-schedules.ts';

/** A time since the epoch at which schedules start, off any round number. */
const START_MS = 1_700_000_123_457;

/**
 * Yields the calls of a schedule, is given their replies, and asserts the promise over what was used: directly at the time
 * of the call, of a lease at once or in its last moment. What an emptied store has forgotten does not count, what is
 * returned to it must not either.
 */
export function* leaseRun({ chains, arrivals }: LeaseSchedule): ScheduleRun {
  let trueMs = START_MS;
  let behindMs = 0;
  let uses: Use[] = [];
  const unused = chains.map((): LeaseReturn[] => []);
  for (const arrival of arrivals) {
    trueMs += arrival.advanceMs;
    behindMs += arrival.stepBackMs;
    const chain = chains[arrival.chain];
    const returns = unused[arrival.chain];
    if (chain === undefined || returns === undefined || arrival.cost > chain.costMax) continue;
    if (arrival.empties) {
      assertWindows(uses);
      uses = [];
    }
    const clockMs = trueMs - behindMs;
    const item = itemOf(chain, arrival, returns);
    const { granted, lease } = yield { item, clockMs, empties: arrival.empties };
    assert.ok(granted >= 0 && granted <= item.units);
    uses.push({ chain, timeMs: trueMs, cost: granted * item.cost });
    if (lease === undefined) continue;
    const { madeMs, later = [] } = lease;
    assert.ok(later.length === 0 || arrival.isFlood);
    for (const { startMs, spanMs, amount } of [{ ...lease, startMs: 0 }, ...later]) {
      assert.ok(amount <= arrival.wanted);
      const used = Math.floor((amount * arrival.quartersUsed) / 4);
      const usedMs = trueMs + startMs + (arrival.usesLate ? spanMs : 0);
      uses.push({ chain, timeMs: usedMs, cost: used });
      if (used === amount) continue;
      returns.push({ amount: amount - used, madeMs, endMs: madeMs + startMs + spanMs });
    }
  }
  assertWindows(uses);
}

/** Runs a schedule on the algorithm in TypeScript; answers with its calls and replies. */
export function runOnModel(schedule: LeaseSchedule, parts?: UsageParts) {
  return runOnMemory(leaseRun(schedule), parts);
}

interface Use extends Admission {
  readonly chain: LimitChain;
}

/** As edges ask: never for a lease of a chain that has none, since one that is over at once cannot be told from a charge. */
function itemOf(chain: LimitChain, arrival: LeaseArrival, returns: LeaseReturn[]): BatchItem {
  const { cost, units, isFlood } = arrival;
  const wanted = (chain.leaseSpans?.farMs ?? 0) === 0 ? 0 : arrival.wanted;
  const returned = returns.splice(0, arrival.returns);
  if (wanted === 0 && returned.length === 0) return { chain, cost, units };
  return { chain, cost, units, lease: { amount: wanted, returned, isFlood } };
}

function assertWindows(uses: readonly Use[]): void {
  const rules = new Map(
    uses.flatMap(({ chain }) => chain.compiled.map((each) => [each.key, each])),
  );
  for (const compiled of rules.values()) {
    assert.ok(compiled.kind === 'window');
    const log = uses.filter(
      ({ chain, cost }) => cost > 0 && chain.storeKeys.includes(compiled.key),
    );
    const most = busiestWindow(log, compiled.rule.windowMs);
    assert.ok(most <= compiled.capacity, `${compiled.key}: ${most} > ${compiled.capacity}`);
  }
}
