import type { Timers } from '@headgate/runtime';
import type { LimiterStats } from './limiter-stats.ts';
import type { BatchItem, BatchReply, LimitStore, SlotClaim, SlotRenewal } from './limit-store.ts';
import type { Reconciler } from './reconciler.ts';
import type { SlotBook, SlotHolding } from './slot-book.ts';

/** Slots lapse in the store 2,500 ms after their last renewal: two renewals may be late. */
const RENEW_MS = 800;

/** A release is told by the next take of its key, or by a call of its own at most this much later. */
const RELEASE_MS = 20;

/** … and at once if less than this part of the limit was free: somebody may be waiting for it. */
const URGENT_PART = 0.25;

/** Keys per renewal call: about 1 ms of the store's time. */
const RENEWALS_MAX = 128;

/** Tells the store which slots this worker holds: with each take, every 800 ms, and soon after a release. */
export class SlotKeeper implements Pick<LimitStore, 'takeBatch'> {
  readonly #book: SlotBook;
  readonly #store: LimitStore;
  readonly #timers: Timers;
  readonly #stats: LimiterStats;
  readonly #onFailure: (error: unknown) => void;
  #isLost = true;
  #cancelRenewal: (() => void) | null = null;
  #cancelRelease: (() => void) | null = null;
  #releaseIsUrgent = false;

  constructor(
    book: SlotBook,
    deps: {
      readonly store: LimitStore;
      readonly timers: Timers;
      readonly stats: LimiterStats;
      /** A renewal failed: the store is lost. */
      readonly onFailure: (error: unknown) => void;
    },
  ) {
    this.#book = book;
    this.#store = deps.store;
    this.#timers = deps.timers;
    this.#stats = deps.stats;
    this.#onFailure = deps.onFailure;
  }

  /** Asks the store, and tells it with the same call what is held of the rules that it is asked for. */
  takeBatch(items: readonly BatchItem[]): Promise<BatchReply> {
    if (!items.some(({ chain }) => chain.hasSlots)) return this.#store.takeBatch(items);
    const claims = new Map<SlotHolding, SlotClaim>();
    const claimed = items.map((item) => (item.chain.hasSlots ? this.#claim(item, claims) : item));
    this.#scheduleRenewal();
    return this.#store.takeBatch(claimed).then(
      (reply) => {
        this.#settle(claimed, reply, claims);
        return reply;
      },
      (error: unknown) => {
        for (const holding of claims.keys()) holding.asking -= 1;
        throw error;
      },
    );
  }

  /** A request has ended. */
  release(key: string, units: number): void {
    const holding = this.#book.release(key, units);
    if (holding === null) return;
    if (this.#isLost) {
      this.#book.forgetUnheld(holding);
      return;
    }
    const isUrgent = holding.free < URGENT_PART;
    if (this.#cancelRelease !== null && (this.#releaseIsUrgent || !isUrgent)) return;
    this.#cancelRelease?.();
    this.#releaseIsUrgent = isUrgent;
    const tell = (): void => {
      this.#cancelRelease = null;
      this.#tell(this.#untold()).catch(this.#onFailure);
    };
    this.#cancelRelease = this.#timers.schedule(tell, isUrgent ? 0 : RELEASE_MS);
  }

  /** Tells all releases now. Never rejects. */
  async settle(): Promise<void> {
    if (this.#isLost) return;
    await this.#tell(this.#untold()).catch(this.#onFailure);
  }

  storeLost(): void {
    this.#isLost = true;
    this.#cancelRelease?.();
    this.#cancelRelease = null;
  }

  /**
   * Before the store serves again: the reconciler's replay, and all slots that are held, under a new epoch. What the
   * store granted without this worker hearing of it is thereby void.
   */
  async reconcileWith(
    reconciler: Pick<Reconciler, 'reconcile'>,
    identity: string,
  ): Promise<() => void> {
    this.#book.startEpoch();
    const finish = await reconciler.reconcile(identity);
    await this.#tell(this.#book.all());
    // What is admitted meanwhile is told by the last step, ahead of the first take.
    return () => {
      finish();
      this.#isLost = false;
      this.#tell(this.#untold()).catch(this.#onFailure);
      this.#scheduleRenewal();
    };
  }

  close(): void {
    this.#cancelRelease?.();
    this.#cancelRenewal?.();
    this.#isLost = true;
  }

  #claim(item: BatchItem, claims: Map<SlotHolding, SlotClaim>): BatchItem {
    const { chain, cost, units, bytes = null, returned = [] } = item;
    const slots: SlotClaim[] = [];
    for (const { kind, key } of chain.compiled) {
      if (kind !== 'concurrency') continue;
      const holding = this.#book.obtain(key, chain.tenantTag);
      let claim = claims.get(holding);
      if (claim === undefined) {
        claim = this.#book.claimOf(holding);
        holding.asking += 1;
        claims.set(holding, claim);
      }
      slots.push(claim);
    }
    return { chain, cost, units, slots, bytes, returned };
  }

  /** Counts what was granted; the claim and the grants are then known to the store. */
  #settle(
    items: readonly BatchItem[],
    reply: BatchReply,
    claims: ReadonlyMap<SlotHolding, SlotClaim>,
  ): void {
    const known = new Map(claims);
    for (const [index, { chain, cost }] of items.entries()) {
      const answer = reply.items[index];
      if (answer === undefined || answer === null || !chain.hasSlots) continue;
      for (const [position, { kind, key, capacity }] of chain.compiled.entries()) {
        const holding = kind === 'concurrency' ? this.#book.find(key) : null;
        const claim = holding === null ? undefined : known.get(holding);
        if (holding === null || claim === undefined) continue;
        const granted = answer.granted * cost;
        if (granted > 0) this.#book.grant(key, holding.tenantTag, granted);
        known.set(holding, { ...claim, granted: claim.granted + granted });
        holding.free = (answer.remaining[position] ?? 0) / capacity;
      }
    }
    for (const [holding, claim] of known) {
      holding.asking -= 1;
      this.#book.told(holding, claim);
    }
  }

  /** Holdings of which the store does not know everything. */
  #untold(): SlotHolding[] {
    return this.#book
      .all()
      .filter(
        ({ granted, released, toldGranted, toldReleased }) =>
          granted !== toldGranted || released !== toldReleased,
      );
  }

  #scheduleRenewal(): void {
    if (this.#cancelRenewal !== null) return;
    this.#cancelRenewal = this.#timers.schedule(() => {
      this.#cancelRenewal = null;
      if (this.#isLost || this.#book.size === 0) return; // the next take or the returned store starts it again
      this.#tell(this.#book.all()).catch(this.#onFailure);
      this.#scheduleRenewal();
    }, RENEW_MS);
  }

  async #tell(holdings: readonly SlotHolding[]): Promise<void> {
    for (let start = 0; start < holdings.length; start += RENEWALS_MAX) {
      const told = holdings.slice(start, start + RENEWALS_MAX);
      const renewals: SlotRenewal[] = told.map((holding) => {
        const { key, tenantTag } = holding;
        return { key, tenantTag, claim: this.#book.claimOf(holding) };
      });
      this.#stats.slotsLapsed += await this.#store.renewSlots(renewals);
      for (const [index, holding] of told.entries()) {
        const claim = renewals[index]?.claim;
        if (claim !== undefined) this.#book.told(holding, claim);
      }
    }
  }
}
