import type { LimitUsage } from '@headgate/bus';

/** `near`: used to {@link NEAR_PERCENT} or more. `reached`: it refuses, or in shadow would. */
export type LimitEventKind = 'near' | 'reached';

const NEAR_PERCENT = 80;

/** A limit that is near or reached is so until it has been used to less than this for a while. */
const CALM_PERCENT = 60;

/** The while is at least this long, in ms. */
const CALM_MS_MIN = 10_000;

/** Of slots edges tell only when requests come: without a word they are taken as held for this long, in ms. */
const SLOTS_HELD_MS = 60_000;

/**
 * A limit that is near or reached, from its first event until it is calm:
 *
 *     used  80 %  ──╮ near   reached      ╭ not told again
 *           60 %    ╰─────────────────╮╭──╯╰──╮ calm since here ─► over, a window or 10 s later
 *
 * Times are monotonic, in ms.
 */
export class NearState {
  #told: LimitEventKind | null = null;
  #calmSinceMs = -Infinity;
  #capacity: number;
  readonly #calmMs: number;

  constructor(usage: LimitUsage) {
    this.#capacity = usage.capacity;
    this.#calmMs = Math.max(CALM_MS_MIN, windowMs(usage));
  }

  /** Whether it is calm again, if nothing was told since. */
  isOver(nowMs: number): boolean {
    return nowMs - this.#calmSinceMs >= this.#calmMs;
  }

  /** Takes what an edge tells; answers what is new. */
  add(usage: LimitUsage, nowMs: number): LimitEventKind | null {
    this.#watchRaise(usage);
    if (usage.denied > 0 || isUsed(usage, CALM_PERCENT)) {
      // Should nobody tell of it again, it is empty then.
      this.#calmSinceMs = Math.max(this.#calmSinceMs, nowMs + emptyMs(usage));
    } else if (usage.remaining !== null) {
      this.#calmSinceMs = Math.min(this.#calmSinceMs, nowMs);
    }
    if (this.#told === 'reached') return null;
    if (usage.denied > 0) return (this.#told = 'reached');
    if (this.#told === 'near' || !isNear(usage)) return null;
    return (this.#told = 'near');
  }

  /**
   * Of a larger limit everything is news. While a limit changes, edges have it in two sizes, and the smaller one is none: so
   * this happens once.
   */
  #watchRaise({ capacity }: LimitUsage): void {
    if (capacity <= this.#capacity) return;
    this.#capacity = capacity;
    this.#told = null;
  }
}

/** Whether a limit that was calm no longer is. */
export function isNearOrReached(usage: LimitUsage): boolean {
  return usage.denied > 0 || isNear(usage);
}

/** What is left without the store is a share, and no measure of the limit. */
function isNear(usage: LimitUsage): boolean {
  return usage.alone === 0 && usage.admitted > 0 && isUsed(usage, NEAR_PERCENT);
}

function isUsed({ remaining, capacity }: LimitUsage, percent: number): boolean {
  return remaining !== null && (capacity - remaining) * 100 >= capacity * percent;
}

/** In this time all of a window or rate comes back. A period of a quota begins at nothing, and slots return at any time. */
function windowMs({ kind, spanMs, limit, capacity }: LimitUsage): number {
  if (kind === 'window') return spanMs;
  return kind === 'rate' ? Math.max(1, capacity / Math.max(1, limit)) * spanMs : 0;
}

/** At most so long after its last request nothing of a limit is used any more, in ms. */
function emptyMs(usage: LimitUsage): number {
  if (usage.kind === 'quota') return usage.resetMs;
  return usage.kind === 'concurrency' ? SLOTS_HELD_MS : windowMs(usage);
}
