/** What the probes say of an endpoint. `unknown`: no verdict yet, which counts as healthy. */
export type ProbeVerdict = 'unknown' | 'healthy' | 'unhealthy';

/** Settings of a probe state; the thresholds come from the health check of the upstream. */
export interface ProbeStateOptions {
  /** Successes in a row that turn an unhealthy endpoint healthy, at least 1. */
  readonly healthyThreshold: number;
  /** Failures in a row that turn an endpoint unhealthy, at least 1. */
  readonly unhealthyThreshold: number;
  /**
   * Least time in ms between two flips; default 0. An endpoint that flaps faster keeps its state until then, so that
   * it cannot move the traffic of every edge back and forth.
   */
  readonly flipDistanceMs?: number;
}

/** The verdict on one endpoint from its active probes. */
export interface ProbeState {
  readonly verdict: ProbeVerdict;
  /** When the verdict was reached, in the clock of `record`; 0 while unknown. */
  readonly sinceMs: number;
  /** Why, for people: what the probe that decided reported; empty while unknown. */
  readonly reason: string;
  /**
   * Adds the outcome of one probe.
   *
   * @param nowMs of a clock that may step: a step back lets the next flip through at once, it never blocks one.
   * @returns whether the verdict changed.
   */
  record(success: boolean, reason: string, nowMs: number): boolean;
}

/**
 * Creates the threshold state machine of one endpoint.
 *
 *                 first success                 unhealthyThreshold failures in a row
 *     unknown ───────────────────► healthy ─────────────────────────────────────────┐
 *        │                            ▲                                             ▼
 *        │                            └──── healthyThreshold successes in a row ─ unhealthy
 *        └──────── unhealthyThreshold failures in a row ───────────────────────────►
 *
 * The initial state is unknown and counts as healthy: a health-service that has just started, or a new endpoint, must not
 * take traffic away before something failed. (HAProxy starts "up" too; Envoy starts "down", which needs a warming phase.)
 */
export function createProbeState(options: ProbeStateOptions): ProbeState {
  return new ThresholdState(options);
}

class ThresholdState implements ProbeState {
  verdict: ProbeVerdict = 'unknown';
  sinceMs = 0;
  reason = '';
  readonly #healthyThreshold: number;
  readonly #unhealthyThreshold: number;
  readonly #flipDistanceMs: number;
  #streakSuccess = false;
  #streak = 0;
  /** Reaching the first verdict is not a flip: an endpoint that dies right after it must not be kept. */
  #flippedAtMs = -Infinity;

  constructor(options: ProbeStateOptions) {
    this.#healthyThreshold = options.healthyThreshold;
    this.#unhealthyThreshold = options.unhealthyThreshold;
    this.#flipDistanceMs = options.flipDistanceMs ?? 0;
  }

  record(success: boolean, reason: string, nowMs: number): boolean {
    this.#streak = success === this.#streakSuccess ? this.#streak + 1 : 1;
    this.#streakSuccess = success;
    const verdict = success ? 'healthy' : 'unhealthy';
    if (verdict === this.verdict || !this.#isDecided(success)) return false;
    if (this.verdict !== 'unknown') {
      const sinceFlipMs = nowMs - this.#flippedAtMs;
      if (sinceFlipMs >= 0 && sinceFlipMs < this.#flipDistanceMs) return false;
      this.#flippedAtMs = nowMs;
    }
    this.verdict = verdict;
    this.sinceMs = nowMs;
    this.reason = reason;
    return true;
  }

  #isDecided(success: boolean): boolean {
    if (!success) return this.#streak >= this.#unhealthyThreshold;
    return this.verdict === 'unknown' || this.#streak >= this.#healthyThreshold;
  }
}
