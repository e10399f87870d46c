import type { CompiledRule, CompiledWindow } from './compiled-rule.ts';
import type { LeaseSpans } from './lease-spans.ts';
import type { LimitChain } from './limit-chain.ts';
import type { ItemReply, LaterLease, LeaseAsk, LeaseReturn } from './limit-store.ts';
import type { ChargeDates } from './verdict.ts';

/** A lease in hand. */
interface Lease {
  /** Cost that is left. */
  amount: number;
  readonly spanMs: number;
  /** Not to be used before this monotonic time … */
  readonly startMs: number;
  /** … nor from this one on. */
  readonly endMs: number;
  /** The next one is asked for at this time, or when this amount is left. */
  readonly renewAtMs: number;
  readonly lowAmount: number;
  /** When it was granted and when it ends: by the monotonic clock from when the reply came. */
  readonly charge: ChargeDates;
}

/** What is to be returned of a lease, by the store's clock. */
interface Unused {
  amount: number;
  readonly madeMs: number;
  readonly endMs: number;
}

/**
 * A lease is given up so long, and this part of the time since it was asked for, before its charge allows: the worker's clock
 * may be so much slower. Or so much faster: by this part later one begins that was granted ahead.
 */
const EARLY_MS_MIN = 2;
const CLOCK_PART = 1 / 20;

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

/** From a demand of so many times a limit on, what comes back of one that is not leased is gathered. */
const GATHER_FACTOR = 4;

/** A demand of so many times a limit is a flood: it uses all within a sixteenth of the window, so what comes back is leased ahead. */
const FLOOD_FACTOR = 16;

/** Returns that wait for a call; more lapse. A flood has some seven leases of a call. */
const RETURNS_MAX = 12;

/** What a flood leaves of its leases waits for the next call if it is less than this part of the limit. */
const REST_PART = 1 / 100;

