import type { Clock } from '@headgate/runtime';
import type { WireDocument } from '../ipc/wire-document.ts';

/** Times of a {@link Probation}, in ms. */
export interface ProbationTimes {
  /** A document is good once workers have served with it for this long without one ending. */
  readonly soakMs: number;
  /** A worker that ends this soon after its start, or after a change, speaks against the change. */
  readonly soonMs: number;
}

/**
 * Times of an edge in service. 90 s and not 60: a bug in a timer of a minute, the commonest length, ends a worker some
 * moments later than a minute after its start.
 */
export const PROBATION_TIMES: ProbationTimes = Object.freeze({ soakMs: 300_000, soonMs: 90_000 });

/** So many workers that end soon at one place make a loop: the next start goes without the newest documents. */
export const ENDS_MAX = 2;

interface Change {
  /** The document that serves again if this one has to go; null if there was none. */
  readonly good: WireDocument | null;
  readonly atMs: number;
}

/** Workers of one place that ended soon, one after the other. */
interface Loop {
  ends: number;
  firstEndMs: number;
  lastEndMs: number;
}

/**
 * Which documents have proved themselves, and which have to go when workers end in a loop. A document that compiles may
 * still end the worker that serves it, minutes later.
 *
 *     in force ── soakMs without a worker that ended ──► good
 *         └── a worker and its replacement ended soon ──► withdrawn: first what came last, at the next loop all that is on probation
 *
 * The very first configuration of an edge has nothing before it, so it is not on probation.
 */
export class Probation {
  readonly #clock: Clock;
  readonly #times: ProbationTimes;
  readonly #changes = new Map<string, Change>();
  /** By the worker's index, which the one that replaces it has too. */
  readonly #loops = new Map<number, Loop>();
  #lastEndMs = -Infinity;

  constructor(clock: Clock, times: ProbationTimes = PROBATION_TIMES) {
    this.#clock = clock;
    this.#times = times;
  }

  /** Documents on probation; at most one for each document in force. */
  get size(): number {
    return this.#changes.size;
  }

  /** Whether the newest revision of a document has yet to prove itself. */
  has(key: string): boolean {
    return this.#changes.has(key);
  }

  /** What to go back to; null for nothing, undefined if the document is not on probation. */
  goodOf(key: string): WireDocument | null | undefined {
    return this.#changes.get(key)?.good;
  }

  /** A document came in force in place of `previous`, which counts as good unless it was on probation itself. */
  begin(key: string, previous: WireDocument | null): void {
    const known = this.#changes.get(key);
    this.#changes.delete(key); // to the end of the order of time
    const good = known === undefined ? previous : known.good;
    this.#changes.set(key, { good, atMs: this.#clock.monotonicMs() });
  }

  /** A document is gone, or its good revision serves again. */
  end(key: string): void {
    this.#changes.delete(key);
  }

  /** Keys of the documents that have proved themselves since the last call. */
  takeSoaked(): string[] {
    const soakedMs = this.#clock.monotonicMs() - this.#times.soakMs;
    if (this.#lastEndMs > soakedMs) return [];
    const soaked: string[] = [];
    for (const [key, { atMs }] of this.#changes) {
      if (atMs > soakedMs) break;
      soaked.push(key);
    }
    for (const key of soaked) this.#changes.delete(key);
    return soaked;
  }

  /**
   * A worker ended unexpectedly after `livedMs`. Returns the documents to withdraw: none before the second one in a row
   * with the same index, then those that came within `soonMs` before the first, else all that are on probation. Workers
   * that replace nobody do not make a loop: two that are killed from outside say nothing about a document.
   *
   * @param index the worker's place in the pool, which the one that replaces it has too.
   * @param explained something else is to blame, so it only starts the soak of all anew.
   */
  workerEnded(index: number, livedMs: number, explained = false): string[] {
    const nowMs = this.#clock.monotonicMs();
    const { soonMs } = this.#times;
    this.#lastEndMs = nowMs;
    const loop = this.#loopAt(index, nowMs);
    loop.lastEndMs = nowMs;
    if (explained || (livedMs > soonMs && nowMs - this.#newestMs() > soonMs)) return [];
    if (loop.ends === 0) loop.firstEndMs = nowMs;
    loop.ends += 1;
    if (loop.ends < ENDS_MAX) return [];
    this.#loops.clear(); // the workers start anew with other documents
    const newest = this.#since(loop.firstEndMs - soonMs);
    return newest.length > 0 ? newest : [...this.#changes.keys()];
  }

  #loopAt(index: number, nowMs: number): Loop {
    const known = this.#loops.get(index);
    if (known !== undefined && nowMs - known.lastEndMs <= this.#times.soonMs) return known;
    const loop = { ends: 0, firstEndMs: nowMs, lastEndMs: nowMs };
    this.#loops.set(index, loop);
    return loop;
  }

  #newestMs(): number {
    let newestMs = -Infinity;
    for (const { atMs } of this.#changes.values()) newestMs = Math.max(newestMs, atMs);
    return newestMs;
  }

  #since(fromMs: number): string[] {
    return [...this.#changes].flatMap(([key, { atMs }]) => (atMs >= fromMs ? [key] : []));
  }
}
