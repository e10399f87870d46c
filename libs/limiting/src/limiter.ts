import type { Clock, Random } from '@headgate/runtime';
import type { CompiledQuota } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';
import { createLimiterStats, type LimiterStats } from './limiter-stats.ts';
import type {
  BatchItem,
  BatchReply,
  ItemReply,
  LeaseAsk,
  LimitStore,
  StoreFailureKind,
} from './limit-store.ts';
import { LeaseBook } from './lease-book.ts';
import { LocalEnforcer } from './local-enforcer.ts';
import { LocalRules } from './local-rules.ts';
import { MicroBatcher, type BatchOutcome, type CallTimes } from './micro-batcher.ts';
import type { QuotaMark, StoredQuota } from './quota-usage.ts';
import { Reconciler } from './reconciler.ts';
import type { EdgeShare } from './share.ts';
import { SlotBook } from './slot-book.ts';
import { SlotKeeper } from './slot-keeper.ts';
import { StoreGuard, systemTimers, type Timers } from './store-guard.ts';
import {
  admittedVerdict,
  deniedVerdict,
  unavailableVerdict,
  type LimitVerdict,
} from './verdict.ts';

/** Decides whether a request may pass its chain of limits. One per worker. */
export interface Limiter {
  /**
   * Charges `cost` to all rules of the chain or to none. Never rejects. Answers at once from the deny cache and while
   * the store is lost; a promise when the store is asked, which settles within the store's timeout.
   *
   * @param cost an integer of at least 1 (throws a RangeError otherwise).
   */
  take(chain: LimitChain, cost: number): LimitVerdict | Promise<LimitVerdict>;
  /**
   * The request that was admitted with this chain and cost has ended: its slots return. To be called exactly once for
   * each admission if `chain.hasSlots`; does nothing for other chains. Never waits.
   */
  release(chain: LimitChain, cost: number): void;
  /**
   * To be called when no more requests come: tells the store of all releases and returns unused leases. Resolves when it
   * knows, or is lost (then slots and leases lapse).
   */
  settle(): Promise<void>;
  /** Takes over what an earlier run knew of quotas; call it before the first take. */
  restoreQuotas(marks: readonly QuotaMark[]): void;
  /** What is known to be used of quotas in their periods, where that has changed since the last call. */
  takeQuotaMarks(): QuotaMark[];
  /** True while the store is not used. Starts true, until the first probe has answered. */
  readonly degraded: boolean;
  readonly stats: LimiterStats;
  /** Stops probing. Does not close the store. */
  close(): void;
}

/** What happened, for one log line or metric each. */
export type LimiterEvent =
  | {
      readonly type: 'store_lost';
      readonly kind: StoreFailureKind | 'identity';
      readonly message: string;
    }
  | { readonly type: 'store_in_use' }
  | { readonly type: 'store_clock_step'; readonly stepMs: number };

/** What a limiter works with. */
export interface LimiterDeps {
  /** Stays the caller's to close, after the limiter. */
  readonly store: LimitStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Read on every decision of this edge and every reply of the store; must be cheap. */
  readonly share: () => EdgeShare;
  readonly onEvent?: (event: LimiterEvent) => void;
  /** Names this limiter among all that share the store: no two live ones may have the same. Default: random. */
  readonly holderId?: string;
  /** Default: Node's timers. */
  readonly timers?: Timers;
}

/** Bounds and timing; all optional. */
export interface LimiterOptions {
  /** Requests that may wait for the store at once; beyond, `unavailable` by `store`. Default 1,000. */
  readonly waitingUnitsMax?: number;
  /** Merged entries per store call. Default 256. */
  readonly batchItemsMax?: number;
  /**
   * Rule keys remembered (deny cache, own recent usage), up to about 2 KB each; as many again of rules with a consumer.
   * Default 20,000.
   */
  readonly localRulesMax?: number;
  /** Full-jitter back-off of probes while the store is lost: first and longest ceiling in ms. Default 50 and 1,000. */
  readonly probeBackoffBaseMs?: number;
  readonly probeBackoffCapMs?: number;
  /** Lease windows to chains with much demand, so that their requests need not wait. Default true. */
  readonly leases?: boolean;
  /** Time between probes while the store is in use, in ms. Default 1,000. */
  readonly heartbeatMs?: number;
}

/** Wires the parts; probing starts at once. Close it when done. */
export function createLimiter(deps: LimiterDeps, options: LimiterOptions = {}): Limiter {
  return new StoreLimiter(deps, options);
}

/** Jumps of the store's clock below this are scheduling noise. */
const CLOCK_STEP_MS = 1000;

class StoreLimiter implements Limiter, BatchOutcome {
  readonly stats = createLimiterStats();
  readonly #store: LimitStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onEvent: (event: LimiterEvent) => void;
  readonly #share: () => EdgeShare;
  readonly #rules: LocalRules;
  readonly #local: LocalEnforcer;
  readonly #batcher: MicroBatcher;
  readonly #leases: LeaseBook | null;
  readonly #guard: StoreGuard;
  readonly #slots: SlotBook;
  readonly #keeper: SlotKeeper;
  #storeAheadMs: number | null = null;

