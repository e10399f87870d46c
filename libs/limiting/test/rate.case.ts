import assert from 'node:assert/strict';
import type { BatchItem, CompiledRule, ItemReply } from '../src/index.ts';
import { createMemoryStore } from './memory-store.ts';
import { mustRefuse, rateExcess, type PacedAdmission } from './rate-oracle.ts';
import type { PacedSchedule } from './rate-schedules.ts';
import { busiestWindow } from './window-oracle.ts';

export { propertyOptions } from './property-runs.ts';
export { rateExcess, type PacedAdmission } from './rate-oracle.ts';
export { pacedSchedules, type PacedArrival, type PacedSchedule } from './rate-schedules.ts';

/** One call of a schedule: what to take, and what the store's clock then shows. */
export interface PacedTake {
  readonly item: BatchItem;
  readonly trueUs: number;
  readonly clockUs: number;
}

/** A time since the epoch at which schedules start; quarters of a microsecond are still exact in a double. */
const START_US = 1_700_000_123_457_001.25;

/** The takes of a schedule in true time and in that of the store's clock. Costs that never fit are left out. */
export function pacedTakes({ chains, arrivals }: PacedSchedule): PacedTake[] {
  const takes: PacedTake[] = [];
  let trueUs = START_US;
  let behindUs = 0;
  for (const { advanceUs, stepBackUs, chain: index, cost, units } of arrivals) {
    trueUs += advanceUs;
    behindUs += stepBackUs;
    const chain = chains[index];
    if (chain === undefined || cost > chain.costMax) continue;
    takes.push({ item: { chain, cost, units }, trueUs, clockUs: Math.floor(trueUs) - behindUs });
  }
  return takes;
}

/** Asserts that no rule of any kind admitted more than it promises, in true time. */
export function assertPromises(takes: readonly PacedTake[], replies: readonly ItemReply[]): void {
  for (const { compiled, log } of admissionsOf(takes, replies).values()) {
    if (compiled.kind === 'rate') {
      const excess = rateExcess(log, compiled.rule);
      assert.ok(excess <= 0, `${compiled.key}: ${excess} units too many`);
      continue;
    }
    assert.ok(compiled.kind === 'window', compiled.key);
    const inMs = log.map(({ timeUs, cost }) => ({ timeMs: timeUs / 1000, cost }));
    assert.ok(busiestWindow(inMs, compiled.rule.windowMs) <= compiled.rule.limit, compiled.key);
  }
}

/**
 * Asserts that takes of the chain of one rate were refused only when they had to be, given a clock of whole
 * microseconds: an admission is dated up to one later, up to one more is not drained, and a wish is seen up to one
 * earlier.
 */
export function assertNoNeedlessRefusal(
  takes: readonly PacedTake[],
  replies: readonly ItemReply[],
): void {
  const admissions = new Map<string, PacedAdmission[]>();
  for (const [position, { item, trueUs }] of takes.entries()) {
    const granted = replies[position]?.granted ?? 0;
    const [rule] = item.chain.compiled;
    if (granted < item.units && item.chain.compiled.length === 1 && rule?.kind === 'rate') {
      const wish = { timeUs: trueUs, cost: (granted + 1) * item.cost };
      const log = admissions.get(rule.key) ?? [];
      assert.ok(mustRefuse(log, wish, rule.rule, 3), `${rule.key}: ${wish.cost} units would fit`);
    }
    if (granted === 0) continue;
    for (const { key } of item.chain.compiled) {
      const log = admissions.get(key) ?? [];
      log.push({ timeUs: trueUs, cost: granted * item.cost });
      admissions.set(key, log);
    }
  }
}

/** What the algorithm in TypeScript answers to the takes. */
export function pacedModelReplies(takes: readonly PacedTake[]): ItemReply[] {
  let clockUs = 0;
  const store = createMemoryStore(() => clockUs / 1000);
  return takes.map((take) => {
    clockUs = take.clockUs;
    return store.takeItem(take.item);
  });
}

function admissionsOf(
  takes: readonly PacedTake[],
  replies: readonly ItemReply[],
): Map<string, { compiled: CompiledRule; log: PacedAdmission[] }> {
  const admissions = new Map<string, { compiled: CompiledRule; log: PacedAdmission[] }>();
  for (const [position, { item, trueUs }] of takes.entries()) {
    const granted = replies[position]?.granted ?? 0;
    assert.ok(granted >= 0 && granted <= item.units);
    if (granted === 0) continue;
    for (const compiled of item.chain.compiled) {
      const known = admissions.get(compiled.key) ?? { compiled, log: [] };
      known.log.push({ timeUs: trueUs, cost: granted * item.cost });
      admissions.set(compiled.key, known);
    }
  }
  return admissions;
}
