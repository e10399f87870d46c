import type { LeaseSpans } from './lease-spans.ts';
import type { LimitChain } from './limit-chain.ts';
import type { ItemReply, LeaseAsk, LeaseGrant, LeaseReturn } from './limit-store.ts';

/** A lease in hand. */
interface Lease {
  /** Cost that is left. */
  amount: number;
  /** Not to be used from this monotonic time on. */
  readonly endMs: number;
  /** The next one is asked for at this time, or when this amount is left. */
  readonly renewAtMs: number;
  readonly lowAmount: number;
  /** When it was granted and its span in the store's clock, and when the reply came. */
  readonly grant: LeaseGrant;
  readonly arrivedMs: number;
}

/** What was leased and is not used any more; the same in the store's clock and in the monotonic one. */
export interface UnusedLease {
  readonly stored: LeaseReturn;
  readonly local: LeaseReturn;
}

/** A lease is given up this long before its charge allows: the clocks of worker and store may drift apart. */
const EARLY_MS = 2;

/** Demand is measured over at least this time. */
const MEASURE_MS = 50;

/** A pause of this many measurements starts the measuring anew. */
const PAUSE_MEASURES = 4;

/** More than the demand measured, as it varies: what is too much is returned. */
const MARGIN = 1.4;

/** The next lease is asked for when this part of one is left, by amount or by time. */
const LOW_PART = 1 / 8;
const LATE_PART = 1 / 5;

/** Demand in a lease's span below which each request asks by itself. */
const DEMAND_MIN = 2;

/** Returns that wait for a call; more lapse. */
const RETURNS_MAX = 4;

/**
 * The leases of one chain of limits on this worker: one in use and one that follows it, and how much is asked for, by the
 * demand of late. Costs are sums over requests; times are monotonic, in ms.
 *
 *     demand ─► ask (with any call, or ahead of the end) ─► next ─► current ─► used, or returned
 */
export class ChainLeases {
  readonly chain: LimitChain;
  /** Per rule, as of the last grant: what was left beside it, and when units come back. */
  remaining: readonly number[] = [];
  resetMs: readonly number[] = [];
  /** Cost of the last request. */
  cost = 1;
  /** Nothing is asked for ahead of need before this time: the store had nothing to lease. */
  retryAtMs = 0;
  readonly #spans: LeaseSpans;
  readonly #onUnused: (unused: UnusedLease) => void;
  readonly #returns: LeaseReturn[] = [];
  #current: Lease | null = null;
  #next: Lease | null = null;
  #isAsking = false;
  #arrived = 0;
  #sinceMs: number;
  #lastMs: number;
  #ratePerMs = 0;

  /** @param onUnused told once of each lease that ends with something left. */
  constructor(
    chain: LimitChain,
    spans: LeaseSpans,
    nowMs: number,
    onUnused: (unused: UnusedLease) => void,
  ) {
    this.chain = chain;
    this.#spans = spans;
    this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    this.#onUnused = onUnused;
  }

  /** Cost that can be admitted without asking, if it is used in time. */
  get left(): number {
    return (this.#current?.amount ?? 0) + (this.#next?.amount ?? 0);
  }

  get hasReturns(): boolean {
    return this.#returns.length > 0;
  }

  /** A request came, whatever becomes of it. @hot */
  count(cost: number, nowMs: number): void {
    this.cost = cost;
    this.#lastMs = nowMs;
    this.#arrived += cost;
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < MEASURE_MS) return;
    const ratePerMs = this.#arrived / elapsedMs;
    const isNew = this.#ratePerMs === 0 || elapsedMs > PAUSE_MEASURES * MEASURE_MS;
    this.#ratePerMs = isNew ? ratePerMs : (this.#ratePerMs + ratePerMs) / 2;
    this.#arrived = 0;
    this.#sinceMs = nowMs;
  }

