import { fullJitterMs, type Clock, type Random, type Timers } from '@headgate/runtime';
import type { LimiterStats } from './limiter-stats.ts';
import { StoreFailure, type LimitStore, type StoreState } from './limit-store.ts';

/**
 * Tells the store with this identity what it does not know. Rejects with a StoreFailure. Resolves to the last step,
 * to be called in the same turn in which requests may ask the store again.
 */
export type Reconcile = (identity: string) => Promise<() => void>;

/** The first probes may come before the connection. After so many, about a second, a store that was never in use is told of. */
const START_PROBES = 6;

/**
 * Breaker of the store: answers "may requests ask it?".
 *
 *     lost ──probe ok──► reconcile (replay) ──ok──► in use
 *       ▲                      │ failed              │ a failed call, a failed or different heartbeat
 *       └──────────────────────┴─────────────────────┘
 *
 * One failure is enough: a request waits at most once for the store's timeout, and while the store is lost none waits.
 * Probes run in the background, with full jitter, over the same script as requests. A heartbeat while in use finds a
 * store that died without traffic or was emptied.
 */
export class StoreGuard {
  /** True while requests must not ask the store. Starts true: the first probe goes out in `start`. */
  isLost = true;
  readonly #store: LimitStore;
  readonly #reconcile: Reconcile;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #timers: Timers;
  readonly #stats: LimiterStats;
  readonly #onChange: (cause: StoreFailure | null) => void;
  readonly #options: GuardOptions;
  #identity: string | null = null;
  #attempt = 0;
  #isProbing = false;
  #isClosed = false;
  /** Never in use, and nobody was told why. */
  #isStarting = true;
  #cancelTimer: (() => void) | null = null;
  /** Monotonic time up to which the loss is counted. */
  #countedToMs = 0;

  constructor(
    deps: {
      readonly store: LimitStore;
      readonly reconcile: Reconcile;
      readonly clock: Clock;
      readonly random: Random;
      readonly timers: Timers;
      readonly stats: LimiterStats;
      /** `isLost` has changed, or stays since the start; the cause of a loss, null if another store answers. */
      readonly onChange: (cause: StoreFailure | null) => void;
    },
    options: GuardOptions,
  ) {
    this.#store = deps.store;
    this.#reconcile = deps.reconcile;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#timers = deps.timers;
    this.#stats = deps.stats;
    this.#onChange = deps.onChange;
    this.#options = options;
  }

  /** Begins to probe. */
  start(): void {
    this.#beginLoss();
    void this.#probe();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  /** A call failed: stop asking at once. */
  fail(error: unknown): void {
    const cause = asStoreFailure(error);
    this.#stats.storeErrors += 1;
    if (cause.kind === 'timeout') this.#stats.storeTimeouts += 1;
    if (this.isLost) {
      this.#tellOfStart(cause);
      return;
    }
    this.#lose(cause);
    this.#attempt = 0;
    if (!this.#isProbing) this.#scheduleProbe();
  }

  /** Nothing was lost, but somebody has to hear why the store is not used. */
  #tellOfStart(cause: StoreFailure): void {
    if (!this.#isStarting || this.#attempt < START_PROBES) return;
    this.#isStarting = false;
    this.#onChange(cause);
  }

  #lose(cause: StoreFailure | null): void {
    this.isLost = true;
    this.#stats.storeLosses += 1;
    this.#beginLoss();
    this.#onChange(cause);
  }

  #beginLoss(): void {
    this.#stats.degradedSinceMs = this.#clock.nowMs();
    this.#countedToMs = this.#clock.monotonicMs();
  }

  /** Up to now; with every probe, so that the counter is behind by no more than the longest pause between two. */
  #countLoss(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#stats.degradedMs += nowMs - this.#countedToMs;
    this.#countedToMs = nowMs;
  }

  #scheduleProbe(): void {
    const { probeBackoffBaseMs, probeBackoffCapMs } = this.#options;
    this.#schedule(
      fullJitterMs(this.#random, this.#attempt, probeBackoffBaseMs, probeBackoffCapMs),
    );
    this.#attempt += 1;
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (this.#isClosed) return;
    this.#cancelTimer = this.#timers.schedule(() => void this.#probe(), delayMs);
  }

  /** One probe at a time; serves as heartbeat while the store is in use. */
  async #probe(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    if (this.isLost) this.#countLoss();
    try {
      await this.#examine(await this.#store.probe());
    } catch (error) {
      this.fail(error);
    }
    this.#isProbing = false;
    if (this.isLost) this.#scheduleProbe();
    else this.#schedule(this.#options.heartbeatMs);
  }

  async #examine(state: StoreState): Promise<void> {
    if (!this.isLost && state.identity === this.#identity) return;
    if (!this.isLost) this.#lose(null);
    const finish = await this.#reconcile(state.identity);
    finish();
    this.#identity = state.identity;
    this.#attempt = 0;
    this.#countLoss();
    this.isLost = false;
    this.#isStarting = false;
    this.#stats.degradedSinceMs = 0;
    this.#onChange(null);
  }
}

/** Timing of the breaker, in ms. */
export interface GuardOptions {
  readonly probeBackoffBaseMs: number;
  readonly probeBackoffCapMs: number;
  readonly heartbeatMs: number;
}

function asStoreFailure(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error;
  return new StoreFailure('protocol', 'the store failed in an unexpected way', { cause: error });
}
