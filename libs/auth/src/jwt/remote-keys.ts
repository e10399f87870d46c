import type { Clock, Random } from '@headgate/runtime';
import { readKeySet, type KeySet } from './key-set.ts';

/** Keys of this age are fetched again when they are used, while the old ones serve. */
const REFRESH_MS = 600_000;
/** Keys of this age are no longer trusted, though the issuer is away. */
const AGE_MS_MAX = 86_400_000;
/** Between two fetches while there are keys: tokens with keys that nobody knows cost no more than this. */
const COOL_DOWN_MS = 30_000;
/** Before the next fetch after the first failure while there are no keys; doubled for each further one, up to the cool-down. */
const BACK_OFF_MS = 1000;

/** Where the keys of an issuer come from. */
export interface KeySource {
  /** Those to check with now; null: there are none. Begins to fetch newer ones if these are old. */
  current(): KeySet | null;
  /**
   * Fetches, as there are no keys or not the one that a token names; null if that has to wait. Resolves when there is nothing more to wait
   * for, whether or not it helped; never rejects.
   */
  refresh(): Promise<void> | null;
}

/** What {@link RemoteKeys} works with. */
export interface RemoteKeysDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
  /** Gets the text of the JWK set, within bounds of time and size; rejects if it cannot. */
  readonly fetch: () => Promise<string>;
  /** Hears of each fetch that has ended; null: there are new keys. */
  readonly onFetched: (error: Error | null) => void;
}

/** Keys that the operator wrote. */
export function inlineKeys(keys: KeySet): KeySource {
  return { current: () => keys, refresh: () => null };
}

/**
 * Keys that are fetched when tokens need them.
 *
 *     age of the keys   0 ──── 10 min ──────────────────── 24 h ────►
 *     they serve        as is │ and are fetched behind it │ not
 *
 * One fetch at a time. A fetch that fails changes nothing but when the next one may begin.
 */
export class RemoteKeys implements KeySource {
  readonly #deps: RemoteKeysDeps;
  #keys: KeySet | null = null;
  #fetchedMs = -Infinity;
  /** No fetch before. */
  #nextMs = -Infinity;
  /** In a row. */
  #failures = 0;
  #underWay: Promise<void> | null = null;

  constructor(deps: RemoteKeysDeps) {
    this.#deps = deps;
  }

  current(): KeySet | null {
    if (this.#keys === null) return null;
    const ageMs = this.#deps.clock.monotonicMs() - this.#fetchedMs;
    if (ageMs >= AGE_MS_MAX) this.#keys = null;
    else if (ageMs >= REFRESH_MS) void this.refresh();
    return this.#keys;
  }

  refresh(): Promise<void> | null {
    if (this.#underWay !== null) return this.#underWay;
    if (this.#deps.clock.monotonicMs() < this.#nextMs) return null;
    this.#underWay = this.#fetch();
    return this.#underWay;
  }

  async #fetch(): Promise<void> {
    const { clock, fetch, onFetched } = this.#deps;
    try {
      const keys = readKeySet(await fetch());
      if (keys === null) throw new Error('the answer is no JWK set with a key that can be used');
      this.#keys = keys;
      this.#fetchedMs = clock.monotonicMs();
      this.#failures = 0;
      this.#nextMs = this.#fetchedMs + COOL_DOWN_MS;
      onFetched(null);
    } catch (error) {
      this.#nextMs = clock.monotonicMs() + this.#backOffMs();
      this.#failures += 1;
      onFetched(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#underWay = null;
    }
  }

  /** Spread, so that workers and edges do not ask at the same moment: half of it is by chance. */
  #backOffMs(): number {
    const share = this.#deps.random.next() / 2;
    if (this.#keys !== null) return COOL_DOWN_MS * (1 + share);
    const wholeMs = Math.min(COOL_DOWN_MS, BACK_OFF_MS * 2 ** Math.min(this.#failures, 30));
    return wholeMs * (1 - share);
  }
}
