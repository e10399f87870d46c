import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { BatchItem, BatchReply, ItemReply, LeaseAsk, LimitStore } from './limit-store.ts';
import type { LimitVerdict } from './verdict.ts';

/** When a call was sent, by the monotonic clock, and answered, by the store's; in ms. */
export interface CallTimes {
  readonly sentMs: number;
  readonly storeNowMs: number;
}

/** Turns store answers into verdicts; the batcher knows nothing of deny caches or shares. */
export interface BatchOutcome {
  /** Called once per merged item. Returns the verdicts of the units: the first `granted` get `admitted`, the rest `denied`. */
  settleItem(
    item: BatchItem,
    reply: ItemReply,
    times: CallTimes,
  ): { admitted: LimitVerdict; denied: LimitVerdict };
  /** Called once per item before it is sent. Returns what to tell the store of the chain's leases. */
  leaseFor(item: BatchItem): LeaseAsk | null;
  /** Called for the units of an item that waits: the verdict of one of them if a lease is there by now, else null. */
  admitPending(item: BatchItem): LimitVerdict | null;
  /** Called once per item that waits, when a call was answered: the verdict of all its units if a denial still holds, else null. */
  denyPending(item: BatchItem): LimitVerdict | null;
  /** Called once per item that was sent and failed. */
  failItem(item: BatchItem): void;
  /** Called once per unit whose store call failed. */
  settleFailedUnit(chain: LimitChain, cost: number): LimitVerdict;
  /** Called once per failed call, before its units are settled. */
  onFailure(error: unknown): void;
  /** Called once per answered call. */
  onReply(reply: BatchReply): void;
}

type Resolve = (verdict: LimitVerdict) => void;

/** Requests of equal chain and cost that go to the store as one item. */
class PendingItem implements BatchItem {
  readonly chain: LimitChain;
  readonly cost: number;
  readonly waiters: Resolve[] = [];
  lease: LeaseAsk | undefined = undefined;

  constructor(chain: LimitChain, cost: number) {
    this.chain = chain;
    this.cost = cost;
  }

  get units(): number {
    return this.waiters.length;
  }
}

/**
 * One outstanding store call; whatever arrives meanwhile joins the next one.
 *
 *     take ─► idle?  yes ─► call of one unit            (no timer, no added wait)
 *                    no  ─► pending: chain → item ─► next call, when the outstanding one is answered
 *
 * The batch grows with the load by itself: at the round trip time t a call carries all requests of the last t.
 */
export class MicroBatcher {
  readonly #store: Pick<LimitStore, 'takeBatch'>;
  readonly #outcome: BatchOutcome;
  readonly #stats: LimiterStats;
  readonly #waitingUnitsMax: number;
  readonly #itemsMax: number;
  readonly #nowMs: () => number;
  #pending: PendingItem[] = [];
  /** The youngest pending item of each chain: units of another cost start a new one, so order is kept. */
  readonly #youngest = new Map<string, PendingItem>();
  #waitingUnits = 0;
  #isCalling = false;

  constructor(
    store: Pick<LimitStore, 'takeBatch'>,
    outcome: BatchOutcome,
    stats: LimiterStats,
    bounds: {
      /** Requests that may wait at once, those in the outstanding call included. */
      readonly waitingUnitsMax: number;
      /** Items per call; the rest waits for the next. */
      readonly itemsMax: number;
    },
    nowMs: () => number,
  ) {
    this.#store = store;
    this.#outcome = outcome;
    this.#stats = stats;
    this.#waitingUnitsMax = bounds.waitingUnitsMax;
    this.#itemsMax = bounds.itemsMax;
    this.#nowMs = nowMs;
  }

  /** True when no further request may wait. */
  get isFull(): boolean {
    return this.#waitingUnits >= this.#waitingUnitsMax;
  }

