import type { RatePace } from '../src/rate-meter.ts';

/** One admission under a rate. Times in microseconds, whole or in quarters. */
export interface PacedAdmission {
  readonly timeUs: number;
  readonly cost: number;
}

/**
 * By how many units the worst interval exceeds `burst + rate × t`, by brute force over all intervals between two
 * admissions; 0 or less if the promise holds.
 */
export function rateExcess(admissions: readonly PacedAdmission[], pace: RatePace): number {
  let worst = -Infinity;
  for (const [from, first] of admissions.entries()) {
    let cost = 0;
    for (let to = from; to < admissions.length; to += 1) {
      const last = admissions[to] ?? first;
      cost += last.cost;
      worst = Math.max(worst, excessOf(cost, last.timeUs - first.timeUs, pace));
    }
  }
  return worst;
}

/**
 * True if `cost` more at `timeUs` would break the promise, were every earlier admission `slackUs` later than it was.
 * A limiter that refuses only then is no stricter than its clock makes it.
 */
export function mustRefuse(
  admissions: readonly PacedAdmission[],
  wish: PacedAdmission,
  pace: RatePace,
  slackUs: number,
): boolean {
  let cost = wish.cost;
  if (cost > pace.burst) return true;
  for (let from = admissions.length - 1; from >= 0; from -= 1) {
    const first = admissions[from] ?? wish;
    cost += first.cost;
    if (excessOf(cost, wish.timeUs - first.timeUs - slackUs, pace) > 0) return true;
  }
  return false;
}

/** In whole parts of a unit until the end, so that nothing is rounded away. */
function excessOf(cost: number, spanUs: number, { limit, windowMs, burst }: RatePace): number {
  const unit = windowMs * 1000;
  return ((cost - burst) * unit - limit * spanUs) / unit;
}
