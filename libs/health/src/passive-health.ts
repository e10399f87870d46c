/** A failure of an endpoint as an attempt sees it. What the client caused (a cancel) is none. */
export type PassiveFailureKind =
  /** Nothing listens there: refused, host or network unreachable, name not found. */
  | 'connect_refused'
  /** No connection within the connect timeout. */
  | 'connect_timeout'
  /** Connection lost before the response was complete. An idle pooled connection that closed is no failure. */
  | 'reset'
  /** Connected, but no first byte within the per-try timeout. */
  | 'response_timeout';

/** Settings of a passive view; the defaults suit an endpoint that several others can stand in for. */
export interface PassiveHealthOptions {
  /** Length of the first ejection in ms; the n-th in a row lasts n times as long. Default 1000. */
  readonly ejectionBaseMs?: number;
  /** Longest ejection in ms, and the calm after which the count starts anew. Default 30,000. */
  readonly ejectionMsMax?: number;
  /** Longest wait in ms for the outcome of a trial before another may start. Default 5000. */
  readonly trialMsMax?: number;
  /** Told of each ejection, with the failure that tipped the scales; for counting. Default: nobody. */
  readonly onEjected?: (kind: PassiveFailureKind) => void;
}

/**
 * What one failure is worth; 1 ejects. A refused connection is certain (the kernel answered that nothing listens), costs
 * the next attempt nothing, and ejecting at once spares every other request the detour: one is enough. The weaker the
 * sign, the more in a row it takes: 2 connect timeouts, 3 resets, 5 response timeouts.
 */
const FAILURE_WORTH: Readonly<Record<PassiveFailureKind, number>> = {
  connect_refused: 1,
  connect_timeout: 1 / 2,
  reset: 1 / 3,
  response_timeout: 1 / 5,
};

/** Below 1 by more than the rounding of sums of thirds and fifths. */
const EJECT_AT = 0.999;

/**
 * One worker's own view of one endpoint, from its attempts alone. All times are ms of one monotonic clock.
 *
 *              failures worth 1 in a row            ejection over
 *     in use ───────────────────────────► ejected ───────────────► probation ─ success ─► in use
 *                                            ▲                        │
 *                                            └──── trial failed ──────┘   (longer: base × count, capped)
 */
export interface PassiveHealth {
  /** When the last ejection began; -Infinity if there was none. */
  readonly ejectedAtMs: number;
  /** Ejections since the last calm. */
  readonly ejections: number;
  /**
   * An attempt is about to use the endpoint. On probation it becomes the trial: until its outcome, `isEjected` is true
   * for all others. Without this call a probation lets every request through until the first outcome.
   *
   * @hot
   */
  recordAttempt(nowMs: number): void;
  /** A response came. Ends a probation; ignored while ejected (it may stem from an older connection). @hot */
  recordSuccess(nowMs: number): void;
  /** An attempt failed. Ignored while ejected: many attempts that die together count once. */
  recordFailure(nowMs: number, kind: PassiveFailureKind): void;
  /** Whether to leave the endpoint out. @hot */
  isEjected(nowMs: number): boolean;
  /** Ends an ejection early: somebody else has seen the endpoint recover. */
  readmit(): void;
}

/** Creates the view of an endpoint that nothing is known of: in use. */
export function createPassiveHealth(options: PassiveHealthOptions = {}): PassiveHealth {
  return new FailureScore(options);
}

class FailureScore implements PassiveHealth {
  ejectedAtMs = -Infinity;
  ejections = 0;
  #score = 0;
  /** End of the ejection; 0 when in use. Past it, and not 0: on probation. */
  #ejectedUntilMs = 0;
  #trialUntilMs = 0;
  #calmFromMs = 0;
  readonly #ejectionBaseMs: number;
  readonly #ejectionMsMax: number;
  readonly #trialMsMax: number;
  readonly #onEjected: ((kind: PassiveFailureKind) => void) | null;

  constructor(options: PassiveHealthOptions) {
    this.#ejectionBaseMs = options.ejectionBaseMs ?? 1000;
    this.#ejectionMsMax = options.ejectionMsMax ?? 30_000;
    this.#trialMsMax = options.trialMsMax ?? 5000;
    this.#onEjected = options.onEjected ?? null;
  }

  isEjected(nowMs: number): boolean {
    if (this.#ejectedUntilMs === 0) return false;
    return nowMs < this.#ejectedUntilMs || nowMs < this.#trialUntilMs;
  }

  recordAttempt(nowMs: number): void {
    if (this.#ejectedUntilMs !== 0 && nowMs >= this.#ejectedUntilMs) {
      this.#trialUntilMs = nowMs + this.#trialMsMax;
    }
  }

  recordSuccess(nowMs: number): void {
    this.#score = 0;
    if (this.#ejectedUntilMs !== 0 && nowMs >= this.#ejectedUntilMs) this.readmit();
  }

  recordFailure(nowMs: number, kind: PassiveFailureKind): void {
    if (this.#ejectedUntilMs !== 0) {
      // A trial decides alone: on probation any failure is enough.
      if (nowMs >= this.#ejectedUntilMs) this.#eject(nowMs, kind);
      return;
    }
    this.#score += FAILURE_WORTH[kind];
    if (this.#score >= EJECT_AT) this.#eject(nowMs, kind);
  }

  readmit(): void {
    this.#score = 0;
    this.#ejectedUntilMs = 0;
    this.#trialUntilMs = 0;
  }

  #eject(nowMs: number, kind: PassiveFailureKind): void {
    if (nowMs > this.#calmFromMs) this.ejections = 0;
    this.ejections += 1;
    this.ejectedAtMs = nowMs;
    this.#score = 0;
    this.#trialUntilMs = 0;
    const lengthMs = Math.min(this.#ejectionBaseMs * this.ejections, this.#ejectionMsMax);
    this.#ejectedUntilMs = nowMs + lengthMs;
    this.#calmFromMs = this.#ejectedUntilMs + this.#ejectionMsMax;
    this.#onEjected?.(kind);
  }
}