  constructor(deps: LimiterDeps, options: LimiterOptions) {
    const { store, clock, random, share, timers = systemTimers } = deps;
    const { stats } = this;
    this.#store = store;
    const onLateFailure = (error: unknown): void => this.#guard.fail(error);
    this.#slots = new SlotBook(deps.holderId ?? randomHolderId(random), stats);
    this.#keeper = new SlotKeeper(this.#slots, { store, timers, stats, onFailure: onLateFailure });
    this.#clock = clock;
    this.#random = random;
    this.#share = share;
    this.#onEvent = deps.onEvent ?? (() => undefined);
    const rules = new LocalRules(options.localRulesMax ?? 20_000, stats, this.#slots, clock);
    this.#rules = rules;
    const jitter = (waitMs: number): number => this.#jitter(waitMs);
    this.#local = new LocalEnforcer({ rules, clock, share, stats, jitter });
    const bounds = {
      waitingUnitsMax: options.waitingUnitsMax ?? 1000,
      itemsMax: options.batchItemsMax ?? 256,
    };
    const nowMs = (): number => clock.monotonicMs();
    const batcher = new MicroBatcher(this.#keeper, this, stats, bounds, nowMs);
    this.#batcher = batcher;
    const request = (chain: LimitChain, cost: number): void => batcher.request(chain, cost);
    const leaseDeps = { rules, clock, share, stats, timers, request };
    this.#leases = (options.leases ?? true) ? new LeaseBook(leaseDeps) : null;
    const reconciler = new Reconciler({ store, rules, clock, share, stats, onLateFailure });
    this.#guard = new StoreGuard(
      {
        store,
        clock,
        random,
        stats,
        timers,
        reconcile: (identity) => this.#keeper.reconcileWith(reconciler, identity),
        onChange: (cause) => this.#onGuardChange(cause),
      },
      {
        probeBackoffBaseMs: options.probeBackoffBaseMs ?? 50,
        probeBackoffCapMs: options.probeBackoffCapMs ?? 1000,
        heartbeatMs: options.heartbeatMs ?? 1000,
      },
    );
    this.#guard.start();
  }

  get degraded(): boolean {
    return this.#guard.isLost;
  }

  /** @hot */
  take(chain: LimitChain, cost: number): LimitVerdict | Promise<LimitVerdict> {
    if (!Number.isInteger(cost) || cost < 1) {
      throw new RangeError(`cost must be an integer of at least 1, got ${cost}`);
    }
    if (cost > chain.costMax) return this.#denyForGood(chain, cost);
    const nowMs = this.#clock.monotonicMs();
    if (chain.leaseSpans !== null && this.#leases !== null) {
      const leased = this.#leases.take(chain, cost, nowMs);
      if (leased !== null) return leased;
    }
    const denied = this.#rules.findDenial(chain, cost, nowMs);
    if (denied !== -1) return this.#denyFromCache(chain, denied, nowMs, 1);
    if (this.#guard.isLost) return this.#local.take(chain, cost);
    if (this.#batcher.isFull) {
      this.stats.unavailableByOverflow += 1;
      return unavailableVerdict('store');
    }
    return this.#batcher.take(chain, cost);
  }

  release(chain: LimitChain, cost: number): void {
    if (!chain.hasSlots) return;
    for (const compiled of chain.compiled) {
      if (compiled.kind !== 'concurrency') continue;
      this.#rules.allow(compiled);
      this.#keeper.release(compiled.key, cost);
    }
  }

  restoreQuotas(marks: readonly QuotaMark[]): void {
    this.#rules.restoreQuotas(marks);
  }

  takeQuotaMarks(): QuotaMark[] {
    return this.#rules.takeQuotaMarks(this.#clock.monotonicMs());
  }

  async settle(): Promise<void> {
    await this.#keeper.settle();
    if (this.#guard.isLost) return;
    await this.#leases?.returnAll(this.#keeper).catch((error: unknown) => this.#guard.fail(error));
  }

  close(): void {
    this.#leases?.close();
    this.#keeper.close();
    this.#guard.close();
  }

  leaseFor(item: BatchItem): LeaseAsk | null {
    return this.#leases?.ask(item) ?? null;
  }

  admitPending(item: BatchItem): LimitVerdict | null {
    return this.#leases?.admitWaiting(item) ?? null;
  }

  failItem(item: BatchItem): void {
    this.#leases?.fail(item);
  }

  settleItem(
    item: BatchItem,
    reply: ItemReply,
    { sentMs, storeNowMs }: CallTimes,
  ): { admitted: LimitVerdict; denied: LimitVerdict } {
    if (!this.#guard.isLost) this.#leases?.settle(item, reply, sentMs);
    const { chain, cost, units } = item;
    const { granted, remaining, resetMs } = reply;
    const nowMs = this.#clock.monotonicMs();
    const share = this.#share();
    const hasReturned = item.lease !== undefined && item.lease.returned !== null;
    let violated = 0;
    let longestMs = -1;
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      if (compiled.kind === 'quota') {
        const told = { left: remaining[index] ?? 0, resetMs: resetMs[index] ?? 0, storeNowMs };
        this.#learnQuota(chain, compiled, { ...told, charged: granted * cost }, nowMs);
      } else if (granted > 0) {
        const { usage } = this.#rules.obtain(chain, compiled, nowMs);
        usage.charge(nowMs, share, granted * cost, false);
      }
      if ((remaining[index] ?? 0) >= cost) {
        if (hasReturned) this.#rules.allow(compiled);
        continue;
      }
      const waitMs = resetMs[index] ?? 0;
      this.#rules.deny(chain, compiled, cost, nowMs + waitMs, nowMs);
      if (waitMs <= longestMs) continue;
      violated = index;
      longestMs = waitMs;
    }
    this.stats.admittedByStore += granted;
    const admitted = admittedVerdict('store', remaining, resetMs);
    if (granted === units) return { admitted, denied: admitted };
    this.stats.deniedByStore += units - granted;
    const retryAfterMs = this.#jitter(Math.max(0, longestMs));
    const denied = deniedVerdict(chain, 'store', violated, retryAfterMs, remaining, resetMs);
    return { admitted, denied };
  }

  /** A store that knows of less than this edge has lost something: it is told, ahead of the next take. */
  #learnQuota(chain: LimitChain, compiled: CompiledQuota, told: StoredQuota, nowMs: number): void {
    const { usage } = this.#rules.obtain(chain, compiled, nowMs);
    if (!usage.learn(nowMs, told)) return;
    const report = usage.report(nowMs, this.#share(), 'all');
    if (report?.quota === undefined) return;
    const { tenantTag } = chain;
    const item = { rule: compiled, tenantTag, charges: [], quota: report.quota };
    this.#store.replay([item]).catch((error: unknown) => this.#guard.fail(error));
    this.stats.replayedRules += 1;
  }

  denyPending({ chain, cost, units }: BatchItem): LimitVerdict | null {
    const nowMs = this.#clock.monotonicMs();
    const denied = this.#rules.findDenial(chain, cost, nowMs);
    // A slot may have been released since the store answered.
    if (denied === -1 || chain.compiled[denied]?.kind === 'concurrency') return null;
    if (units === 0 && (this.#leases?.hasReturns(chain) ?? false)) return null;
    return this.#denyFromCache(chain, denied, nowMs, units);
  }

  settleFailedUnit(chain: LimitChain, cost: number): LimitVerdict {
    return this.#local.take(chain, cost);
  }

  onFailure(error: unknown): void {
    this.#guard.fail(error);
  }

  onReply(reply: BatchReply): void {
    const aheadMs = reply.storeNowMs - this.#clock.monotonicMs();
    const stepMs = this.#storeAheadMs === null ? 0 : aheadMs - this.#storeAheadMs;
    this.#storeAheadMs = aheadMs;
    if (Math.abs(stepMs) < CLOCK_STEP_MS) return;
    this.stats.storeClockSteps += 1;
    this.#onEvent({ type: 'store_clock_step', stepMs });
  }

  #onGuardChange(cause: { kind: StoreFailureKind; message: string } | null): void {
    if (!this.#guard.isLost) {
      this.#storeAheadMs = null;
      this.#onEvent({ type: 'store_in_use' });
      return;
    }
    const kind = cause === null ? 'identity' : cause.kind;
    const message = cause === null ? 'another store, or an emptied one, answers' : cause.message;
    this.#onEvent({ type: 'store_lost', kind, message });
    this.#leases?.drop();
    this.#keeper.storeLost();
    this.#batcher.failPending();
  }

  #denyForGood(chain: LimitChain, cost: number): LimitVerdict {
    const violated = chain.compiled.findIndex(({ capacity }) => cost > capacity);
    const remaining = chain.rules.map(() => -1);
    const resetMs = chain.rules.map(() => 0);
    this.stats.deniedByDenyCache += 1;
    return deniedVerdict(chain, 'deny_cache', violated, Infinity, remaining, resetMs);
  }

  #denyFromCache(chain: LimitChain, violated: number, nowMs: number, units: number): LimitVerdict {
    const waitMs = this.#rules.denyUntilMs(chain.compiled[violated]) - nowMs;
    const remaining: number[] = [];
    const resetMs: number[] = [];
    for (let index = 0; index < chain.rules.length; index += 1) {
      remaining.push(index === violated ? 0 : -1);
      resetMs.push(index === violated ? waitMs : 0);
    }
    this.stats.deniedByDenyCache += units;
    const retryAfterMs = this.#jitter(waitMs);
    return deniedVerdict(chain, 'deny_cache', violated, retryAfterMs, remaining, resetMs);
  }

  #jitter(waitMs: number): number {
    return waitMs + this.#random.next() * Math.min(1000, waitMs / 10);
  }
}

function randomHolderId(random: Random): string {
  const part = (): string => Math.floor(random.next() * 2 ** 52).toString(36);
  return `${part()}-${part()}`;
}
