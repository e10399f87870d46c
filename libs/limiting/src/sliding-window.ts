import type { BucketShape } from './bucket-shape.ts';
import type { LeaseReturn } from './limit-store.ts';

/** One bucket's charge, as a replay needs it. */
export interface WindowCharge {
  /** How long ago the charge was dated; 0 for a date that is still to come. */
  readonly ageMs: number;
  readonly cost: number;
  readonly dateMs: number;
  /** The part that the store did not know when this was read. */
  readonly unsettled: number;
}

/** Pairs kept; only a rule without a bound, `open` while the store is lost, comes that far. */
const PAIRS_MAX = 1024;

const NO_GATHER = { more: 0, forMs: 0, aheadMs: 0 };

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
 * A lease of span D is charged when it is granted, to the end of the bucket of now + D, and may be used until that bucket
 * ends. In the proof h is then used at u_h with x < u_h, and its date is no earlier than u_h's bucket: it is counted all
 * the same. What is returned of it is taken off charges of its own date or older ones, so that what was used is counted
 * for as long as it must be; a charge of such a date that is no longer there has left, and nothing is taken off.
 *
 * A lease may also be granted ahead: at T for use from S on, if what is charged by T and counts at S leaves room. In the
 * proof let g be the grant made last of those that are used in (x, x + W]: it is used no earlier than S, so that
 * bucket(S) − N ≤ bucket(x), and every other one was charged before it and counted.
 *
 * The same algorithm as `take.lua` of the Redis store: it stores dates, not bucket numbers, so that a changed limit
 * (another bucket width) goes on with the same charges. Its clock may step back: time then goes on from the highest
 * time seen, at the clock's pace, so nothing expires early and nobody is locked out for longer than a window.
 */
export class SlidingWindow {
  /** The store's key was made then; what was leased before is not in it. */
  #bornMs = Infinity;
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

