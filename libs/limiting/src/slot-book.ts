import type { LimiterStats } from './limiter-stats.ts';
import type { SlotClaim } from './limit-store.ts';

/** A worker's slots of one rule; `granted - released` requests hold one. */
export interface SlotHolding {
  readonly key: string;
  readonly tenantTag: string;
  granted: number;
  released: number;
  /** What the store is known to know of both. */
  toldGranted: number;
  toldReleased: number;
  /** Takes of this key without an answer yet. */
  asking: number;
  /** Part of the limit that was left at the store's last answer. */
  free: number;
}

/**
 * The slots that the requests of this worker hold, by rule key. As large as the requests in flight make it: a holding is
 * forgotten when nothing is held, the store knows that, and no take of its key is under way. So counters that start
 * again at 0 meet no entry in the store.
 */
export class SlotBook {
  readonly #holderId: string;
  readonly #stats: LimiterStats;
  readonly #holdings = new Map<string, SlotHolding>();
  #epoch = 1;

  constructor(holderId: string, stats: LimiterStats) {
    this.#holderId = holderId;
    this.#stats = stats;
  }

  get size(): number {
    return this.#holdings.size;
  }

  find(key: string): SlotHolding | null {
    return this.#holdings.get(key) ?? null;
  }

  /** The holding of a key, made if missing. */
  obtain(key: string, tenantTag: string): SlotHolding {
    let holding = this.#holdings.get(key);
    if (holding === undefined) {
      const counters = { granted: 0, released: 0, toldGranted: 0, toldReleased: 0 };
      holding = { key, tenantTag, ...counters, asking: 0, free: Infinity };
      this.#holdings.set(key, holding);
    }
    return holding;
  }

  /** All holdings now. */
  all(): SlotHolding[] {
    return [...this.#holdings.values()];
  }

  /** What the store is to be told now. */
  claimOf({ granted, released }: SlotHolding): SlotClaim {
    return { holderId: this.#holderId, epoch: this.#epoch, granted, released };
  }

  /** Requests were admitted. */
  grant(key: string, tenantTag: string, units: number): void {
    this.obtain(key, tenantTag).granted += units;
    this.#stats.slotsHeld += units;
  }

  /** Requests have ended; null if the key holds no such slots, which only a caller's mistake can bring about. */
  release(key: string, units: number): SlotHolding | null {
    const holding = this.find(key);
    if (holding === null || holding.granted - holding.released < units) return null;
    holding.released += units;
    this.#stats.slotsHeld -= units;
    return holding;
  }

  /** The store has answered to this claim. */
  told(holding: SlotHolding, claim: SlotClaim): void {
    if (claim.epoch !== this.#epoch) return;
    holding.toldGranted = Math.max(holding.toldGranted, claim.granted);
    holding.toldReleased = Math.max(holding.toldReleased, claim.released);
    if (holding.toldReleased === holding.released) this.forgetUnheld(holding);
  }

  /** While the store is lost nothing can be told; what it still has lapses, or is replaced by the next epoch. */
  forgetUnheld(holding: SlotHolding): void {
    if (holding.asking > 0 || holding.granted !== holding.released) return;
    if (this.#holdings.get(holding.key) === holding) this.#holdings.delete(holding.key);
  }

  /** From now on claims replace what the store has: answers were lost, or the store is another one. */
  startEpoch(): void {
    this.#epoch += 1;
    for (const holding of this.#holdings.values()) {
      this.forgetUnheld(holding);
      holding.toldGranted = 0;
      holding.toldReleased = -1;
    }
  }
}
