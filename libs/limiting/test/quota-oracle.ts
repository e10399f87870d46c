import type { QuotaPeriod } from '../src/calendar.ts';

/** One admission under a quota: what the store's clock showed, and what it cost. */
export interface QuotaAdmission {
  readonly clockMs: number;
  readonly cost: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What is used at a time, by brute force over all admissions in order: those in the period that the clock shows, or in a
 * later one that had begun before the clock stepped back. Periods are read off the clock of the place as people would.
 */
export function usedInPeriod(
  admissions: readonly QuotaAdmission[],
  nowMs: number,
  quota: { readonly period: QuotaPeriod; readonly timeZone: string },
): number {
  let latest = -Infinity;
  let used = 0;
  for (const { clockMs, cost } of admissions) {
    const period = periodNumber(clockMs, quota);
    if (period > latest) used = 0;
    latest = Math.max(latest, period);
    used += cost;
  }
  return periodNumber(nowMs, quota) > latest ? 0 : used;
}

/** Rises by one or more from each period to the next. */
function periodNumber(
  timeMs: number,
  { period, timeZone }: { readonly period: QuotaPeriod; readonly timeZone: string },
): number {
  const { year, month, day, minute } = clockOf(timeMs, timeZone);
  switch (period) {
    case 'hour':
      return Math.floor((timeMs - minute * 60_000) / 60_000);
    case 'day':
      return Date.UTC(year, month - 1, day) / DAY_MS;
    case 'week': // the first of January 1970 was a Thursday
      return Math.floor((Date.UTC(year, month - 1, day) / DAY_MS + 3) / 7);
    case 'month':
      return year * 12 + month;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeMs: number, timeZone: string) {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' },
    });
  formats.set(timeZone, format);
  const [month = NaN, day = NaN, year = NaN, , minute = NaN] = (
    format.format(timeMs).match(/\d+/g) ?? []
  ).map(Number);
  return { year, month, day, minute };
}
