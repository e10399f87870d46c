import type { PassiveHealth } from './passive-health.ts';
import type { ProbeVerdict } from './probe-state.ts';

/** The health-service publishes every upstream anew after this time in ms, changed or not, so that silence means loss. */
export const HEALTH_REFRESH_MS = 15_000;

/** Central data older than this in ms, three missed refreshes, ejects nobody any more. */
export const HEALTH_STALE_AFTER_MS = 3 * HEALTH_REFRESH_MS;

/**
 * What an edge has heard from the health-service of one endpoint. Times are of the edge's own monotonic clock, so that
 * clocks which differ between machines cannot make old data fresh.
 */
export interface ActiveHealth {
  verdict: ProbeVerdict;
  /** When a message about the endpoint came last; -Infinity before the first. */
  receivedAtMs: number;
}

/** Nothing heard yet: counts as healthy. */
export function createActiveHealth(): ActiveHealth {
  return { verdict: 'unknown', receivedAtMs: -Infinity };
}

/**
 * Takes in what the health-service says of an endpoint now. A turn from unhealthy to healthy that arrives after a passive
 * ejection ends the ejection: the probes have seen the endpoint recover. A mere repetition of "healthy" does not, since
 * the probes may not have noticed the failure yet.
 */
export function receiveHealth(
  active: ActiveHealth,
  passive: PassiveHealth,
  verdict: ProbeVerdict,
  nowMs: number,
): void {
  if (takeVerdict(active, verdict, nowMs)) readmitAfter(passive, nowMs);
}

/** The first half of {@link receiveHealth}, for endpoints of several tenants that share what is said; true: it has turned healthy. */
export function takeVerdict(active: ActiveHealth, verdict: ProbeVerdict, nowMs: number): boolean {
  const isTurn = active.verdict === 'unhealthy' && verdict === 'healthy';
  active.verdict = verdict;
  active.receivedAtMs = nowMs;
  return isTurn;
}

/** The second half of {@link receiveHealth}: the probes have seen the endpoint turn healthy. */
export function readmitAfter(passive: PassiveHealth, nowMs: number): void {
  if (nowMs > passive.ejectedAtMs) passive.readmit();
}

/**
 * Whether an endpoint is healthy for this worker: its own passive view does not eject it, and fresh central data does
 * not call it unhealthy. Stale central data is ignored: a dead health-service must not keep recovered endpoints out.
 *
 * @param staleAfterMs age from which central data is ignored, default 45 s.
 * @hot
 */
export function mergeHealth(
  active: ActiveHealth,
  passive: PassiveHealth,
  nowMs: number,
  staleAfterMs: number = HEALTH_STALE_AFTER_MS,
): boolean {
  if (active.verdict === 'unhealthy' && nowMs - active.receivedAtMs < staleAfterMs) return false;
  return !passive.isEjected(nowMs);
}
