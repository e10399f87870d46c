import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuotaTable, type PeriodUsage } from '../test/quota-table.ts';
import { propertyOptions, quotaSchedules, runQuotasOnModel } from '../test/quota.case.ts';
import { createCalendar, type Calendar } from './calendar.ts';

const SEED = 20_261_121;

test('no period of any calendar holds more than its quota, and nothing is refused that fits, over 1,000 schedules', () => {
  fc.assert(
    fc.property(quotaSchedules, (schedule) => {
      runQuotasOnModel(schedule);
    }),
    propertyOptions(1000, SEED),
  );
});

/** A clock that steps back begins the earlier period anew, and the later one once more. */
class BeginsAnew extends QuotaTable {
  override present(calendar: Calendar, nowMs: number): PeriodUsage {
    const [, startMs, endMs] = calendar.edgesAt(nowMs);
    if (this.stored.startMs === startMs) return this.stored;
    return { startMs, endMs, used: 0, returned: 0 };
  }
}

/** Every period is a day of Greenwich. */
class CountsGreenwichDays extends QuotaTable {
  override present(_: Calendar, nowMs: number): PeriodUsage {
    return super.present(createCalendar('day', 'UTC'), nowMs);
  }
}

/** Each request is charged as one, whatever it costs. */
class ChargesOne extends QuotaTable {
  override charge(calendar: Calendar, nowMs: number, cost: number): void {
    super.charge(calendar, nowMs, Math.min(cost, 1));
  }
}

for (const Faulty of [BeginsAnew, CountsGreenwichDays, ChargesOne]) {
  test(`the oracle finds a faulty quota: ${Faulty.name}`, () => {
    const found = fc.check(
      fc.property(quotaSchedules, (schedule) => {
        runQuotasOnModel(schedule, { createQuota: () => new Faulty() });
      }),
      { numRuns: 1000, seed: SEED, endOnFailure: true },
    );
    assert.ok(found.failed);
    assert.match(String(found.errorInstance), / > | would fit/);
  });
}
