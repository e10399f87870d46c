import type { Clock, Timers } from '@headgate/runtime';
import { ChainLeases } from './chain-leases.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { BatchItem, ItemReply, LeaseAsk, LeaseReturn, LimitStore } from './limit-store.ts';
import type { LocalRules } from './local-rules.ts';
import type { EdgeShare } from './share.ts';
import { admittedVerdict, type ChargeDates, type LimitVerdict } from './verdict.ts';

/**
 * Chains with demand that are watched at once; others ask for each request. Pools, of which there are 2,000 at most, come on
 * top: what a tenant's limit refuses returns through the book, however many clients there are.
 */
const CHAINS_MAX = 4096;

/** Leases that were over without a further request are returned, and idle chains forgotten, this often. */
const SWEEP_MS = 100;
const IDLE_MS = 1000;

/** At the end everything is returned in calls of so many chains, that none takes the store's timeout; and in so many calls. */
const RETURNS_PER_CALL = 256;
const RETURN_CALLS_MAX = 64;

/** What the book works with. */
export interface LeaseBookDeps {
  readonly rules: LocalRules;
  readonly clock: Clock;
  readonly share: () => EdgeShare;
  readonly stats: LimiterStats;
  readonly timers: Timers;
  /** Sends an item without units with the next call, in which `ask` is told. */
  readonly request: (chain: LimitChain, cost: number) => void;
}

/**
 * The leases of this worker, by chain of limits. A chain whose demand is high enough is leased ahead of need, so that its
 * requests are admitted without waiting. The store is asked for as much as the demand measured, and grants that or less.
 */
export class LeaseBook {
  readonly #deps: LeaseBookDeps;
  readonly #chains = new Map<string, ChainLeases>();
  #cancelSweep: (() => void) | null = null;
  #isClosed = false;
  /** Those that are due soon have joined the call that is to be sent next. */
  #hasGathered = false;
  /** Charges of before are not returned: the store was lost since, and may have lost them. */
  #lostMs = -Infinity;

  constructor(deps: LeaseBookDeps) {
    this.#deps = deps;
  }

  /** Counts the request, and admits it if a lease is in hand; else null. @hot */
  take(chain: LimitChain, cost: number, nowMs: number): LimitVerdict | null {
    const leases = this.#chains.get(chain.id);
    if (leases === undefined) return null;
    leases.count(cost, nowMs);
    return this.#admit(leases, cost, nowMs);
  }

  /** Admits a request that was counted when it came and still waits; else null. */
  admitWaiting({ chain, cost }: BatchItem): LimitVerdict | null {
    if (chain.leaseSpans === null) return null;
    const leases = this.#chains.get(chain.id);
    return leases === undefined ? null : this.#admit(leases, cost, this.#nowMs());
  }

