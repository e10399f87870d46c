import type { RequestCounts } from '@headgate/bus';
import type { RolloutGuard } from '@headgate/model';
import { bucketBoundMs, figuresOf, slowerThan } from './request-counts.ts';

/** What the guard makes of a candidate. */
export type Judgement =
  /** Too few requests. */
  | { readonly verdict: 'waiting' }
  | { readonly verdict: 'healthy' }
  /** It goes back; the reason is for people. */
  | { readonly verdict: 'failing'; readonly reason: string };

/** Of a 95th percentile: the share of slower requests that it allows. */
const SLOW_SHARE = 0.05;
/**
 * Both intervals have a confidence of 99 %. They are looked at every second, so the test is stricter than one for a single
 * look: intervals that do not touch are farther apart than shares that differ significantly.
 */
const Z = 2.58;

/**
 * Compares requests with the candidate and those of the same tenant without it. A share counts as risen if it is above
 * the other one by more than the guard allows, and their confidence intervals (Wilson's) do not touch. Without any
 * baseline the shares of errors are compared with none, and durations with nothing.
 *
 * @param baseline requests without the candidate; null for none.
 */
export function judge(
  candidate: RequestCounts | null,
  baseline: RequestCounts | null,
  guard: RolloutGuard,
): Judgement {
  const now = figuresOf(candidate);
  if (candidate === null || now.requests < guard.requestsMin) return { verdict: 'waiting' };
  const before = figuresOf(baseline);
  const share = (hits: number, of: { requests: number }) => ({ hits, all: of.requests });
  const errors = [share(now.errors, now), share(before.errors, before)] as const;
  if (rises(...errors, guard.errorRise)) return failing('replies with 5xx', ...errors);
  const refused = [share(now.clientErrors, now), share(before.clientErrors, before)] as const;
  if (rises(...refused, guard.clientErrorRise)) return failing('replies with 4xx', ...refused);
  const slow = slowerRequests(candidate, baseline, guard);
  if (slow === null || !rises(slow.now, slow.before, SLOW_SHARE)) return { verdict: 'healthy' };
  return failing(`requests longer than ${slow.boundMs} ms`, slow.now, slow.before);
}

interface Share {
  readonly hits: number;
  readonly all: number;
}

function rises(now: Share, before: Share, riseMax: number): boolean {
  const known = before.all === 0 ? 0 : before.hits / before.all;
  if (now.hits / now.all - known <= riseMax) return false;
  return interval(now).low > (before.all === 0 ? 0 : interval(before).high);
}

/** Requests beyond the allowed multiple of the baseline's 95th percentile; null if it is not known well enough. */
function slowerRequests(
  candidate: RequestCounts,
  baseline: RequestCounts | null,
  { latencyFactor, requestsMin }: RolloutGuard,
) {
  const { p95Ms, requests } = figuresOf(baseline);
  if (baseline === null || p95Ms === null || requests < requestsMin) return null;
  const boundMs = bucketBoundMs(p95Ms * latencyFactor);
  if (boundMs === null) return null;
  const shareOf = (counts: RequestCounts): Share => {
    const { slow, all } = slowerThan(counts, boundMs);
    return { hits: slow, all };
  };
  return { boundMs, now: shareOf(candidate), before: shareOf(baseline) };
}

/** Wilson's score interval of a share. */
function interval({ hits, all }: Share): { readonly low: number; readonly high: number } {
  const share = hits / all;
  const z2 = Z * Z;
  const centre = share + z2 / (2 * all);
  const half = Z * Math.sqrt((share * (1 - share)) / all + z2 / (4 * all * all));
  return { low: (centre - half) / (1 + z2 / all), high: (centre + half) / (1 + z2 / all) };
}

function failing(what: string, now: Share, before: Share): Judgement {
  const text = ({ hits, all }: Share) => (all === 0 ? 'none' : `${percent(hits / all)} of ${all}`);
  return {
    verdict: 'failing',
    reason: `${what}: ${text(now)} requests with the candidate, without it ${text(before)}`,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
