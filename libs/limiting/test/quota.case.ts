import assert from 'node:assert/strict';
import type { CompiledQuota } from '../src/index.ts';
import type { UsageParts } from './memory-store.ts';
import { runOnMemory, type ScheduleRun } from './model-runs.ts';
import { usedInPeriod, type QuotaAdmission } from './quota-oracle.ts';
import type { QuotaSchedule } from './quota-schedules.ts';

export { propertyOptions } from './property-runs.ts';
export { quotaSchedules, type QuotaSchedule } from './quota-schedules.ts';

/**
 * Yields the calls of a schedule, is given their replies, and asserts after each that no period holds more than its quota,
 * and that nothing was refused that fits.
 */
export function* quotaRun({ startMs, chains, arrivals }: QuotaSchedule): ScheduleRun {
  const admissions = new Map<string, QuotaAdmission[]>();
  let trueMs = startMs;
  for (const { advanceMs, behindMs, chain: index, cost, units } of arrivals) {
    trueMs += advanceMs;
    const chain = chains[index];
    if (chain === undefined || cost > chain.costMax) continue;
    const clockMs = trueMs - behindMs;
    const { granted } = yield { item: { chain, cost, units }, clockMs, empties: false };
    assert.ok(granted >= 0 && granted <= units);
    let fits = units;
    for (const compiled of chain.compiled) {
      assert.ok(compiled.kind === 'quota');
      const left = leftOf(compiled, admissions, clockMs);
      assert.ok(granted * cost <= left, `${compiled.key}: ${granted * cost} > ${left} left`);
      fits = Math.min(fits, Math.floor(left / cost));
    }
    assert.equal(granted, fits, `${chain.id}: more would fit`);
    if (granted === 0) continue;
    for (const { key } of chain.compiled) {
      const log = admissions.get(key) ?? [];
      log.push({ clockMs, cost: granted * cost });
      admissions.set(key, log);
    }
  }
}

/** Runs a schedule on the algorithm in TypeScript; answers with its calls and replies. */
export function runQuotasOnModel(schedule: QuotaSchedule, parts?: UsageParts) {
  return runOnMemory(quotaRun(schedule), parts);
}

function leftOf(
  { key, capacity, rule }: CompiledQuota,
  admissions: ReadonlyMap<string, readonly QuotaAdmission[]>,
  clockMs: number,
): number {
  return capacity - usedInPeriod(admissions.get(key) ?? [], clockMs, rule);
}
