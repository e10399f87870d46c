import { createCalendar, type QuotaPeriod } from '@headgate/limiting';
import type { Limit } from '@headgate/model';
import type { DemandMinute } from './demand-history.ts';

/** What a limit would have refused, at least. */
export interface Refused {
  /** Units of cost. */
  readonly cost: number;
  /** Minutes in which it refused something. */
  readonly minutes: number;
  /** The first, the last and the worst of them, ms since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly worstMs: number;
  readonly worstCost: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

/** Errors of doubles never make a refusal. */
const ROUNDING = 1e-6;

/** Why a limit cannot be judged by what is recorded; null if it can. */
export function whyNotJudged({
  kind,
  per,
  unit = 'requests',
  shadow,
}: Pick<Limit, 'kind' | 'per' | 'unit' | 'shadow'>): string | null {
  if (shadow === true) return 'it is in shadow: it refuses nobody';
  if (unit !== 'requests') return 'requests are recorded, not their bytes';
  if (per !== undefined) return 'demand is recorded by tenant, not by consumer';
  if (kind === 'concurrency') return 'how long requests take is not recorded';
  return null;
}

/**
 * Replays demand against a limit: what it would have refused **at least**; null for nothing that is certain.
 *
 * Of each minute only the total and the busiest second are known, so that a burst within a second, or across two, is not
 * seen. What is counted as refused is what no order of the requests within their minutes could have saved: in a whole second
 * and in a whole minute a limit admits only so much, and so in any minutes in a row. Of all ways to admit within those
 * bounds, admitting as early as possible admits most: what it leaves is the least.
 *
 * @param timeZone of the tenant, for quotas.
 */
export function replayDemand(
  limit: Limit,
  minutes: readonly DemandMinute[],
  timeZone: string,
): Refused | null {
  const room = roomOf(limit, timeZone);
  let refused: Refused | null = null;
  for (const { atMs, total, peak } of minutes) {
    const bySecond = total - Math.max(0, peak - mostIn(limit, SECOND_MS));
    const wanted = Math.min(total, bySecond, mostIn(limit, MINUTE_MS));
    const cost = total - room(atMs, wanted);
    if (cost > 0) refused = joined(refused, atMs, cost);
  }
  return refused;
}

/** The most that the limit admits in any time of this length; periods of quotas are told apart elsewhere. */
function mostIn({ kind, limit, windowMs = 0, burst = limit }: Limit, lengthMs: number): number {
  if (kind === 'window') return limit * Math.ceil(lengthMs / windowMs);
  if (kind === 'rate') return burst + Math.floor((limit * lengthMs) / windowMs);
  return Infinity;
}

/** Takes what is wanted in the next minute; answers how much of it fits beside what was taken before. */
type Room = (atMs: number, wanted: number) => number;

function roomOf(limit: Limit, timeZone: string): Room {
  const { kind, windowMs = 0, period } = limit;
  if (kind === 'rate') return roomOfRate(limit);
  if (kind === 'quota' && period !== undefined) return roomOfQuota(limit, period, timeZone);
  // Minutes that lie within one window, whichever it is.
  return roomOfWindow(limit.limit, Math.floor(windowMs / MINUTE_MS) * MINUTE_MS);
}

function roomOfWindow(limit: number, lengthMs: number): Room {
  const taken: { atMs: number; cost: number }[] = [];
  let sum = 0;
  return (atMs, wanted) => {
    if (lengthMs < 2 * MINUTE_MS) return wanted;
    for (let first = taken[0]; first !== undefined; first = taken[0]) {
      if (first.atMs + lengthMs > atMs) break;
      sum -= first.cost;
      taken.shift();
    }
    const cost = Math.min(wanted, limit - sum);
    taken.push({ atMs, cost });
    sum += cost;
    return cost;
  };
}

function roomOfRate({ limit, windowMs = 0, burst = limit }: Limit): Room {
  const perMs = limit / windowMs;
  let left = burst;
  let leftAtMs = -Infinity;
  return (atMs, wanted) => {
    const rested = Math.min(burst, left + (atMs - leftAtMs) * perMs);
    const room = rested + MINUTE_MS * perMs;
    const cost = Math.min(wanted, Math.floor(room + ROUNDING));
    left = Math.min(burst, room - cost);
    leftAtMs = atMs + MINUTE_MS;
    return cost;
  };
}

function roomOfQuota(limit: Limit, period: QuotaPeriod, timeZone: string): Room {
  const calendar = createCalendar(period, timeZone);
  let startMs = -Infinity;
  let left = 0;
  return (atMs, wanted) => {
    const [, beganMs, endMs] = calendar.edgesAt(atMs);
    if (beganMs !== startMs) left = limit.limit;
    startMs = beganMs;
    if (endMs < atMs + MINUTE_MS) return wanted; // the period ends within the minute
    const cost = Math.min(wanted, left);
    left -= cost;
    return cost;
  };
}

function joined(known: Refused | null, atMs: number, cost: number): Refused {
  if (known === null) {
    return { cost, minutes: 1, firstMs: atMs, lastMs: atMs, worstMs: atMs, worstCost: cost };
  }
  const isWorse = cost > known.worstCost;
  return {
    cost: known.cost + cost,
    minutes: known.minutes + 1,
    firstMs: known.firstMs,
    lastMs: atMs,
    worstMs: isWorse ? atMs : known.worstMs,
    worstCost: isWorse ? cost : known.worstCost,
  };
}
