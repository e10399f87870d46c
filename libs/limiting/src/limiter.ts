import type { Clock, Random, Timers } from '@headgate/runtime';
import type { BodyBytes } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { LimitStore, StoreFailureKind } from './limit-store.ts';
import type { QuotaMark } from './quota-usage.ts';
import type { EdgeShare } from './share.ts';
import type { ChargeDates, LimitVerdict } from './verdict.ts';

/** Decides whether a request may pass its chain of limits. One per worker. */
export interface Limiter {
  /**
   * Charges `cost` to all rules of the chain or to none. Never rejects. Answers at once from the deny cache and while
   * the store is lost; a promise when the store is asked, which settles within the store's timeout.
   *
   * @param cost an integer of at least 1 (throws a RangeError otherwise).
   * @param bytes what is taken of rules that count bytes; null exactly if `chain.byteSteps` is.
   */
  take(
    chain: LimitChain,
    cost: number,
    bytes?: BodyBytes | null,
  ): LimitVerdict | Promise<LimitVerdict>;
  /**
   * Takes further bytes for a request that was admitted with this chain, and nothing else; as `take`. While half of
   * `waitingUnitsMax` wait, `unavailable` by `store`: to be tried again later.
   */
  takeBytes(chain: LimitChain, bytes: BodyBytes): LimitVerdict | Promise<LimitVerdict>;
  /**
   * Some of the bytes that were taken with a verdict will never pass; to be called at most once for each of them. They are
   * given back where they were charged. Never waits.
   */
  returnBytes(chain: LimitChain, charge: ChargeDates, unused: BodyBytes): void;
  /**
   * The half of `take` that needs no store: the verdict of a lease or of the deny cache, or null. After null the request
   * is to be decided by `askStore`.
   */
  takeNow(chain: LimitChain, cost: number, bytes?: BodyBytes | null): LimitVerdict | null;
  /** The other half of `take`. */
  askStore(
    chain: LimitChain,
    cost: number,
    bytes?: BodyBytes | null,
  ): LimitVerdict | Promise<LimitVerdict>;
  /**
   * Undoes an admission, as another level refused the request: only for chains of windows, at most once. Never waits. What
   * cannot be given back stays charged until it leaves its window.
   */
  giveBack(chain: LimitChain, cost: number, verdict: LimitVerdict): void;
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
      /** Or is not in use about a second after the start: told once. */
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
  /** Requests that may wait for the store at once, half of them of one tenant; beyond, `unavailable` by `store`. Default 2,000. */
  readonly waitingUnitsMax?: number;
  /** Merged entries per store call, of at most 512 rules together. Default 256. */
  readonly batchItemsMax?: number;
  /** Rule keys without a consumer that are remembered (deny cache, own recent usage). Default {@link LOCAL_RULES_MAX}. */
  readonly localRulesMax?: number;
  /** Those with a consumer, apart. Default {@link LOCAL_CONSUMERS_MAX}. */
  readonly localConsumersMax?: number;
  /** Full-jitter back-off of probes while the store is lost: first and longest ceiling in ms. Default 50 and 1,000. */
  readonly probeBackoffBaseMs?: number;
  readonly probeBackoffCapMs?: number;
  /** Lease windows to chains with much demand, so that their requests need not wait. Default true. */
  readonly leases?: boolean;
  /** Time between probes while the store is in use, in ms. Default 1,000. */
  readonly heartbeatMs?: number;
}
