/** A pace: `limit` units per `windowMs`, and `burst` units at once. An edge's share may have a fractional `limit`. */
export interface RatePace {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

/** A debt as it was read. */
export interface RateDebt {
  /** In units of cost, rounded up. */
  readonly cost: number;
  /** When it was read, in the meter's time. */
  readonly atUs: number;
  /** The part that the store did not know, in the parts that the meter counts. */
  readonly unsettled: number;
}

/**
 * Usage of one rate: the generic cell rate algorithm (GCRA, ITU-T I.371), kept as a debt that drains.
 *
 *     debt ▲  ╱│    ╱│          burst ┄┄┄┄┄┄┄┄┄┄ a charge must not lift the debt above it
 *          │ ╱ │╲  ╱ │╲
 *          │╱  │ ╲╱  │ ╲____    drains at limit / windowMs
 *
 * Unlike a "theoretical arrival time" the debt is exact: it counts parts of a unit so small (1 / (1,000 × windowMs))
 * that `limit` of them drain in each microsecond. So there is nothing to round, and a changed limit goes on with the
 * same debt.
 *
 * Promise: at most burst + limit / windowMs × t units in any true time t. Proof: the exact debt at u is the largest,
 * over all x ≤ u, of (admitted in [x, u]) − rate × (u − x). The meter's debt is never smaller, and never above the
 * burst after a charge. Never smaller, because the clock shows whole microseconds: a charge somewhere in a microsecond
 * begins to drain at its end, unless the debt before it is larger than what drains until then, so that it was draining
 * anyway. So the debt is at most what drains in a microsecond too large, provided that the burst is not less than that.
 *
 * The same algorithm as `rate-state.lua` of the Redis store. The clock may step back: time then goes on from the
 * highest time seen, at the clock's pace.
 */
export class RateMeter {
  /** Up to this time the debt has drained; one microsecond ahead of the clock at most. */
  #drainedToUs = 0;
  #offsetUs = 0;
  #debt = 0;
  /** The debt that charges unknown to the store would have made alone. */
  #unsettled = 0;

  /** Units that fit now: `burst` and less; negative when the pace was larger when the debt was made. */
  left(clockUs: number, pace: RatePace): number {
    this.#drain(clockUs, pace);
    const unit = unitOf(pace);
    return Math.floor((pace.burst * unit - this.#debt) / unit);
  }

  /** Milliseconds, rounded up, until `cost` (1 … burst) fits; if it fits, until one more unit than now; 0 without debt. */
  waitMs(clockUs: number, pace: RatePace, cost: number): number {
    const left = this.left(clockUs, pace);
    if (this.#debt === 0) return 0;
    const units = Math.max(cost, left + 1);
    const excess = this.#debt - (pace.burst - units) * unitOf(pace);
    if (excess <= 0) return 0;
    const aheadUs = this.#drainedToUs - Math.floor(clockUs) - this.#offsetUs;
    return Math.ceil((aheadUs + Math.ceil(excess / pace.limit)) / 1000);
  }

  /** Adds an admission. `unsettled` says that the store does not know it. */
  charge(clockUs: number, pace: RatePace, cost: number, unsettled: boolean): void {
    const nowUs = this.#drain(clockUs, pace);
    if (this.#debt < pace.limit) this.#drainedToUs = nowUs + 1;
    this.#debt += cost * unitOf(pace);
    if (unsettled) this.#unsettled += cost * unitOf(pace);
  }

  /** Forgets what is above the burst of `pace`. */
  limitTo(pace: RatePace): void {
    this.#debt = Math.min(this.#debt, pace.burst * unitOf(pace));
    this.#unsettled = Math.min(this.#unsettled, this.#debt);
  }

  /** Charges what another meter admitted, `cost` units of debt; the debt does not grow beyond the burst. */
  absorb(clockUs: number, pace: RatePace, cost: number): void {
    this.#drain(clockUs, pace);
    const full = pace.burst * unitOf(pace);
    this.#debt = Math.max(this.#debt, Math.min(full, this.#debt + cost * unitOf(pace)));
  }

  /** What a replay needs: all of the debt, or the part that the store does not know; null for none. */
  read(clockUs: number, pace: RatePace, which: 'all' | 'unsettled'): RateDebt | null {
    const atUs = this.#drain(clockUs, pace);
    const debt = which === 'all' ? this.#debt : this.#unsettled;
    if (debt === 0) return null;
    return { cost: Math.ceil(debt / unitOf(pace)), atUs, unsettled: this.#unsettled };
  }

  /** The store now knows what was read; what was charged since stays unsettled. */
  settle(clockUs: number, pace: RatePace, { atUs, unsettled }: RateDebt): void {
    const nowUs = this.#drain(clockUs, pace);
    const settled = Math.max(0, unsettled - (nowUs - atUs) * pace.limit);
    this.#unsettled = Math.max(0, this.#unsettled - settled);
  }

  #drain(clockUs: number, pace: RatePace): number {
    const nowUs = this.#advance(clockUs);
    if (nowUs > this.#drainedToUs) {
      const drained = (nowUs - this.#drainedToUs) * pace.limit;
      this.#debt = Math.max(0, this.#debt - drained);
      this.#unsettled = Math.max(0, this.#unsettled - drained);
      this.#drainedToUs = nowUs;
    }
    return nowUs;
  }

  #advance(clockUs: number): number {
    const nowUs = Math.floor(clockUs) + this.#offsetUs;
    const seenUs = this.#drainedToUs - 1;
    if (nowUs >= seenUs) return nowUs;
    this.#offsetUs += seenUs - nowUs;
    return seenUs;
  }
}

/** One unit of cost, in the parts that the debt counts. */
function unitOf(pace: RatePace): number {
  return pace.windowMs * 1000;
}
