import type { Clock } from '@headgate/runtime';
import type { CompiledQuota, CompiledRule } from './compiled-rule.ts';
import type { LocalUsage, UsageReport } from './local-usage.ts';
import { shareOf, type EdgeShare } from './share.ts';

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
  #unsettled = 0;

  constructor(compiled: CompiledQuota, clock: Clock) {
    this.compiled = compiled;
    this.#clock = clock;
  }

  adopt(compiled: CompiledRule): void {
    if (compiled.kind === 'quota') this.compiled = compiled;
  }

  left(nowMs: number, share: EdgeShare): number {
    this.#turn(nowMs);
    return shareOf(Math.max(0, this.compiled.capacity - this.#used), share) - this.#unsettled;
  }

  resetMs(nowMs: number): number {
    const wallMs = this.#turn(nowMs);
    return this.#used + this.#unsettled === 0 ? 0 : this.#endMs - wallMs;
  }

  charge(nowMs: number, _: EdgeShare, cost: number, unsettled: boolean): void {
    this.#turn(nowMs);
    if (unsettled) this.#unsettled += cost;
    else this.#used += cost;
  }

  learn(nowMs: number, left: number): void {
    this.#turn(nowMs);
    this.#used = Math.max(this.#used, this.compiled.capacity - left);
  }

  report(nowMs: number, _: EdgeShare, which: 'all' | 'unsettled'): UsageReport | null {
    this.#turn(nowMs);
    const cost = this.#unsettled;
    const used = which === 'all' ? this.#used : 0;
    if (cost + used === 0) return null;
    return {
      charges: cost === 0 ? [] : [{ ageMs: 0, cost }],
      quota: { startMs: this.#startMs, used },
      settle: () => {
        const settled = Math.min(cost, this.#unsettled);
        this.#unsettled -= settled;
        this.#used += settled;
      },
    };
  }

  /** Starts a new period when its time has come; returns the time of the wall clock that belongs to `nowMs`. */
  #turn(nowMs: number): number {
    const wallMs = this.#clock.nowMs() + nowMs - this.#clock.monotonicMs();
    const [, startMs, endMs] = this.compiled.calendar.edgesAt(wallMs);
    this.#endMs = endMs;
    if (startMs <= this.#startMs) return wallMs; // a clock that stepped back begins nothing anew
    this.#startMs = startMs;
    this.#used = 0;
    this.#unsettled = 0;
    return wallMs;
  }
}
