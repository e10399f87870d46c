import { systemTimers, type Clock, type Random } from '@headgate/runtime';
import { ruleCost, type BodyBytes, type BytesReturn } from './body-bytes.ts';
import { ByteReturns } from './byte-returns.ts';
import type { CompiledQuota } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';
import { createLimiterStats } from './limiter-stats.ts';
import type {
  BatchItem,
  BatchReply,
  ItemReply,
  LeaseAsk,
  LimitStore,
  StoreFailureKind,
} from './limit-store.ts';
import { LeaseBook } from './lease-book.ts';
import type { Limiter, LimiterDeps, LimiterEvent, LimiterOptions } from './limiter.ts';
import { LocalEnforcer } from './local-enforcer.ts';
import { LOCAL_CONSUMERS_MAX, LOCAL_RULES_MAX, LocalRules, scarceForMs } from './local-rules.ts';
import { MicroBatcher, type BatchOutcome } from './micro-batcher.ts';
import type { QuotaMark, StoredQuota } from './quota-usage.ts';
import { Reconciler } from './reconciler.ts';
import type { EdgeShare } from './share.ts';
import { SlotBook } from './slot-book.ts';
import { SlotKeeper } from './slot-keeper.ts';
import { StoreGuard } from './store-guard.ts';
import {
  admittedVerdict,
  deniedVerdict,
  unavailableVerdict,
  type ChargeDates,
  type LimitVerdict,
} from './verdict.ts';

/** Wires the parts; probing starts at once. Close it when done. */
export function createLimiter(deps: LimiterDeps, options: LimiterOptions = {}): Limiter {
  return new StoreLimiter(deps, options);
}

/** Jumps of the store's clock below this are scheduling noise: a worker that is held up reads a reply late. */
const CLOCK_STEP_MS = 1000;

/**
 * Rules of all entries of a call together, some 10 us of the store's time each: it must answer within its timeout, to several
 * workers that ask at once, however many limits the routes of a tenant have.
 */