/**
 * The leases of one chain of limits on this worker: one in use, one that follows it, those of a flood that begin later, and
 * how much is asked for, by the demand of late. Costs are sums over requests; times are monotonic, in ms.
 *
 *     demand ─► ask (with any call, or ahead of the end) ─► next, later ─► current ─► used, or returned
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
  /** A demand of so much per ms is a flood of one of the windows. */
  readonly #floodPerMs: number;
  readonly #smallest: number;
  readonly #returns: Unused[] = [];
  #current: Lease | null = null;
  #next: Lease | null = null;
  /** Granted ahead, by one call, in the order of their starts. */
  readonly #later: Lease[] = [];
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
    const { compiled } = chain;
    this.#smallest = Math.min(...compiled.map(({ capacity }) => capacity));
    this.#floodPerMs = Math.min(...compiled.map(floodPerMs));
  }

  /** Cost that can be admitted without asking, if it is used in time. */
  get left(): number {
    return (this.#current?.amount ?? 0) + (this.#next?.amount ?? 0);
  }

  get hasReturns(): boolean {
    return this.#returns.length > 0;
  }

  /** Is what is to be returned worth a call of its own? A flood has the next one soon, and little may wait for it. */
  isReturnDue(nowMs: number): boolean {
    if (!this.hasReturns) return false;
    if (!this.#isFlood(nowMs)) return true;
    return this.#later.length === 0 && this.#returnAmount() >= this.#smallest * REST_PART;
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
    for (;;) {
      const lease = this.#current;
      if (lease !== null && nowMs < lease.endMs && lease.amount >= cost) {
        lease.amount -= cost;
        return true;
      }
      const following = this.#shiftFollowing(nowMs);
      if (following === null && (lease === null || nowMs < lease.endMs)) return false;
      if (lease !== null) this.#end(lease);
      this.#current = following;
    }
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
    if (lease === null || this.#next !== null || this.#later.length > 0 || this.#isAsking)
      return false;
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
    const isFlood = this.#later.length === 0 && this.#isFlood(nowMs);
    const hasReason = hasUnits || this.#current !== null || (isFlood && this.hasReturns);
    const isWanting = hasReason && this.#isWanting(nowMs);
    this.#isTogether = false;
    const amount = isWanting ? this.#wantedAt(nowMs) : 0;
    if (amount === 0) return this.takeReturn();
    this.#isAsking = true;
    return { amount, returned: this.#takeReturns(), isFlood };
  }

  /** A return without an ask; null if there is none. */
  takeReturn(): LeaseAsk | null {
    const returned = this.#takeReturns();
    return returned.length === 0 ? null : { amount: 0, returned };
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
    const { later = [] } = grant ?? {};
    if (grant === undefined || (grant.amount === 0 && later.length === 0)) {
      this.retryAtMs = nowMs + this.#spans.longMs / 5;
      return;
    }
    this.remaining = reply.remaining;
    this.resetMs = reply.resetMs;
    this.toldMs = nowMs;
    const { madeMs } = grant;
    if (grant.amount > 0)
      this.#add(this.#leaseOf({ ...grant, startMs: 0 }, madeMs, sentMs, nowMs), nowMs);
    for (const each of later) this.#later.push(this.#leaseOf(each, madeMs, sentMs, nowMs));
  }

  #leaseOf(
    { amount, startMs, spanMs }: LaterLease,
    madeMs: number,
    sentMs: number,
    nowMs: number,
  ): Lease {
    const chargedMs = startMs + spanMs;
    // The charge may last longer, to the end of its bucket: in windows of an hour that is a minute, in which others need it.
    const usableMs = Math.min(spanMs, this.#spans.farMs);
    const lastMs = startMs + usableMs;
    const endMs = sentMs + lastMs - Math.max(EARLY_MS_MIN, lastMs * CLOCK_PART);
    const stored = { madeMs, endMs: madeMs + chargedMs };
    return {
      amount,
      spanMs: usableMs,
      startMs: nowMs + startMs * (1 + CLOCK_PART),
      endMs,
      renewAtMs: endMs - usableMs * LATE_PART,
      lowAmount: Math.floor(amount * LOW_PART),
      charge: { stored, local: { madeMs: nowMs, endMs: nowMs + chargedMs } },
    };
  }

  #add(lease: Lease, nowMs: number): void {
    if (nowMs >= lease.endMs) this.#end(lease);
    else if (this.#current === null) this.#current = lease;
    else if (this.#next === null) this.#next = lease;
    else this.#end(lease);
  }

  /** The next lease in hand that has begun. */
  #shiftFollowing(nowMs: number): Lease | null {
    const next = this.#next;
    if (next !== null) {
      this.#next = null;
      return next;
    }
    const [later] = this.#later;
    return later === undefined || nowMs < later.startMs ? null : (this.#later.shift() ?? null);
  }

  /** The call with this ask failed: whether it was granted is unknown, and what was returned is not told again. */
  fail(ask: LeaseAsk): void {
    if (ask.amount > 0) this.#isAsking = false;
  }

  /** Ends what is over by now. */
  endOver(nowMs: number): void {
    while (this.#current !== null && nowMs >= this.#current.endMs) {
      this.#end(this.#current);
      this.#current = this.#shiftFollowing(nowMs);
    }
    for (
      let [later] = this.#later;
      later !== undefined && nowMs >= later.endMs;
      [later] = this.#later
    ) {
      this.#end(later);
      this.#later.shift();
    }
  }

  /** Ends all leases; what is left of them is to be returned. */
  endAll(): void {
    if (this.#current !== null) this.#end(this.#current);
    if (this.#next !== null) this.#end(this.#next);
    for (const later of this.#later) this.#end(later);
    this.#current = null;
    this.#next = null;
    this.#later.length = 0;
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
    if (this.#current !== null || this.#later.length > 0 || this.#isAsking) return false;
    if (this.hasReturns) return false;
    return nowMs - this.#lastMs >= forMs;
  }

  /** Where nothing is leased, how long a rule denies at least: only a demand far above it has to wait for more than one unit. In ms. */
  gatherMs({ capacity, rule }: CompiledWindow, nowMs: number): number {
    const { farMs, gatherMs } = this.#spans;
    const gathers =
      farMs === 0 && this.#rateAt(nowMs) >= (GATHER_FACTOR * capacity) / rule.windowMs;
    return gathers ? gatherMs : 0;
  }

  #isFlood(nowMs: number): boolean {
    return this.#rateAt(nowMs) >= this.#floodPerMs;
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
    this.#onUnused({ amount, ...charge.local });
    if (charge.stored === null) return;
    const { madeMs, endMs } = charge.stored;
    const last = this.#returns.at(-1);
    if (last?.madeMs === madeMs && last.endMs === endMs) last.amount += amount;
    else if (this.#returns.length < RETURNS_MAX) this.#returns.push({ amount, madeMs, endMs });
  }

  #takeReturns(): LeaseReturn[] {
    return this.#returns.splice(0);
  }

  #returnAmount(): number {
    let amount = 0;
    for (const each of this.#returns) amount += each.amount;
    return amount;
  }
}

function floodPerMs({ kind, rule, capacity }: CompiledRule): number {
  return kind === 'window' ? (FLOOD_FACTOR * capacity) / rule.windowMs : Infinity;
}
