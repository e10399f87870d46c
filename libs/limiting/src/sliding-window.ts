import type { BucketShape } from './bucket-shape.ts';

/** One bucket's charge, as a replay needs it. */
export interface WindowCharge {
  /** How long ago the charge was dated; 0 for a date that is still to come. */
  readonly ageMs: number;
  readonly cost: number;
  readonly dateMs: number;
  /** The part that the store did not know when this was read. */
  readonly unsettled: number;
}

/**
 * Usage of one limit over a trailing window, in sub-window buckets: at most L admitted in ANY window W.
 *
 *     oldest ─► (date, cost) (date, cost) … ◄─ newest        dates never decrease; at most ~130 pairs
 *
 * A charge is dated to the end of its bucket and counts while bucket(date) ≥ bucket(now) − N. Admitting only if
 * counted + cost ≤ L bounds every trailing window: let g be the last admission in (x, x + W]. Every other admission h
 * in it has bucket(date_h) ≥ bucket(x) ≥ bucket(now_g) − N, so it was counted when g was admitted.
 * A charge leaves at most one bucket late, hence sustained throughput is at least N / (N + 1) of L.
 *
 * The same algorithm as `take.lua` of the Redis store: it stores dates, not bucket numbers, so that a changed limit
 * (another bucket width) goes on with the same charges. Its clock may step back: time then goes on from the highest
 * time seen, at the clock's pace, so nothing expires early and nobody is locked out for longer than a window.
 */
export class SlidingWindow {
  #highWaterMs = 0;
  #offsetMs = 0;
  #dates: number[] = [];
  #costs: number[] = [];
  /** Parts of `#costs` that the store has not been told. */
  #unsettled: number[] = [];

  /** Cost that counts now; forgets what has left the window. */
  used(clockMs: number, shape: BucketShape): number {
    this.#forget(this.#advance(clockMs), shape);
    let sum = 0;
    for (let index = 0; index < this.#costs.length; index += 1) sum += this.#costs[index] ?? 0;
    return sum;
  }

  /** Adds an admission. `unsettled` says that the store does not know it. */
  charge(clockMs: number, shape: BucketShape, cost: number, unsettled: boolean): void {
    const nowMs = this.#advance(clockMs);
    const dateMs = (Math.floor(nowMs / shape.bucketMs) + 1) * shape.bucketMs - 1;
    const last = this.#dates.length - 1;
    if (last >= 0 && (this.#dates[last] ?? 0) >= dateMs) {
      this.#costs[last] = (this.#costs[last] ?? 0) + cost;
      this.#unsettled[last] = (this.#unsettled[last] ?? 0) + (unsettled ? cost : 0);
      return;
    }
    this.#forget(nowMs, shape);
    this.#dates.push(dateMs);
    this.#costs.push(cost);
    this.#unsettled.push(unsettled ? cost : 0);
  }

  /** Milliseconds until `excess` units have left (with 0: until the oldest charge leaves); 0 when empty. */
  waitMs(clockMs: number, shape: BucketShape, excess: number): number {
    const nowMs = this.#advance(clockMs);
    let freed = 0;
    for (let index = 0; index < this.#dates.length; index += 1) {
      freed += this.#costs[index] ?? 0;
      if (freed < excess) continue;
      const bucket = Math.floor((this.#dates[index] ?? 0) / shape.bucketMs);
      return (bucket + shape.bucketCount + 1) * shape.bucketMs - nowMs;
    }
    return 0;
  }

  /** Charges with their ages, for a replay: all, or only those the store does not know. Oldest first. */
  charges(clockMs: number, shape: BucketShape, which: 'all' | 'unsettled'): WindowCharge[] {
    const nowMs = this.#advance(clockMs);
    this.#forget(nowMs, shape);
    const found: WindowCharge[] = [];
    for (let index = 0; index < this.#dates.length; index += 1) {
      const dateMs = this.#dates[index] ?? 0;
      const unsettled = this.#unsettled[index] ?? 0;
      const cost = which === 'all' ? (this.#costs[index] ?? 0) : unsettled;
      if (cost > 0) found.push({ ageMs: Math.max(0, nowMs - dateMs), cost, dateMs, unsettled });
    }
    return found;
  }

  /** The store now knows these charges; what was added to their buckets since stays unsettled. */
  settle(charges: readonly WindowCharge[]): void {
    for (const { dateMs, unsettled } of charges) {
      const index = this.#dates.indexOf(dateMs);
      if (index !== -1) this.#unsettled[index] = (this.#unsettled[index] ?? 0) - unsettled;
    }
  }

  #forget(nowMs: number, shape: BucketShape): void {
    const bucket = Math.floor(nowMs / shape.bucketMs);
    const liveFromMs = (bucket - shape.bucketCount) * shape.bucketMs;
    let dead = 0;
    while (dead < this.#dates.length && (this.#dates[dead] ?? 0) < liveFromMs) dead += 1;
    if (dead === 0) return;
    this.#dates.splice(0, dead);
    this.#costs.splice(0, dead);
    this.#unsettled.splice(0, dead);
  }

  #advance(clockMs: number): number {
    const nowMs = Math.floor(clockMs) + this.#offsetMs;
    if (nowMs >= this.#highWaterMs) {
      this.#highWaterMs = nowMs;
      return nowMs;
    }
    this.#offsetMs += this.#highWaterMs - nowMs;
    return this.#highWaterMs;
  }
}