const BATCH_RULES_MAX = 512;

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
  readonly #returns = new ByteReturns();
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
    const capacity = {
      rulesMax: options.localRulesMax ?? LOCAL_RULES_MAX,
      consumersMax: options.localConsumersMax ?? LOCAL_CONSUMERS_MAX,
    };
    const rules = new LocalRules(capacity, stats, this.#slots, clock);
    this.#rules = rules;
    const jitter = (waitMs: number): number => this.#jitter(waitMs);
    this.#local = new LocalEnforcer({ rules, clock, share, stats, jitter });
    const bounds = {
      waitingUnitsMax: options.waitingUnitsMax ?? 2000,
      itemsMax: options.batchItemsMax ?? 256,
      rulesMax: BATCH_RULES_MAX,
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
  take(
    chain: LimitChain,
    cost: number,
    bytes: BodyBytes | null = null,
  ): LimitVerdict | Promise<LimitVerdict> {
    return this.takeNow(chain, cost, bytes) ?? this.askStore(chain, cost, bytes);
  }

  /** @hot */
  takeNow(chain: LimitChain, cost: number, bytes: BodyBytes | null = null): LimitVerdict | null {
    if (!Number.isInteger(cost) || cost < 1) {
      throw new RangeError(`cost must be an integer of at least 1, got ${cost}`);
    }
    return this.#takeNow(chain, cost, bytes);
  }

  takeBytes(chain: LimitChain, bytes: BodyBytes): LimitVerdict | Promise<LimitVerdict> {
    const verdict = this.#takeNow(chain, 0, bytes);
    if (verdict !== null) return verdict;
    // A body can wait, as none is lost by it: half of the room is for admissions.
    if (!this.#guard.isLost && this.#batcher.isHalfFullFor(chain)) return this.#overflow();
    return this.askStore(chain, 0, bytes);
  }

  returnBytes(chain: LimitChain, charge: ChargeDates, unused: BodyBytes): void {
    const { stored } = charge;
    const { request, response } = unused;
    if (request + response === 0) return;
    this.#rules.giveBackBytes(chain, unused, charge, this.#clock.monotonicMs());
    // What was admitted without the store is told to it as it stands when it is back.
    if (stored === null || this.#guard.isLost) return;
    this.stats.bytesReturned += request + response;
    if (this.#returns.add(chain, { request, response, madeMs: stored.madeMs })) {
      this.#batcher.request(chain, 1);
    }
  }

  /** @hot */
  #takeNow(chain: LimitChain, cost: number, bytes: BodyBytes | null): LimitVerdict | null {
    if (cost > chain.costMax || (bytes !== null && neverFits(chain, bytes))) {
      return this.#denyForGood(chain, cost, bytes);
    }
    const nowMs = this.#clock.monotonicMs();
    if (chain.leaseSpans !== null && this.#leases !== null) {
      const leased = this.#leases.take(chain, cost, nowMs);
      if (leased !== null) return leased;
    }
    const denied = this.#rules.findDenial(chain, cost, nowMs, bytes);
    if (denied === -1) return null;
    const waitMs = this.#rules.freeAtMs(chain, denied, cost, bytes) - nowMs;
    return this.#denyFromCache(chain, denied, waitMs, 1);
  }

  /** @hot */
  askStore(
    chain: LimitChain,
    cost: number,
    bytes: BodyBytes | null = null,
  ): LimitVerdict | Promise<LimitVerdict> {
    if (this.#guard.isLost) return this.#local.take(chain, cost, bytes);
    if (this.#batcher.isFullFor(chain)) return this.#overflow();
    return this.#batcher.take(chain, cost, bytes);
  }

  #overflow(): LimitVerdict {
    this.stats.unavailableByOverflow += 1;
    return unavailableVerdict('store');
  }

  release(chain: LimitChain, cost: number): void {
    if (!chain.hasSlots) return;
    for (const compiled of chain.compiled) {
      if (compiled.kind !== 'concurrency') continue;
      this.#rules.allow(compiled);
      this.#keeper.release(compiled.key, cost);
    }
  }

  giveBack(chain: LimitChain, cost: number, { charge }: LimitVerdict): void {
    if (charge === null) return;
    this.stats.refundedCost += cost;
    if (charge.stored !== null) {
      // An answer may come when the store is lost: what is given back then would be told to whichever store is next.
      if (!this.#guard.isLost) this.#leases?.giveBack(chain, cost, charge);
      return;
    }
    this.#rules.giveBack(chain, { amount: cost, ...charge.local }, this.#clock.monotonicMs());
  }

  restoreQuotas(marks: readonly QuotaMark[]): void {
    this.#rules.restoreQuotas(marks);
  }

  takeQuotaMarks(): QuotaMark[] {
    return this.#rules.takeQuotaMarks(this.#clock.monotonicMs());
  }

  async settle(): Promise<void> {
    this.#leases?.stopAsking();
    await this.#keeper.settle();
    await this.#batcher.untilIdle(); // it may bring a lease
    if (this.#guard.isLost) return;
    const fail = (error: unknown): void => this.#guard.fail(error);
    await this.#leases?.returnAll(this.#keeper).catch(fail);
    await this.#returnAllBytes().catch(fail);
  }

  close(): void {
    this.#leases?.close();
    this.#keeper.close();
    this.#guard.close();
  }

  leaseFor(item: BatchItem): LeaseAsk | null {
    return this.#leases?.ask(item) ?? null;
  }

  returnsFor({ chain }: BatchItem): readonly BytesReturn[] | undefined {
    return this.#returns.take(chain);
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
    sentMs: number,
  ): { admitted: LimitVerdict; denied: LimitVerdict } {
    if (!this.#guard.isLost) this.#leases?.settle(item, reply, sentMs);
    const { chain, cost, units, bytes = null } = item;
    const { granted, remaining, resetMs, madeMs } = reply;
    const nowMs = this.#clock.monotonicMs();
    const share = this.#share();
    const hasReturned = hasReturns(item);
    if (hasReturned && this.#returns.has(chain)) this.#batcher.request(chain, 1);
    let violated = 0;
    let longestMs = -1;
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      const due = ruleCost(compiled, cost, bytes);
      if (compiled.kind === 'quota') {
        const times = { resetMs: resetMs[index] ?? 0, storeNowMs: madeMs };
        const returned = reply.returned?.[index] ?? 0;
        const told = { left: remaining[index] ?? 0, returned, ...times };
        this.#learnQuota(chain, compiled, { ...told, charged: granted * due }, nowMs);
      } else if (granted > 0 && due > 0) {
        const { usage } = this.#rules.obtain(chain, compiled, nowMs);
        usage.charge(nowMs, share, granted * due, false);
      }
      if ((remaining[index] ?? 0) >= due) {
        if (hasReturned) this.#rules.allow(compiled);
        continue;
      }
      const gatherMs = this.#leases?.gatherMs(chain, compiled, nowMs) ?? 0;
      const waitMs = Math.max(resetMs[index] ?? 0, gatherMs);
      // Of one who gathers it says when enough for a lease fits.
      const scarceMs = gatherMs > 0 || item.lease !== undefined ? 0 : scarceForMs(compiled, waitMs);
      const denial = { cost: due, waitMs, left: remaining[index] ?? 0, scarceMs };
      this.#rules.deny(chain, compiled, denial, nowMs);
      if (waitMs <= longestMs) continue;
      violated = index;
      longestMs = waitMs;
    }
    this.stats.admittedByStore += granted;
    const stored = { madeMs, endMs: madeMs };
    const charge = { stored, local: { madeMs: nowMs, endMs: nowMs } };
    const admitted = admittedVerdict('store', remaining, resetMs, charge);
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
    // The report has what was given back, too.
    this.#returns.dropKey(compiled.key);
    const report = usage.report(nowMs, this.#share(), 'all');
    if (report?.quota === undefined) return;
    const { tenantTag } = chain;
    const item = { rule: compiled, tenantTag, charges: [], quota: report.quota };
    this.#store.replay([item]).catch((error: unknown) => this.#guard.fail(error));
    this.stats.replayedRules += 1;
  }

  denyPending({ chain, cost, units, bytes = null }: BatchItem): LimitVerdict | null {
    const nowMs = this.#clock.monotonicMs();
    const denied = this.#rules.findDenial(chain, cost, nowMs, bytes);
    // A slot may have been released since the store answered.
    if (denied === -1 || chain.compiled[denied]?.kind === 'concurrency') return null;
    // Bytes that return with this very call may be enough; and nobody else would bring them.
    if (this.#returns.has(chain)) return null;
    if (units === 0 && (this.#leases?.hasReturns(chain) ?? false)) return null;
    const waitMs = this.#rules.freeAtMs(chain, denied, cost, bytes) - nowMs;
    return this.#denyFromCache(chain, denied, waitMs, units);
  }

  settleFailedUnit(chain: LimitChain, cost: number, bytes: BodyBytes | null): LimitVerdict {
    return this.#local.take(chain, cost, bytes);
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
    this.#returns.drop();
    this.#keeper.storeLost();
    this.#batcher.failPending();
  }

  /** At the end, chain after chain: whoever counts bytes is few. */
  async #returnAllBytes(): Promise<void> {
    for (const chain of this.#returns.chains()) {
      const bytes = chain.byteSteps?.bodiless ?? null;
      while (this.#returns.has(chain)) {
        const returned = this.#returns.take(chain) ?? [];
        await this.#keeper.takeBatch([{ chain, cost: 1, units: 0, bytes, returned }]);
      }
    }
  }

  #denyForGood(chain: LimitChain, cost: number, bytes: BodyBytes | null): LimitVerdict {
    const violated = chain.compiled.findIndex(
      (compiled) => ruleCost(compiled, cost, bytes) > compiled.capacity,
    );
    const remaining = chain.rules.map(() => -1);
    const resetMs = chain.rules.map(() => 0);
    this.stats.deniedByDenyCache += 1;
    return deniedVerdict(chain, 'deny_cache', violated, Infinity, remaining, resetMs);
  }

  #denyFromCache(chain: LimitChain, violated: number, waitMs: number, units: number): LimitVerdict {
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

/** Has this item given back anything? */
function hasReturns({ lease, returned = [] }: BatchItem): boolean {
  return returned.length > 0 || (lease !== undefined && lease.returned.length > 0);
}

/** More than some rule could ever grant. */
function neverFits(chain: LimitChain, bytes: BodyBytes): boolean {
  for (const compiled of chain.compiled) {
    if (ruleCost(compiled, 0, bytes) > compiled.capacity) return true;
  }
  return false;
}

function randomHolderId(random: Random): string {
  const part = (): string => Math.floor(random.next() * 2 ** 52).toString(36);
  return `${part()}-${part()}`;
}
