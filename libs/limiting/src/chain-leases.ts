import type { LeaseSpans } from './lease-spans.ts';
import type { LimitChain } from './limit-chain.ts';
import type { WindowRule } from './limit-rule.ts';
import type { ItemReply, LeaseAsk, LeaseReturn } from './limit-store.ts';
import type { ChargeDates } from './verdict.ts';

/** A lease in hand. */
interface Lease {
  /** Cost that is left. */
  amount: number;
  readonly spanMs: number;
  /** Not to be used from this monotonic time on. */
  readonly endMs: number;
  /** The next one is asked for at this time, or when this amount is left. */
  readonly renewAtMs: number;
  readonly lowAmount: number;
  /** When it was granted and when it ends: by the monotonic clock from when the reply came. */
  readonly charge: ChargeDates;
}

/** What is to be returned of a charge. */
interface Unused {
  amount: number;
  readonly charge: ChargeDates;
}

/** A lease is given up so long, and this part of its span, before its charge allows: the worker's clock may be so much slower. */
const EARLY_MS_MIN = 2;
const EARLY_PART = 1 / 20;

/** Demand is measured over at least this time. */
const MEASURE_MS = 50;

/** A pause of this many measurements starts the measuring anew. */
const PAUSE_MEASURES = 4;

/** More than the demand measured, as it varies: what is too much is returned. */
const MARGIN = 1.4;

/** The next lease is asked for when this part of one is left, by amount or by time. */
const LOW_PART = 1 / 8;
const LATE_PART = 1 / 5;

/** What is due within this part of a lease's span is asked for together, so that the leases of all chains stay in step. */
const TOGETHER_PART = 1 / 4;

/** Demand in the span of a far lease below which each request asks by itself: a lease costs two entries, to ask and to return. */
const DEMAND_MIN = 4;

/** A demand of so many times a limit is a flood: what comes back of that limit is gathered. */
const FLOOD_FACTOR = 4;

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
  /** When that was told. */
  toldMs = 0;
  /** Cost of the last request. */
  cost = 1;
  /** Nothing is asked for ahead of need before this time: the store had nothing to lease. */
  retryAtMs = 0;
  readonly #spans: LeaseSpans;
  readonly #onUnused: (unused: LeaseReturn) => void;
  readonly #returns: Unused[] = [];
  #current: Lease | null = null;
  #next: Lease | null = null;
  #isAsking = false;
  /** The next call asks although it is a little early, as others ask with it. */
  #isTogether = false;
  #arrived = 0;
  #sinceMs: number;
  #lastMs: number;
  #ratePerMs = 0;

  /** @param onUnused told, in monotonic time, of each lease that ends with something left. */
  constructor(
    chain: LimitChain,
    spans: LeaseSpans,
    nowMs: number,
    onUnused: (unused: LeaseReturn) => void,
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

  /** Of the lease in hand, from which `use` has just taken. */
  get charge(): ChargeDates | null {
    return this.#current?.charge ?? null;
  }

  /** A request that was admitted with this charge is refused elsewhere. Its cost is used again, or returned. */
  giveBack(cost: number, charge: ChargeDates): void {
    this.#arrived = Math.max(0, this.#arrived - cost);
    if (this.#current?.charge === charge) this.#current.amount += cost;
    else this.#return(cost, charge);
  }

  /** Is it time to ask for the next lease? Something is left meanwhile. @hot */
  isDue(nowMs: number): boolean {
    const lease = this.#current;
    if (lease === null || this.#next !== null || this.#isAsking) return false;
    if (nowMs < lease.renewAtMs && lease.amount > lease.lowAmount) return false;
    return nowMs >= this.retryAtMs;
  }

  /** If it is nearly time, the next call asks, with those of other chains that are due now: true if it is to be requested. */
  joinIfNearlyDue(nowMs: number): boolean {
    if (this.#isTogether) return false;
    this.#isTogether = this.isDue(nowMs + (this.#current?.spanMs ?? 0) * TOGETHER_PART);
    return this.#isTogether;
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
    this.#isTogether = false;
    const amount = isWanting ? this.#wantedAt(nowMs) : 0;
    if (amount === 0) return this.takeReturn();
    this.#isAsking = true;
    return { amount, returned: this.#shiftReturn() };
  }

  /** A return without an ask; null if there is none. */
  takeReturn(): LeaseAsk | null {
    const returned = this.#shiftReturn();
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
    this.toldMs = nowMs;
    const { amount } = grant;
    // The charge may last longer, to the end of its bucket: in windows of an hour that is a minute, in which others need it.
    const spanMs = Math.min(grant.spanMs, this.#spans.farMs);
    const endMs = sentMs + spanMs - Math.max(EARLY_MS_MIN, spanMs * EARLY_PART);
    const renewAtMs = endMs - spanMs * LATE_PART;
    const lowAmount = Math.floor(amount * LOW_PART);
    const { madeMs } = grant;
    const stored = { madeMs, endMs: madeMs + grant.spanMs };
    const charge = { stored, local: { madeMs: nowMs, endMs: nowMs + grant.spanMs } };
    const lease: Lease = { amount, spanMs, endMs, renewAtMs, lowAmount, charge };
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
    this.#isTogether = false;
  }

  /** Nothing is in hand, under way or to be returned, and nobody came of late. */
  isIdle(nowMs: number, forMs: number): boolean {
    if (this.#current !== null || this.#isAsking || this.hasReturns) return false;
    return nowMs - this.#lastMs >= forMs;
  }

  /** Where nothing is leased, how long a rule denies at least: none but a flood has to wait for more than one unit. In ms. */
  gatherMs({ limit, windowMs }: WindowRule, nowMs: number): number {
    const { farMs, gatherMs } = this.#spans;
    const isFlood = this.#rateAt(nowMs) * windowMs >= FLOOD_FACTOR * limit;
    return farMs === 0 && isFlood ? gatherMs : 0;
  }

  #isWanting(nowMs: number): boolean {
    if (this.#isAsking || this.#next !== null) return false;
    const lease = this.#current;
    if (lease === null || this.#isTogether) return true;
    return nowMs >= lease.renewAtMs || lease.amount <= lease.lowAmount;
  }

  #wantedAt(nowMs: number): number {
    const demand = this.#rateAt(nowMs) * this.#spans.farMs;
    return demand < DEMAND_MIN * this.cost ? 0 : Math.ceil(demand * MARGIN);
  }

  /** The last measurement is old where requests are rare: then it holds as far as one that came now would confirm it. */
  #rateAt(nowMs: number): number {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs <= 2 * MEASURE_MS) return this.#ratePerMs;
    return Math.min(this.#ratePerMs, (this.#arrived + this.cost) / elapsedMs);
  }

  #end({ amount, charge }: Lease): void {
    if (amount > 0) this.#return(amount, charge);
  }

  #return(amount: number, charge: ChargeDates): void {
    const last = this.#returns.at(-1);
    if (last !== undefined && last.charge.stored === charge.stored) last.amount += amount;
    else if (this.#returns.length < RETURNS_MAX) this.#returns.push({ amount, charge });
    this.#onUnused({ amount, ...charge.local });
  }

  #shiftReturn(): LeaseReturn | null {
    const unused = this.#returns.shift();
    if (unused === undefined || unused.charge.stored === null) return null;
    return { amount: unused.amount, ...unused.charge.stored };
  }
}
