/** Periods of the calendar; weeks begin on Monday. */
export type QuotaPeriod = 'hour' | 'day' | 'week' | 'month';

/** Usual lengths in ms, for comparing quotas with windows. */
export const PERIOD_MS: Readonly<Record<QuotaPeriod, number>> = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
};

/**
 * Where the period that holds a time begins, and those around it: the one before, this, the next, and its end. Rising
 * times in ms since 1970.
 */
export type PeriodEdges = readonly [number, number, number, number];

/** Cuts time into periods of one kind, as the clocks of a place show it. */
export interface Calendar {
  /** The same array until the time leaves the middle period. */
  edgesAt(timeMs: number): PeriodEdges;
}

/**
 * Days, weeks and months begin at midnight of the place, or when it is first later where midnight is skipped: on days
 * when clocks change they have 23 or 25 hours. An hour is an hour also when clocks show it twice; where clocks change by
 * half an hour (Australia/Lord_Howe), what they change to has 30 minutes.
 *
 * @throws RangeError if the time zone is not known.
 */
export function createCalendar(period: QuotaPeriod, timeZone: string): Calendar {
  const startOf = startOfPeriod(period, timeZone);
  startOf(0);
  let edges: PeriodEdges = [0, 0, 0, 0];
  return {
    edgesAt(timeMs) {
      if (timeMs >= edges[1] && timeMs < edges[2]) return edges;
      const start = startOf(timeMs);
      const next = nextStart(startOf, start, period);
      edges = [startOf(start - 1), start, next, nextStart(startOf, next, period)];
      return edges;
    },
  };
}

type StartOf = (timeMs: number) => number;

function startOfPeriod(period: QuotaPeriod, timeZone: string): StartOf {
  const at = (timeMs: number): Temporal.ZonedDateTime =>
    Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs)).toZonedDateTimeISO(timeZone);
  switch (period) {
    case 'hour':
      return (timeMs) => {
        const { minute, second, millisecond, offsetNanoseconds } = at(timeMs);
        const start = Math.floor(timeMs) - (minute * 60 + second) * 1000 - millisecond;
        if (at(start).offsetNanoseconds === offsetNanoseconds) return start;
        // Clocks have changed within what they show as an hour.
        const change = at(timeMs + 1).getTimeZoneTransition('previous');
        return Math.max(start, change?.epochMilliseconds ?? start);
      };
    case 'day':
      return (timeMs) => at(timeMs).startOfDay().epochMilliseconds;
    case 'week':
      return (timeMs) => {
        const day = at(timeMs);
        return day.subtract({ days: day.dayOfWeek - 1 }).startOfDay().epochMilliseconds;
      };
    case 'month':
      return (timeMs) => at(timeMs).with({ day: 1 }).startOfDay().epochMilliseconds;
  }
}

/**
 * A day and a half after its start a day is over, however clocks change; longer periods likewise. An hour after its start an
 * hour is over, and what follows is not.
 */
function nextStart(startOf: StartOf, start: number, period: QuotaPeriod): number {
  return startOf(start + PERIOD_MS[period] * (period === 'hour' ? 1 : 1.5));
}