  /** What will count `aheadMs` from now, of what is charged by now. */
  usedAhead(clockMs: number, shape: BucketShape, aheadMs: number): number {
    const bucket = Math.floor((this.#advance(clockMs) + aheadMs) / shape.bucketMs);
    const liveFromMs = (bucket - shape.bucketCount) * shape.bucketMs;
    let sum = 0;
    for (const [index, dateMs] of this.#dates.entries()) {
      if (dateMs >= liveFromMs) sum += this.#costs[index] ?? 0;
    }
    return sum;
  }

  /** Time until the next bucket begins. */
  nextBucketMs(clockMs: number, { bucketMs }: BucketShape): number {
    return bucketMs - (this.#advance(clockMs) % bucketMs);
  }

  /**
   * Adds an admission, or a lease that ends `aheadMs` from now. `unsettled` says that the store does not know it.
   *
   * @returns how long it may be used: to the end of the bucket that it is charged to, and not less than `aheadMs`.
   */
  charge(
    clockMs: number,
    shape: BucketShape,
    cost: number,
    unsettled: boolean,
    aheadMs = 0,
  ): number {
    const nowMs = this.#advance(clockMs);
    if (this.#bornMs === Infinity) this.#bornMs = Math.floor(clockMs);
    const dateMs = endOfBucket(nowMs + aheadMs, shape);
    this.#add(nowMs, shape, dateMs, cost, unsettled);
    return dateMs - nowMs;
  }

  #add(nowMs: number, shape: BucketShape, dateMs: number, cost: number, unsettled: boolean): void {
    const last = this.#lastUntil(dateMs);
    if (this.#dates[last] === dateMs) {
      this.#costs[last] = (this.#costs[last] ?? 0) + cost;
      this.#unsettled[last] = (this.#unsettled[last] ?? 0) + (unsettled ? cost : 0);
      return;
    }
    this.#forget(nowMs, shape);
    const index = this.#lastUntil(dateMs) + 1;
    this.#dates.splice(index, 0, dateMs);
    this.#costs.splice(index, 0, cost);
    this.#unsettled.splice(index, 0, unsettled ? cost : 0);
    if (this.#dates.length > PAIRS_MAX) this.#coarsen(shape);
  }

  /** Charges of the same small part of the window become one of the youngest's date: it counts for longer than it must. */
  #coarsen({ bucketMs, bucketCount }: BucketShape): void {
    const widthMs = Math.ceil((2 * bucketMs * bucketCount) / PAIRS_MAX);
    let last = -1;
    for (const [index, dateMs] of this.#dates.entries()) {
      const isSame =
        last >= 0 &&
        Math.floor((this.#dates[last] ?? 0) / widthMs) === Math.floor(dateMs / widthMs);
      if (!isSame) last += 1;
      this.#dates[last] = dateMs;
      this.#costs[last] = (isSame ? (this.#costs[last] ?? 0) : 0) + (this.#costs[index] ?? 0);
      this.#unsettled[last] =
        (isSame ? (this.#unsettled[last] ?? 0) : 0) + (this.#unsettled[index] ?? 0);
    }
    for (const list of [this.#dates, this.#costs, this.#unsettled]) list.length = last + 1;
  }

  /** Index of the youngest charge of this date or an older one; −1 for none. What is younger are leases, and few. */
  #lastUntil(dateMs: number): number {
    let last = this.#dates.length - 1;
    while (last >= 0 && (this.#dates[last] ?? 0) > dateMs) last -= 1;
    return last;
  }

  /**
   * Takes off what was leased or reserved and not used, from the youngest charges that are no younger than the lease's. What
   * was taken for at once (`endMs` is `madeMs`) may have made the key; a lease never did.
   */
  giveBack(clockMs: number, shape: BucketShape, returned: LeaseReturn): void {
    const nowMs = this.#advance(clockMs);
    this.#forget(nowMs, shape);
    const { madeMs, endMs } = returned;
    if (this.#bornMs > madeMs || (this.#bornMs === madeMs && endMs > madeMs)) return;
    const newestMs = endOfBucket(endMs, shape);
    let amount = returned.amount;
    for (let index = this.#dates.length - 1; index >= 0 && amount > 0; index -= 1) {
      if ((this.#dates[index] ?? 0) > newestMs) continue;
      const taken = Math.min(amount, this.#costs[index] ?? 0);
      const left = (this.#costs[index] ?? 0) - taken;
      this.#costs[index] = left;
      this.#unsettled[index] = Math.min(left, this.#unsettled[index] ?? 0);
      amount -= taken;
    }
  }

  /**
   * Milliseconds until `excess` units have left (with 0: until the oldest charge leaves); 0 when empty. With `gather` up
   * to `gather.forMs` more, until `gather.more` units more have left: for somebody who would take them all at once. One who
   * leases `gather.aheadMs` ahead need not wait for what leaves within that time.
   */
  waitMs(clockMs: number, shape: BucketShape, excess: number, gather = NO_GATHER): number {
    const nowMs = this.#advance(clockMs);
    let freed = 0;
    let foundMs = 0;
    let latestMs = Infinity;
    for (let index = 0; index < this.#dates.length; index += 1) {
      const cost = this.#costs[index] ?? 0;
      if (cost === 0) continue; // all of it was given back
      freed += cost;
      if (freed < excess) continue;
      const bucket = Math.floor((this.#dates[index] ?? 0) / shape.bucketMs);
      const leavesMs = (bucket + shape.bucketCount + 1) * shape.bucketMs;
      if (leavesMs > latestMs) break;
      if (latestMs === Infinity) {
        foundMs = leavesMs;
        latestMs = leavesMs + gather.aheadMs + gather.forMs;
      }
      foundMs = Math.max(foundMs, leavesMs - gather.aheadMs);
      if (gather.aheadMs === 0 && freed >= excess + gather.more) break;
    }
    return foundMs === 0 ? 0 : foundMs - nowMs;
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
      const index = this.#indexOf(dateMs);
      if (index !== -1) this.#unsettled[index] = (this.#unsettled[index] ?? 0) - unsettled;
    }
  }

  /** Where the charges of a date are, which may have become younger with a neighbour's; −1 if they may have left. */
  #indexOf(dateMs: number): number {
    const index = this.#dates.findIndex((date) => date >= dateMs);
    return index > 0 || this.#dates[index] === dateMs ? index : -1;
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

/** A charge of this time is dated to the last millisecond of its bucket. */
function endOfBucket(timeMs: number, { bucketMs }: BucketShape): number {
  return (Math.floor(timeMs / bucketMs) + 1) * bucketMs - 1;
}
