import type { Calendar } from '../src/calendar.ts';
import type { ReplayItem } from '../src/index.ts';

/** What is used of a quota in one of its periods. */
export interface PeriodUsage {
  readonly startMs: number;
  readonly endMs: number;
  readonly used: number;
  readonly returned: number;
}

/** The usage of one quota, as `quota-state.lua` keeps it: the two must answer alike. Only a change is written. */
export class QuotaTable {
  protected stored: PeriodUsage = { startMs: 0, endMs: 0, used: 0, returned: 0 };

  /** That of the present period: the stored one if it has not ended, or is the next one after a step back of the clock. */
  present(calendar: Calendar, nowMs: number): PeriodUsage {
    const [, startMs, endMs, finishMs] = calendar.edgesAt(nowMs);
    const stored = this.stored;
    const isPresent = stored.startMs >= startMs || stored.endMs > nowMs;
    if (isPresent && stored.startMs <= endMs && stored.endMs <= finishMs) return stored;
    return { startMs, endMs, used: 0, returned: 0 };
  }

  charge(calendar: Calendar, nowMs: number, cost: number): void {
    const usage = this.present(calendar, nowMs);
    this.stored = { ...usage, used: usage.used + cost };
  }

  giveBack(calendar: Calendar, nowMs: number, amount: number, madeMs: number): void {
    const usage = this.present(calendar, nowMs);
    if (madeMs < usage.startMs || usage.used === 0) return;
    this.stored = { ...usage, returned: Math.min(usage.used, usage.returned + amount) };
  }

  absorb(calendar: Calendar, nowMs: number, cost: number, known: ReplayItem['quota']): void {
    const usage = this.present(calendar, nowMs);
    const isOfPeriod = known?.startMs === usage.startMs;
    this.stored = {
      ...usage,
      used: Math.max(usage.used, isOfPeriod ? known.used : 0) + cost,
      returned: Math.max(usage.returned, isOfPeriod ? known.returned : 0),
    };
  }
}
