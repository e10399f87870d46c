import { Rung } from './rung.ts';

/**
 * How overloaded a worker is:
 *
 *     0  not
 *     1  lets connections go: some answers say `Connection: close`, so that their clients move to other edges
 *     2  sheds: a share of the new requests gets a 503 at once; what is being served is finished
 *     3  stops accepting connections as well
 */
export type OverloadLevel = 0 | 1 | 2 | 3;

/** What the ladder looks at. */
export interface OverloadSigns {
  /** How late a timer of the event loop was, in ms: about how long requests wait before anybody looks at them. */
  readonly lagMs: number;
  /** Heap and buffers in use, as part of the heap that V8 allows: 0 to 1, or more. */
  readonly memoryShare: number;
}

/**
 * The lag that shedding aims at, by default. A loop that is busy but keeps up is no overload: 1,000 connections that all
 * have a request of 100 µs wait for 100 ms. Far above that clients begin to give up, and work for them is wasted.
 */
export const TARGET_LAG_MS = 200;

/** Lag at which each level begins, as a multiple of the target. */
const LAG_TARGETS = [1, 1.5, 3] as const;

/** Used memory at which each level begins. V8 aborts the process when its heap alone is at 1. */
const MEMORY_SHARE = [0.85, 0.92, 0.95] as const;

/** Every sample of this time, and at least three, has to agree: a collection of garbage is one late timer. */
const RISE_MS = 500;
const FALL_MS = 2000;

/** Change of the steady part of the shed share per second at a lag of twice the target or more, and of 0. */
const STEADY_PER_SECOND = 0.2;
/** Part of the shed share that follows the lag at once, at a lag of twice the target or more. It keeps the lag from swinging. */
const PROMPT_SHARE = 0.5;
/** The share follows within a turn of the loop, too, in steps of this: a turn may be seconds long. */
const ADJUST_MS = 10;
/** Some requests are always served: nobody knows that an overload is over but by serving. */
const SHARE_MAX = 0.95;

/**
 * A shed reply costs some 12 µs (`npm run scenario -- overload`), so this is an eighth of the worker's time. More
 * would take more from the requests that are served than shedding gives them; what is beyond it waits in the kernel, and
 * level 3 bounds that.
 */
const SHEDS_PER_SECOND = 10_000;
/**
 * When time is short, few connections go: a new one costs as much as several requests, and a busy loop accepts few (libuv
 * takes one from each listening socket per turn).
 */
const LET_GO_PER_SECOND = 20;
/** When memory is short, each connection that goes helps. */
const LET_GO_PER_SECOND_MEMORY = 500;

/**
 * Decides what an overloaded worker does without. Pure: it is told the time and the signs, and says what to do.
 *
 * On and off would swing between too much and too little. So the share of shed requests follows the lag, as the
 * dropping of CoDel follows the sojourn time: it grows as long as the lag is above the target and shrinks below.
 */
export class OverloadLadder {
  level: OverloadLevel = 0;
  /** Part of the new requests that is shed, 0 to 1. */
  shedShare = 0;
  readonly #targetLagMs: number;
  readonly #lagRungs: readonly Rung[];
  readonly #memoryRungs = MEMORY_SHARE.map(
    (enter) => new Rung(enter, enter - 0.05, RISE_MS, FALL_MS),
  );
  #steadyShare = 0;
  #lagMs = 0;
  #observedMs: number;
  #adjustedMs: number;
  /** Memory is short, not time: every request that is not begun helps. */
  #shedsAll = false;
  #due = 0;
  #shedsLeft = 0;
  #letGoLeft = 0;

  /** @param targetLagMs above 0; the lag to aim at. */
  constructor(nowMs: number, targetLagMs: number = TARGET_LAG_MS) {
    this.#targetLagMs = targetLagMs;
    this.#lagRungs = LAG_TARGETS.map((times) => {
      const enter = times * targetLagMs;
      return new Rung(enter, enter / 2, RISE_MS, FALL_MS);
    });
    this.#observedMs = nowMs;
    this.#adjustedMs = nowMs;
  }

  /** Takes note of the signs, about every 50 ms; returns whether the level has changed. */
  observe(nowMs: number, { lagMs, memoryShare }: OverloadSigns): boolean {
    const byLag = climb(this.#lagRungs, nowMs, lagMs);
    const byMemory = climb(this.#memoryRungs, nowMs, memoryShare);
    const before = this.level;
    this.level = byLag > byMemory ? byLag : byMemory;
    this.#shedsAll = byMemory >= 2;
    if (byLag < 2) this.#steadyShare = 0;
    if (this.level < 2) this.shedShare = 0;
    const letGo = byMemory > 0 ? LET_GO_PER_SECOND_MEMORY : LET_GO_PER_SECOND;
    if (this.level === 0) this.#letGoLeft = 0;
    else this.#letGoLeft = refill(this.#letGoLeft, letGo, nowMs - this.#observedMs);
    this.#lagMs = lagMs;
    this.#observedMs = nowMs;
    this.#adjust(nowMs, lagMs);
    return this.level !== before;
  }

  /**
   * Whether the request that has just come is to be shed.
   *
   * @param nowMs the time of the request, monotonic.
   * @hot
   */
  sheds(nowMs: number): boolean {
    if (this.level < 2) return false;
    if (this.#shedsAll) return true;
    // A turn that has lasted longer than the latest lag is the better sign of the two.
    const turnMs = nowMs - this.#observedMs;
    if (nowMs - this.#adjustedMs >= ADJUST_MS) this.#adjust(nowMs, Math.max(turnMs, this.#lagMs));
    if (this.#shedsLeft < 1) return false;
    this.#due += this.shedShare;
    if (this.#due < 1) return false;
    this.#due -= 1;
    this.#shedsLeft -= 1;
    return true;
  }

  /** Whether the connection that has just got an answer is to end with it. @hot */
  letsGo(): boolean {
    if (this.#letGoLeft < 1) return false;
    this.#letGoLeft -= 1;
    return true;
  }

  #adjust(nowMs: number, lagMs: number): void {
    const passedMs = nowMs - this.#adjustedMs;
    this.#adjustedMs = nowMs;
    if (this.level < 2) {
      this.#shedsLeft = 0;
      return;
    }
    this.#shedsLeft = refill(this.#shedsLeft, SHEDS_PER_SECOND, passedMs);
    const error = Math.min(1, (lagMs - this.#targetLagMs) / this.#targetLagMs);
    const steady = this.#steadyShare + (error * STEADY_PER_SECOND * passedMs) / 1000;
    this.#steadyShare = clampShare(steady);
    this.shedShare = this.#shedsAll ? 1 : clampShare(this.#steadyShare + error * PROMPT_SHARE);
  }
}

/** The highest level whose rung holds. Each rung is asked each time: they remember. */
function climb(rungs: readonly Rung[], nowMs: number, value: number): OverloadLevel {
  let level: OverloadLevel = 0;
  rungs.forEach((rung, index) => {
    if (rung.observe(nowMs, value)) level = (index + 1) as OverloadLevel; // three rungs
  });
  return level;
}

/** What is left of an allowance per second after some time; a second's worth at most. */
function refill(left: number, perSecond: number, passedMs: number): number {
  return Math.min(perSecond, left + (perSecond * passedMs) / 1000);
}

const clampShare = (share: number): number => Math.max(0, Math.min(SHARE_MAX, share));
