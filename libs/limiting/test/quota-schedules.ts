import fc from 'fast-check';
import { compileChain, type LimitChain, type QuotaRule } from '../src/index.ts';
import { chainIndex, costs, upTo40, type ArrivalCore } from './schedule-parts.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One call. */
export interface QuotaArrival extends ArrivalCore {
  /** True time since the arrival before. */
  readonly advanceMs: number;
  /** By so much the store's clock is behind the truth: less than the shortest period, else usage is not believed. */
  readonly behindMs: number;
}

/** A tenant with two quotas, two API keys with one each, and arrivals from a time on near which calendars turn. */
export interface QuotaSchedule {
  readonly startMs: number;
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly QuotaArrival[];
}

/** Clocks change, a year ends, a leap day begins, or nothing of that. */
const STARTS = [
  '2026-03-28T22:30:00Z',
  '2026-03-29T00:30:00Z',
  '2026-10-25T00:30:00Z',
  '2026-11-01T05:30:00Z',
  '2026-09-06T03:30:00Z',
  '2026-04-04T13:30:00Z',
  '2026-10-03T14:30:00Z',
  '2026-12-31T22:30:00Z',
  '2028-02-28T23:30:00Z',
  '2026-05-05T11:50:00Z',
].map((text) => Date.parse(text));

const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'America/Santiago', 'Asia/Kolkata'],
  ...['Pacific/Auckland', 'Africa/Cairo', 'Australia/Lord_Howe'],
];

const periods = fc.constantFrom('hour', 'day', 'week', 'month');
const limits = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 60, max: 90 }));
const quotas = fc.record({ period: periods, timeZone: fc.constantFrom(...ZONES), limit: limits });

/** Random schedules, while the store's clock jumps back and forth by up to half an hour. */
export const quotaSchedules: fc.Arbitrary<QuotaSchedule> = fc.record({
  startMs: fc.constantFrom(...STARTS),
  chains: fc.tuple(quotas, quotas, quotas).map(compileChains),
  arrivals: upTo40(
    fc.record({
      advanceMs: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 0, max: 5000 }) },
        { weight: 2, arbitrary: fc.integer({ min: MINUTE_MS, max: 3 * HOUR_MS }) },
        fc.constantFrom(30 * MINUTE_MS - 1, HOUR_MS, DAY_MS - 1, DAY_MS, 8 * DAY_MS, 27 * DAY_MS),
      ),
      behindMs: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0) },
        fc.constantFrom(1, 15_000, 10 * MINUTE_MS, 29 * MINUTE_MS),
      ),
      chain: chainIndex,
      cost: costs(5),
      units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
    }),
  ),
});

type Quota = Pick<QuotaRule, 'period' | 'timeZone' | 'limit'>;

/** The tenant alone, with key a, with key b. */
function compileChains([first, second, third]: readonly [Quota, Quota, Quota]): LimitChain[] {
  const base = { kind: 'quota', onStoreLoss: 'share' } as const;
  const ofTenant: QuotaRule[] = [
    { ...base, ...first, name: 'one', level: 'tenant', scope: '' },
    { ...base, ...second, name: 'two', level: 'tenant', scope: '' },
  ];
  const ofKey = (scope: string): QuotaRule => {
    return { ...base, ...third, name: 'key', level: 'key', scope };
  };
  return [
    compileChain('acme', ofTenant),
    compileChain('acme', [...ofTenant, ofKey('a')]),
    compileChain('acme', [...ofTenant, ofKey('b')]),
  ];
}
