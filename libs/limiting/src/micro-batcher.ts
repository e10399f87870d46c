import { equalBytes, type BodyBytes, type BytesReturn } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { BatchItem, BatchReply, ItemReply, LeaseAsk, LimitStore } from './limit-store.ts';
import type { LimitVerdict } from './verdict.ts';

/** Turns store answers into verdicts; the batcher knows nothing of deny caches or shares. */
export interface BatchOutcome {
  /**
   * Called once per merged item. Returns the verdicts of the units: the first `granted` get `admitted`, the rest `denied`.
   *
   * @param sentMs monotonic time at which its call was sent.
   */
  settleItem(
    item: BatchItem,
    reply: ItemReply,
    sentMs: number,
  ): { admitted: LimitVerdict; denied: LimitVerdict };
  /** Called once per item before it is sent. Returns what to tell the store of the chain's leases. */
  leaseFor(item: BatchItem): LeaseAsk | null;
  /** Called once per item of a chain that counts bytes before it is sent. Returns what it is to give back. */
  returnsFor(item: BatchItem): readonly BytesReturn[] | undefined;
  /** Called for the units of an item that waits: the verdict of one of them if a lease is there by now, else null. */
  admitPending(item: BatchItem): LimitVerdict | null;
  /** Called once per item that waits, when a call was answered: the verdict of all its units if a denial still holds, else null. */
  denyPending(item: BatchItem): LimitVerdict | null;
  /** Called once per item that was sent and failed. */
  failItem(item: BatchItem): void;
  /** Called once per unit whose store call failed. */
  settleFailedUnit(chain: LimitChain, cost: number, bytes: BodyBytes | null): LimitVerdict;
  /** Called once per failed call, before its units are settled. */
  onFailure(error: unknown): void;
  /** Called once per answered call. */
  onReply(reply: BatchReply): void;
}

type Resolve = (verdict: LimitVerdict) => void;

/** Requests of equal chain, cost and bytes that go to the store as one item. */
class PendingItem implements BatchItem {
  readonly chain: LimitChain;
  readonly cost: number;
  readonly bytes: BodyBytes | null;
  readonly waiters: Resolve[] = [];
  lease: LeaseAsk | undefined = undefined;
  returned: readonly BytesReturn[] = [];

