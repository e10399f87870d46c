import type { RequestCounts } from '@headgate/bus';
import { DURATION_BOUNDS_SECONDS, DURATION_BUCKETS } from '@headgate/telemetry';

/** What requests were like. */
export interface RequestFigures {
  /** Those that were answered. */
  readonly requests: number;
  readonly errors: number;
  readonly clientErrors: number;
  /** 95th percentile of the duration, interpolated; null without requests. */
  readonly p95Ms: number | null;
}

const CLIENT_ERRORS_AT = 4;
const ERRORS_AT = 5;

/** The sum of counts; null for none at all. */
export function addCounts(all: readonly (RequestCounts | null)[]): RequestCounts | null {
  let sum: RequestCounts | null = null;
  for (const counts of all) {
    if (counts === null) continue;
    sum =
      sum === null
        ? counts
        : {
            statuses: addLists(sum.statuses, counts.statuses),
            durations: addLists(sum.durations, counts.durations),
          };
  }
  return sum;
}

/** What counts tell. */
export function figuresOf(counts: RequestCounts | null): RequestFigures {
  if (counts === null) return { requests: 0, errors: 0, clientErrors: 0, p95Ms: null };
  const [, ...answered] = counts.statuses; // the first had no status: nobody was answered
  return {
    requests: sumOf(answered),
    errors: counts.statuses[ERRORS_AT] ?? 0,
    clientErrors: counts.statuses[CLIENT_ERRORS_AT] ?? 0,
    p95Ms: percentileMs(counts.durations, 0.95),
  };
}

/** Requests that took longer than a bound of the buckets, and how many there were in all. */
export function slowerThan(
  { durations }: RequestCounts,
  boundMs: number,
): { readonly slow: number; readonly all: number } {
  const fast = durations.filter((_, bucket) => boundOf(bucket) <= boundMs);
  const all = sumOf(durations);
  return { slow: all - sumOf(fast), all };
}

/** The smallest bound of the buckets that is not below `ms`; null beyond the last one. */
export function bucketBoundMs(ms: number): number | null {
  const seconds = DURATION_BOUNDS_SECONDS.find((bound) => bound * 1000 >= ms);
  return seconds === undefined ? null : seconds * 1000;
}

/** Interpolated within its bucket; null without requests. */
function percentileMs(durations: readonly number[], share: number): number | null {
  const all = sumOf(durations);
  if (all === 0) return null;
  let before = 0;
  for (let bucket = 0; bucket < DURATION_BUCKETS; bucket += 1) {
    const count = durations[bucket] ?? 0;
    const from = bucket === 0 ? 0 : boundOf(bucket - 1);
    // The last bucket has no upper bound.
    if (bucket === DURATION_BUCKETS - 1) return from;
    if (before + count >= share * all && count > 0) {
      return from + (boundOf(bucket) - from) * ((share * all - before) / count);
    }
    before += count;
  }
  return null;
}

function boundOf(bucket: number): number {
  return (DURATION_BOUNDS_SECONDS[bucket] ?? Infinity) * 1000;
}

function addLists(left: readonly number[], right: readonly number[]): number[] {
  const length = Math.max(left.length, right.length);
  return Array.from({ length }, (_, index) => (left[index] ?? 0) + (right[index] ?? 0));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
