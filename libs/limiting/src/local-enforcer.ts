import type { Clock } from '@headgate/runtime';
import { ruleCost, type BodyBytes } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { LocalRules } from './local-rules.ts';
import { shareOf, type EdgeShare } from './share.ts';
import {
  admittedVerdict,
  deniedVerdict,
  unavailableVerdict,
  type LimitVerdict,
} from './verdict.ts';

/** Decides while the store is lost, by each rule's `onStoreLoss`, in this process's memory alone. */
export class LocalEnforcer {
  readonly #rules: LocalRules;
  readonly #clock: Clock;
  readonly #share: () => EdgeShare;
  readonly #stats: LimiterStats;
  readonly #jitter: (waitMs: number) => number;

  constructor(deps: {
    readonly rules: LocalRules;
    readonly clock: Clock;
    readonly share: () => EdgeShare;
    readonly stats: LimiterStats;
    /** Lengthens a wait a little, so that refused clients do not return together. */
    readonly jitter: (waitMs: number) => number;
  }) {
    this.#rules = deps.rules;
    this.#clock = deps.clock;
    this.#share = deps.share;
    this.#stats = deps.stats;
    this.#jitter = deps.jitter;
  }

  /**
   * All or nothing over the `share` rules of the chain; `open` rules never refuse. What is admitted is remembered as
   * unknown to the store. Bound over all edges: less than 2 L (a rate: one burst more) in the one window that spans the
   * switch, then at most L.
   */
  take(chain: LimitChain, cost: number, bytes: BodyBytes | null = null): LimitVerdict {
    if (chain.onStoreLoss === 'closed') {
      this.#stats.unavailableByClosed += 1;
      return unavailableVerdict('closed');
    }
    const nowMs = this.#clock.monotonicMs();
    const share = this.#share();
    const remaining: number[] = [];
    const resetMs: number[] = [];
    let violated = -1;
    let longestMs = 0;
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      if (compiled.rule.onStoreLoss === 'open') {
        remaining.push(-1);
        resetMs.push(0);
        continue;
      }
      const due = ruleCost(compiled, cost, bytes);
      if (shareOf(compiled.capacity, share) < due) return this.#shareTooSmall();
      const { usage } = this.#rules.obtain(chain, compiled, nowMs);
      const left = usage.left(nowMs, share);
      const waitMs = usage.resetMs(nowMs, share, due);
      if (due > 0 && left < due && waitMs > longestMs) {
        violated = index;
        longestMs = waitMs;
      }
      remaining.push(Math.max(0, left));
      resetMs.push(waitMs);
    }
    if (violated === -1) return this.#admit(chain, cost, bytes, nowMs, share, remaining, resetMs);
    this.#stats.deniedByShare += 1;
    const retryAfterMs = this.#jitter(longestMs);
    return deniedVerdict(chain, 'share', violated, retryAfterMs, remaining, resetMs);
  }

  #admit(
    chain: LimitChain,
    cost: number,
    bytes: BodyBytes | null,
    nowMs: number,
    share: EdgeShare,
    remaining: number[],
    resetMs: readonly number[],
  ): LimitVerdict {
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      const due = ruleCost(compiled, cost, bytes);
      if (due === 0) continue;
      this.#rules.obtain(chain, compiled, nowMs).usage.charge(nowMs, share, due, true);
      const left = remaining[index] ?? -1;
      if (left >= 0) remaining[index] = left - due;
    }
    const charge = { stored: null, local: { madeMs: nowMs, endMs: nowMs } };
    if (chain.onStoreLoss === 'open') {
      this.#stats.admittedByOpen += 1;
      return admittedVerdict('open', remaining, resetMs, charge);
    }
    this.#stats.admittedByShare += 1;
    return admittedVerdict('share', remaining, resetMs, charge);
  }

  /** Another edge's share may be large enough, so this is no 429. */
  #shareTooSmall(): LimitVerdict {
    this.#stats.unavailableByShare += 1;
    return unavailableVerdict('share');
  }
}