  /** Asks the store, now or with the next call. Check `isFull` first. @hot */
  take(chain: LimitChain, cost: number): Promise<LimitVerdict> {
    this.#waitingUnits += 1;
    const { waiters } = this.#obtain(chain, cost);
    const verdict = new Promise<LimitVerdict>((resolve) => {
      waiters.push(resolve);
    });
    if (!this.#isCalling) this.#call();
    return verdict;
  }

  /** Sends an item without units, now or with the next call, unless one of its chain is to be sent anyway. */
  request(chain: LimitChain, cost: number): void {
    if (this.#youngest.has(chain.id)) return;
    this.#obtain(chain, cost);
    if (!this.#isCalling) queueMicrotask(() => this.#callIfIdle());
  }

  /** Settles everything that waits for its turn as failed; the outstanding call settles itself. */
  failPending(): void {
    const items = this.#pending;
    this.#pending = [];
    this.#youngest.clear();
    for (const item of items) this.#fail(item);
  }

  #obtain(chain: LimitChain, cost: number): PendingItem {
    let item = this.#youngest.get(chain.id);
    if (item === undefined || item.cost !== cost) {
      item = new PendingItem(chain, cost);
      this.#youngest.set(chain.id, item);
      this.#pending.push(item);
    }
    return item;
  }

  #callIfIdle(): void {
    if (!this.#isCalling && this.#pending.length > 0) this.#call();
  }

  #call(): void {
    const items = this.#takePending().filter((item) => this.#prepare(item));
    if (items.length === 0) {
      this.#callIfIdle();
      return;
    }
    const sentMs = this.#nowMs();
    this.#isCalling = true;
    this.#stats.batches += 1;
    this.#stats.batchedItems += items.length;
    for (const item of items) this.#stats.batchedUnits += item.units;
    this.#store.takeBatch(items).then(
      (reply) => {
        this.#outcome.onReply(reply);
        const times = { sentMs, storeNowMs: reply.storeNowMs };
        for (let index = 0; index < items.length; index += 1) {
          this.#settle(items[index], reply.items[index], times);
        }
        this.#next();
      },
      (error: unknown) => {
        this.#outcome.onFailure(error);
        for (const item of items) this.#fail(item);
        this.#next();
      },
    );
  }

  #next(): void {
    this.#isCalling = false;
    this.#denyPending();
    this.#callIfIdle();
  }

  /** False for an item that is not worth sending: without units, and with nothing to ask or to return by now. */
  #prepare(item: PendingItem): boolean {
    item.lease = this.#outcome.leaseFor(item) ?? undefined;
    return item.units > 0 || item.lease !== undefined;
  }

  /** Units of an item that waits take from a lease that came with another call. */
  #admitPending(item: PendingItem): void {
    let admitted = 0;
    while (admitted < item.units) {
      const verdict = this.#outcome.admitPending(item);
      if (verdict === null) break;
      item.waiters[admitted]?.(verdict);
      admitted += 1;
    }
    item.waiters.splice(0, admitted);
    this.#waitingUnits -= admitted;
  }

  /** What arrived while the call was out that used up a limit need not ask: its denial holds for them too. */
  #denyPending(): void {
    let kept = 0;
    for (const item of this.#pending) {
      this.#admitPending(item);
      const verdict = this.#outcome.denyPending(item);
      if (verdict === null) {
        this.#pending[kept] = item;
        kept += 1;
        continue;
      }
      if (this.#youngest.get(item.chain.id) === item) this.#youngest.delete(item.chain.id);
      this.#waitingUnits -= item.units;
      for (const resolve of item.waiters) resolve(verdict);
    }
    this.#pending.length = kept;
  }

  #takePending(): PendingItem[] {
    if (this.#pending.length <= this.#itemsMax) {
      const items = this.#pending;
      this.#pending = [];
      this.#youngest.clear();
      return items;
    }
    const items = this.#pending.splice(0, this.#itemsMax);
    for (const item of items) {
      if (this.#youngest.get(item.chain.id) === item) this.#youngest.delete(item.chain.id);
    }
    return items;
  }

  #settle(
    item: PendingItem | undefined,
    reply: ItemReply | null | undefined,
    times: CallTimes,
  ): void {
    if (item === undefined) return;
    if (reply === undefined || reply === null) {
      this.#fail(item);
      return;
    }
    const { admitted, denied } = this.#outcome.settleItem(item, reply, times);
    this.#waitingUnits -= item.units;
    for (let index = 0; index < item.waiters.length; index += 1) {
      item.waiters[index]?.(index < reply.granted ? admitted : denied);
    }
  }

  #fail(item: PendingItem): void {
    this.#waitingUnits -= item.units;
    this.#outcome.failItem(item);
    for (const resolve of item.waiters) {
      resolve(this.#outcome.settleFailedUnit(item.chain, item.cost));
    }
  }
}
