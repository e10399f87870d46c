import assert from 'node:assert/strict';
import type { BatchItem, CompiledRule, ItemReply } from '../src/index.ts';
import { createMemoryStore, type UsageParts } from './memory-store.ts';
import type { Schedule } from './schedules.ts';
import { busiestWindow, type Admission } from './window-oracle.ts';

export { propertyOptions } from './property-runs.ts';
export { longSchedules, schedules, type Schedule } from './schedules.ts';
export { busiestWindow, type Admission } from './window-oracle.ts';

/** One call of a schedule: what to take, and what the store's clock then shows. */
export interface TimedTake {
  readonly item: BatchItem;
  readonly trueMs: number;
  readonly clockMs: number;
}

/** A time since the epoch at which schedules start, off any round number. */
const START_MS = 1_700_000_123_457;

/** The takes of a schedule in true time and in the time of a clock that steps back. Costs that never fit are left out. */
export function timedTakes({ chains, arrivals }: Schedule): TimedTake[] {
  const takes: TimedTake[] = [];
  let trueMs = START_MS;
  let behindMs = 0;
  for (const { advanceMs, stepBackMs, chain: index, cost, units } of arrivals) {
    trueMs += advanceMs;
    behindMs += stepBackMs;
    const chain = chains[index];
    if (chain === undefined || cost > chain.costMax) continue;
    takes.push({ item: { chain, cost, units }, trueMs, clockMs: trueMs - behindMs });
  }
  return takes;
}

/** Asserts the promise: no rule admitted more than its limit in any trailing window of true time. */
export function assertWindowPromise(
  takes: readonly TimedTake[],
  replies: readonly ItemReply[],
): void {
  const admissions = new Map<string, { compiled: CompiledRule; log: Admission[] }>();
  for (const [position, { item, trueMs }] of takes.entries()) {
    const granted = replies[position]?.granted ?? 0;
    assert.ok(granted >= 0 && granted <= item.units);
    if (granted === 0) continue;
    for (const compiled of item.chain.compiled) {
      const known = admissions.get(compiled.key) ?? { compiled, log: [] };
      known.log.push({ timeMs: trueMs, cost: granted * item.cost });
      admissions.set(compiled.key, known);
    }
  }
  for (const { compiled, log } of admissions.values()) {
    assert.ok(compiled.kind === 'window', compiled.key);
    const most = busiestWindow(log, compiled.rule.windowMs);
    assert.ok(most <= compiled.rule.limit, `${compiled.key}: ${most} > ${compiled.rule.limit}`);
  }
}

/** What the algorithm in TypeScript answers to the takes. */
export function modelReplies(takes: readonly TimedTake[], parts?: UsageParts): ItemReply[] {
  let clockMs = 0;
  const store = createMemoryStore(() => clockMs, parts);
  return takes.map((take) => {
    clockMs = take.clockMs;
    return store.takeItem(take.item);
  });
}