  /** Takes from the lease in hand; false if there is not enough. @hot */
  use(cost: number, nowMs: number): boolean {
    let lease = this.#current;
    if (lease === null) return false;
    if (nowMs >= lease.endMs || lease.amount < cost) {
      if (this.#next === null && nowMs < lease.endMs) return false;
      this.#end(lease);
      lease = this.#next;
      this.#current = lease;
      this.#next = null;
      if (lease === null || nowMs >= lease.endMs || lease.amount < cost) return false;
    }
    lease.amount -= cost;
    return true;
  }

  /** Is it time to ask for the next lease? Something is left meanwhile. @hot */
  isDue(nowMs: number): boolean {
    const lease = this.#current;
    if (lease === null || this.#next !== null || this.#isAsking) return false;
    if (nowMs < lease.renewAtMs && lease.amount > lease.lowAmount) return false;
    return nowMs >= this.retryAtMs;
  }

  /** Due for its time rather than for its amount? */
  isOverSoon(nowMs: number): boolean {
    return this.#current !== null && nowMs >= this.#current.renewAtMs;
  }

  /**
   * What to tell the store with a call that is sent now; null for nothing. What is returned is told only once.
   *
   * @param hasUnits requests wait for this call; without any, only a lease in hand is followed by another.
   */
  ask(nowMs: number, hasUnits: boolean): LeaseAsk | null {
    this.endOver(nowMs);
    const isWanting = (hasUnits || this.#current !== null) && this.#isWanting(nowMs);
    const amount = isWanting ? this.#wantedAt(nowMs) : 0;
    if (amount === 0) return this.takeReturn();
    this.#isAsking = true;
    return { amount, returned: this.#returns.shift() ?? null };
  }

  /** A return without an ask; null if there is none. */
  takeReturn(): LeaseAsk | null {
    const returned = this.#returns.shift() ?? null;
    return returned === null ? null : { amount: 0, returned };
  }

  /**
   * The store has answered to `ask`.
   *
   * @param sentMs a time before the call was sent: the lease is charged from a later one on.
   */
  settle(ask: LeaseAsk, reply: ItemReply, sentMs: number, nowMs: number): void {
    if (ask.amount === 0) return;
    this.#isAsking = false;
    const grant = reply.lease;
    if (grant === undefined || grant.amount === 0) {
      this.retryAtMs = nowMs + this.#spans.longMs / 5;
      return;
    }
    this.remaining = reply.remaining;
    this.resetMs = reply.resetMs;
    const { amount, spanMs } = grant;
    const endMs = sentMs + spanMs - EARLY_MS;
    const renewAtMs = endMs - spanMs * LATE_PART;
    const lowAmount = Math.floor(amount * LOW_PART);
    const lease: Lease = { amount, endMs, renewAtMs, lowAmount, grant, arrivedMs: nowMs };
    if (nowMs >= endMs) this.#end(lease);
    else if (this.#current === null) this.#current = lease;
    else if (this.#next === null) this.#next = lease;
    else this.#end(lease);
  }

  /** The call with this ask failed: whether it was granted is unknown, and what was returned is not told again. */
  fail(ask: LeaseAsk): void {
    if (ask.amount > 0) this.#isAsking = false;
  }

  /** Ends what is over by now. */
  endOver(nowMs: number): void {
    if (this.#current === null || nowMs < this.#current.endMs) return;
    this.#end(this.#current);
    this.#current = this.#next;
    this.#next = null;
    this.endOver(nowMs);
  }

  /** Ends all leases; what is left of them is to be returned. */
  endAll(): void {
    if (this.#current !== null) this.#end(this.#current);
    if (this.#next !== null) this.#end(this.#next);
    this.#current = null;
    this.#next = null;
  }

  /** Ends all leases and forgets what would be returned: the store is lost, or another one. */
  drop(): void {
    this.endAll();
    this.#returns.length = 0;
    this.#isAsking = false;
  }

  /** Nothing is in hand, under way or to be returned, and nobody came of late. */
  isIdle(nowMs: number, forMs: number): boolean {
    if (this.#current !== null || this.#isAsking || this.hasReturns) return false;
    return nowMs - this.#lastMs >= forMs;
  }

  #isWanting(nowMs: number): boolean {
    if (this.#isAsking || this.#next !== null) return false;
    const lease = this.#current;
    return lease === null || nowMs >= lease.renewAtMs || lease.amount <= lease.lowAmount;
  }

  #wantedAt(nowMs: number): number {
    const elapsedMs = nowMs - this.#sinceMs;
    const isOld = elapsedMs > 2 * MEASURE_MS;
    const ratePerMs = isOld ? this.#arrived / elapsedMs : this.#ratePerMs;
    const demand = ratePerMs * this.#spans.longMs;
    return demand < DEMAND_MIN * this.cost ? 0 : Math.ceil(demand * MARGIN);
  }

  #end({ amount, grant, arrivedMs }: Lease): void {
    if (amount === 0) return;
    const { madeMs, spanMs } = grant;
    const stored = { amount, madeMs, endMs: madeMs + spanMs };
    if (this.#returns.length < RETURNS_MAX) this.#returns.push(stored);
    const local = { amount, madeMs: arrivedMs, endMs: arrivedMs + spanMs };
    this.#onUnused({ stored, local });
  }
}