  constructor(chain: LimitChain, cost: number, bytes: BodyBytes | null) {
    this.chain = chain;
    this.cost = cost;
    this.bytes = bytes;
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
  readonly #rulesMax: number;
  readonly #nowMs: () => number;
  #pending: PendingItem[] = [];
  /** The youngest pending item of each chain: units of another cost start a new one, so order is kept. */
  readonly #youngest = new Map<string, PendingItem>();
  #waitingUnits = 0;
  /** By tenant, or entity of a pool. */
  readonly #waitingOf = new Map<string, number>();
  #isCalling = false;
  /** The newest call; resolves when what came of it is settled. */
  #outstanding: Promise<void> = Promise.resolve();

  constructor(
    store: Pick<LimitStore, 'takeBatch'>,
    outcome: BatchOutcome,
    stats: LimiterStats,
    bounds: {
      /** Requests that may wait at once, those in the outstanding call included. */
      readonly waitingUnitsMax: number;
      /** Items per call, and rules of all of them together; the rest waits for the next. */
      readonly itemsMax: number;
      readonly rulesMax: number;
    },
    nowMs: () => number,
  ) {
    this.#store = store;
    this.#outcome = outcome;
    this.#stats = stats;
    this.#waitingUnitsMax = bounds.waitingUnitsMax;
    this.#itemsMax = bounds.itemsMax;
    this.#rulesMax = bounds.rulesMax;
    this.#nowMs = nowMs;
  }

  /** True when no further request of the chain's tenant may wait, which alone has half of the room at most. @hot */
  isFullFor(chain: LimitChain): boolean {
    return this.#isFilled(chain, 1);
  }

  /** True when half of those that may wait do. */
  isHalfFullFor(chain: LimitChain): boolean {
    return this.#isFilled(chain, 1 / 2);
  }

  /** Asks the store, now or with the next call. Check `isFullFor` first. @hot */
  take(chain: LimitChain, cost: number, bytes: BodyBytes | null): Promise<LimitVerdict> {
    this.#countWaiting(chain, 1);
    const { waiters } = this.#obtain(chain, cost, bytes);
    const verdict = new Promise<LimitVerdict>((resolve) => {
      waiters.push(resolve);
    });
    if (!this.#isCalling) this.#call();
    return verdict;
  }

  /** Sends an item without units, now or with the next call, unless one of its chain is to be sent anyway. */
  request(chain: LimitChain, cost: number): void {
    if (this.#youngest.has(chain.id)) return;
    this.#obtain(chain, cost, chain.byteSteps?.bodiless ?? null);
    if (!this.#isCalling) queueMicrotask(() => this.#callIfIdle());
  }

  /** Resolves when no call is outstanding, also of those that follow one. */
  async untilIdle(): Promise<void> {
    while (this.#isCalling) await this.#outstanding;
  }

  /** Settles everything that waits for its turn as failed; the outstanding call settles itself. */
  failPending(): void {
    const items = this.#pending;
    this.#pending = [];
    this.#youngest.clear();
    for (const item of items) this.#fail(item);
  }

  /** To this part of the room, or of that of one tenant. */
  #isFilled({ tenantTag }: LimitChain, part: number): boolean {
    const most = this.#waitingUnitsMax * part;
    if (this.#waitingUnits * 2 < most) return false;
    return this.#waitingUnits >= most || (this.#waitingOf.get(tenantTag) ?? 0) * 2 >= most;
  }

  #countWaiting({ tenantTag }: LimitChain, units: number): void {
    if (units === 0) return;
    this.#waitingUnits += units;
    const waiting = (this.#waitingOf.get(tenantTag) ?? 0) + units;
    if (waiting === 0) this.#waitingOf.delete(tenantTag);
    else this.#waitingOf.set(tenantTag, waiting);
  }

  #obtain(chain: LimitChain, cost: number, bytes: BodyBytes | null): PendingItem {
    let item = this.#youngest.get(chain.id);
    if (item === undefined || item.cost !== cost || !equalBytes(item.bytes, bytes)) {
      item = new PendingItem(chain, cost, bytes);
      this.#youngest.set(chain.id, item);
      this.#pending.push(item);
    }
    return item;
  }

  #callIfIdle(): void {
    if (!this.#isCalling && this.#pending.length > 0) this.#call();
  }

  #call(): void {
    const items = this.#takePending();
    if (items.length === 0) return;
    const sentMs = this.#nowMs();
    this.#isCalling = true;
    this.#stats.batches += 1;
    this.#stats.batchedItems += items.length;
    for (const item of items) this.#stats.batchedUnits += item.units;
    this.#outstanding = this.#store.takeBatch(items).then(
      (reply) => {
        this.#outcome.onReply(reply);
        for (let index = 0; index < items.length; index += 1) {
          this.#settle(items[index], reply.items[index], sentMs);
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
    if (item.chain.byteSteps !== null) item.returned = this.#outcome.returnsFor(item) ?? [];
    return item.units > 0 || item.lease !== undefined || item.returned.length > 0;
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
    this.#countWaiting(item.chain, -admitted);
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
      this.#countWaiting(item.chain, -item.units);
      for (const resolve of item.waiters) resolve(verdict);
    }
    this.#pending.length = kept;
  }

  /** Items for one call, in order; those that are not worth sending take no place in it. */
  #takePending(): PendingItem[] {
    const items: PendingItem[] = [];
    let seen = 0;
    let rules = 0;
    for (const item of this.#pending) {
      const more = item.chain.rules.length;
      if (items.length === this.#itemsMax || (rules > 0 && rules + more > this.#rulesMax)) break;
      seen += 1;
      if (this.#youngest.get(item.chain.id) === item) this.#youngest.delete(item.chain.id);
      if (!this.#prepare(item)) continue;
      items.push(item);
      rules += more;
    }
    this.#pending = this.#pending.slice(seen);
    return items;
  }

  #settle(
    item: PendingItem | undefined,
    reply: ItemReply | null | undefined,
    sentMs: number,
  ): void {
    if (item === undefined) return;
    if (reply === undefined || reply === null) {
      this.#fail(item);
      return;
    }
    const { admitted, denied } = this.#outcome.settleItem(item, reply, sentMs);
    this.#countWaiting(item.chain, -item.units);
    for (let index = 0; index < item.waiters.length; index += 1) {
      item.waiters[index]?.(index < reply.granted ? admitted : denied);
    }
  }

  #fail(item: PendingItem): void {
    this.#countWaiting(item.chain, -item.units);
    this.#outcome.failItem(item);
    for (const resolve of item.waiters) {
      resolve(this.#outcome.settleFailedUnit(item.chain, item.cost, item.bytes));
    }
  }
}