  /** Gives an admission back that the store, or a lease of it, gave: it is used again or returned. */
  giveBack(chain: LimitChain, cost: number, charge: ChargeDates): void {
    const leases = this.#chains.get(chain.id);
    if (leases === undefined || charge.local.madeMs <= this.#lostMs) return;
    leases.giveBack(cost, charge);
    if (leases.hasReturns) this.#deps.request(chain, cost);
  }

  /** What to tell the store with this item, which is sent now. */
  ask({ chain, units }: BatchItem): LeaseAsk | null {
    this.#hasGathered = false;
    if (chain.leaseSpans === null || this.#isClosed) return null;
    const ask = this.#chains.get(chain.id)?.ask(this.#nowMs(), units > 0) ?? null;
    if (ask !== null) this.#deps.stats.leaseReturnedCost += returnedCost(ask);
    return ask;
  }

  /**
   * The store has answered to an item: notes what it leased, and watches the demand of its chain from now on.
   *
   * @param sentMs monotonic time before the call was sent.
   */
  settle(item: BatchItem, reply: ItemReply, sentMs: number): void {
    const { chain, cost, units, lease } = item;
    if (chain.leaseSpans === null) return;
    const nowMs = this.#nowMs();
    let leases = this.#chains.get(chain.id);
    if (leases === undefined) {
      const hasRoom = this.#chains.size < CHAINS_MAX || chain.tenantId === '';
      if (units === 0 || !hasRoom || this.#isClosed) return;
      leases = new ChainLeases(chain, chain.leaseSpans, nowMs, this.#onUnused(chain));
      leases.count(units * cost, nowMs);
      this.#chains.set(chain.id, leases);
      this.#scheduleSweep();
    }
    if (lease === undefined) return;
    const { amount = 0, spanMs = 0, later = [] } = reply.lease ?? {};
    this.#note(chain, amount, nowMs, spanMs);
    for (const each of later) this.#note(chain, each.amount, nowMs, each.startMs + each.spanMs);
    leases.settle(lease, reply, sentMs, nowMs);
  }

  #note(chain: LimitChain, amount: number, nowMs: number, aheadMs: number): void {
    if (amount === 0) return;
    this.#deps.stats.leases += 1;
    this.#deps.stats.leasedCost += amount;
    this.#deps.rules.charge(chain, amount, nowMs, this.#deps.share(), aheadMs);
  }

  /** A rule of a chain that is never leased has denied: how long it does so at least, in ms. */
  gatherMs(chain: LimitChain, compiled: CompiledRule, nowMs: number): number {
    if (compiled.kind !== 'window') return 0;
    return this.#chains.get(chain.id)?.gatherMs(compiled, nowMs) ?? 0;
  }

  /** The call of an item failed. */
  fail({ chain, lease }: BatchItem): void {
    if (lease !== undefined) this.#chains.get(chain.id)?.fail(lease);
  }

  /** Does an item of this chain have something to return? */
  hasReturns(chain: LimitChain): boolean {
    return this.#chains.get(chain.id)?.hasReturns ?? false;
  }

  /** The store is lost, or another: what is in hand was charged to it, and is not used or returned any more. */
  drop(): void {
    this.#lostMs = this.#nowMs();
    for (const leases of this.#chains.values()) leases.drop();
  }

  /** Asks for nothing more; what it has asked for may still come. */
  stopAsking(): void {
    this.#isClosed = true;
  }

  /** Ends all leases and returns them; nothing is asked for by now, and no call outstanding. Rejects as the store does. */
  async returnAll(store: Pick<LimitStore, 'takeBatch'>): Promise<void> {
    for (let call = 0; call < RETURN_CALLS_MAX; call += 1) {
      const items = this.#takeReturns();
      if (items.length === 0) return;
      await store.takeBatch(items);
      for (const { lease } of items) {
        if (lease !== undefined) this.#deps.stats.leaseReturnedCost += returnedCost(lease);
      }
    }
  }

  close(): void {
    this.stopAsking();
    this.#cancelSweep?.();
    this.#cancelSweep = null;
  }

  /** Returns for one call. */
  #takeReturns(): BatchItem[] {
    const items: BatchItem[] = [];
    for (const leases of this.#chains.values()) {
      if (items.length === RETURNS_PER_CALL) break;
      leases.endAll();
      const lease = leases.takeReturn();
      if (lease !== null) items.push({ chain: leases.chain, cost: 1, units: 0, lease });
    }
    return items;
  }

  #admit(leases: ChainLeases, cost: number, nowMs: number): LimitVerdict | null {
    if (!leases.use(cost, nowMs)) {
      // What has just lapsed is wanted: near the limit it may be all that is left.
      if (leases.isReturnDue(nowMs)) this.#deps.request(leases.chain, cost);
      return null;
    }
    const { charge } = leases;
    if (leases.isDue(nowMs)) this.#renew(leases, nowMs);
    this.#deps.stats.admittedByLease += 1;
    this.#deps.stats.leaseUsedCost += cost;
    const { left } = leases;
    const sinceMs = nowMs - leases.toldMs;
    const remaining: number[] = [];
    const resetMs: number[] = [];
    for (let rule = 0; rule < leases.remaining.length; rule += 1) {
      remaining.push((leases.remaining[rule] ?? 0) + left);
      resetMs.push(Math.max(1, (leases.resetMs[rule] ?? 0) - sinceMs));
    }
    return admittedVerdict('lease', remaining, resetMs, charge);
  }

  /** Asks for the next lease of this chain and of those that are due soon. */
  #renew(leases: ChainLeases, nowMs: number): void {
    const { rules, request } = this.#deps;
    const denied = rules.findDenial(leases.chain, leases.cost, nowMs);
    if (denied !== -1) {
      leases.retryAtMs = rules.denyUntilMs(leases.chain.compiled[denied], leases.cost);
      return;
    }
    request(leases.chain, leases.cost);
    // Once per call: what is due by the time it is sent asks by itself.
    if (this.#hasGathered || !leases.isOverSoon(nowMs)) return;
    this.#hasGathered = true;
    for (const other of this.#chains.values()) {
      if (other !== leases && other.joinIfNearlyDue(nowMs)) request(other.chain, other.cost);
    }
  }

  #onUnused(chain: LimitChain): (unused: LeaseReturn) => void {
    return (unused) => this.#deps.rules.giveBack(chain, unused, this.#nowMs());
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep !== null || this.#isClosed) return;
    this.#cancelSweep = this.#deps.timers.schedule(() => {
      this.#cancelSweep = null;
      this.#sweep();
      if (this.#chains.size > 0) this.#scheduleSweep();
    }, SWEEP_MS);
  }

  #sweep(): void {
    const nowMs = this.#nowMs();
    for (const [id, leases] of this.#chains) {
      leases.endOver(nowMs);
      if (leases.isReturnDue(nowMs)) this.#deps.request(leases.chain, leases.cost);
      else if (leases.isIdle(nowMs, IDLE_MS)) this.#chains.delete(id);
    }
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}

function returnedCost({ returned }: LeaseAsk): number {
  let cost = 0;
  for (const { amount } of returned) cost += amount;
  return cost;
}
