import type { Clock } from '@headgate/runtime';
import type { CompiledQuota, CompiledRule } from './compiled-rule.ts';
import type { LeaseReturn } from './limit-store.ts';
import type { LocalUsage, UsageReport } from './local-usage.ts';
import { shareOf, type EdgeShare } from './share.ts';

/** What is known to be used of a quota in a period, whether or not some of it was given back. */
export interface QuotaMark {
  /** Store key of the quota. */
  readonly key: string;
  /** The period, ms since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly used: number;
}

/** What a store's reply says of a quota. */
export interface StoredQuota {
  /** Cost that the reply admits. */
  readonly charged: number;
  /** Left over all edges, after that. */
  readonly left: number;
  /** Ever given back in its period, over all edges; 0 unless it counts bytes. */
  readonly returned: number;
  /** The store's clock, ms since the epoch, and how long its period still lasts; 0 if nothing is used in it. */
  readonly storeNowMs: number;
  readonly resetMs: number;
}

/**
 * What this edge knows of a quota in the present period: what the store said that all edges have used, and what it
 * admitted since without the store. Alone it may admit its share of what was left when it last heard of the store.
 */
export class QuotaUsage implements LocalUsage {
  compiled: CompiledQuota;
  readonly #clock: Clock;
  #startMs = 0;
  #endMs = 0;
  /** Used by all edges together, as far as this one knows. */
  #used = 0;
  /** Given back of that, as far as this one knows. Like `#used` it only rises, so that what several edges know can be joined. */
  #returned = 0;
  #unsettled = 0;
  #marked = 0;

  /** @param restored what an earlier run knew; null for nothing. */
  constructor(compiled: CompiledQuota, clock: Clock, restored: QuotaMark | null) {
    this.compiled = compiled;
    this.#clock = clock;
    if (restored === null) return;
    // A mark of a time to come is of a clock that was wrong.
    const [, , , finishMs] = compiled.calendar.edgesAt(clock.nowMs());
    if (restored.startMs > clock.nowMs() || restored.endMs > finishMs) return;
    this.#startMs = restored.startMs;
    this.#endMs = restored.endMs;
    this.#used = restored.used;
  }

  /** What is to be kept over a restart; null if that is what it was at the last call, or nothing. */
  takeMark(nowMs: number): QuotaMark | null {
    this.#turn(nowMs);
    const used = this.#used + this.#unsettled;
    if (used === this.#marked) return null;
    this.#marked = used;
    return { key: this.compiled.key, startMs: this.#startMs, endMs: this.#endMs, used };
  }

  adopt(compiled: CompiledRule): void {
    if (compiled.kind === 'quota') this.compiled = compiled;
  }

  left(nowMs: number, share: EdgeShare): number {
    this.#turn(nowMs);
    const used = this.#used - this.#returned;
    return shareOf(Math.max(0, this.compiled.capacity - used), share) - this.#unsettled;
  }

  resetMs(nowMs: number): number {
    const wallMs = this.#turn(nowMs);
    if (this.#used + this.#unsettled === 0) return 0;
    return this.#endMs - wallMs;
  }

  charge(nowMs: number, _: EdgeShare, cost: number, unsettled: boolean): void {
    this.#turn(nowMs);
    if (unsettled) this.#unsettled += cost;
    else this.#used += cost;
  }

  giveBack(nowMs: number, { amount, madeMs }: LeaseReturn, isStored: boolean): void {
    const wallMs = this.#turn(nowMs);
    if (wallMs - (nowMs - madeMs) < this.#startMs) return; // of a period that is over
    if (isStored) this.#returned = Math.min(this.#used, this.#returned + amount);
    // What the store has been told of meanwhile stays used: it would have to be told once more.
    else this.#unsettled = Math.max(0, this.#unsettled - amount);
  }

  learn(nowMs: number, { charged, left, returned, storeNowMs, resetMs }: StoredQuota): boolean {
    this.#turn(nowMs);
    // Around the end of a period, and while clocks differ, a reply is of another one: that usage must not enter this.
    if (storeNowMs >= this.#endMs || storeNowMs + resetMs < this.#endMs) return false;
    this.#used += charged;
    this.#returned = Math.max(this.#returned, returned);
    const used = this.compiled.capacity - left + returned;
    // With nothing left it may be more than the limit.
    if (left > 0 && used < this.#used) return true;
    this.#used = Math.max(this.#used, used);
    return false;
  }

  report(nowMs: number, _: EdgeShare, which: 'all' | 'unsettled'): UsageReport | null {
    this.#turn(nowMs);
    const startMs = this.#startMs;
    const cost = this.#unsettled;
    const used = which === 'all' ? this.#used : 0;
    const returned = which === 'all' ? this.#returned : 0;
    if (cost + used === 0) return null;
    return {
      charges: cost === 0 ? [] : [{ ageMs: 0, cost }],
      quota: { startMs, used, returned },
      settle: () => {
        if (this.#startMs !== startMs) return; // the period is over
        const settled = Math.min(cost, this.#unsettled);
        this.#unsettled -= settled;
        this.#used += settled;
      },
    };
  }

  /** Starts a new period when its time has come, and the one before has ended; returns the time of the wall clock that belongs to `nowMs`. */
  #turn(nowMs: number): number {
    const wallMs = this.#clock.nowMs() + nowMs - this.#clock.monotonicMs();
    const [, startMs, endMs] = this.compiled.calendar.edgesAt(wallMs);
    // Neither a clock that stepped back nor another time zone begins anything anew.
    if (startMs <= this.#startMs || wallMs < this.#endMs) return wallMs;
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#used = 0;
    this.#returned = 0;
    this.#unsettled = 0;
    this.#marked = 0;
    return wallMs;
  }
}
