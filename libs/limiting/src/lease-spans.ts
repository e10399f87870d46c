import { EXACT_LIMIT_MAX } from './bucket-shape.ts';
import type { CompiledRule } from './compiled-rule.ts';

/** How long leases of a chain last, and by how much a denial may be prolonged to gather what comes back. In ms. */
export interface LeaseSpans {
  /**
   * Far below the limit: while at most an eighth of it is used, the lease included. At least `longMs`; 0: there are no leases
   * of any kind, only what is given back is returned.
   */
  readonly farMs: number;
  /** While much is left. */
  readonly longMs: number;
  /** Near the limit; 0: there are none, each request asks. */
  readonly shortMs: number;
  /** A worker that is refused waits up to this much longer for as much as a short lease would take. */
  readonly gatherMs: number;
  /** As `shortMs`, for a flood: what comes back to it at once is used later than that. */
  readonly floodMs: number;
  /** What comes back within this time is leased to a flood ahead of it, each part from when it does. */
  readonly aheadMs: number;
}

/** A key lives for a second longer than its last charge of now: a lease may be charged so far ahead. */
const FAR_MAX_MS = 500;
const LONG_MAX_MS = 500;
const SHORT_MAX_MS = 50;
const GATHER_MAX_MS = 100;
const GATHER_PARTS = 16;
const FLOOD_MAX_MS = 20;
const AHEAD_MAX_MS = 125;

/** A shorter lease would be over before its reply has been used: it is given up 2 ms early, and the reply takes its time. */
const LONG_MIN_MS = 20;
const SHORT_MIN_MS = 5;

/**
 * The spans for a chain, by its shortest window W; null if it is never leased. A charge of a lease of span D leaves up
 * to s + D late (s is the width of a bucket), so that W / (W + s + D) of a limit can be used. Short leases, W / 100, keep
 * that above 97 % where the limit binds; long ones, W / 20, are made only where it does not. Far ones, W / 2, keep at
 * most an eighth of a limit from others, and charge it late: when a limit begins to bind, a sixteenth of one window.
 *
 * A flood makes one call for what comes back in an eighth of a window, at most 125 ms: of its leases the first begins at
 * once and the others when their part comes back. They last W / 50, at most 20 ms, or as short ones if that is longer.
 *
 * Windows with small limits are not leased: of 5 a minute, 2 that another worker holds for 50 ms are many, and whoever is
 * refused for them keeps to that for a while. They cost at most a call for each unit that they admit, and for each time
 * that a worker asks in vain.
 *
 * Only windows can be leased: the debt of a rate has no date that a lease could be charged to, and slots are held by
 * requests. Nor are bytes: each request takes another number of them.
 */
export function leaseSpansOf(compiled: readonly CompiledRule[]): LeaseSpans | null {
  let shortestMs = Infinity;
  let smallest = Infinity;
  for (const each of compiled) {
    if (each.kind !== 'window' || each.unit !== 'requests') return null;
    shortestMs = Math.min(shortestMs, each.rule.windowMs);
    smallest = Math.min(smallest, each.capacity);
  }
  const longMs = Math.min(LONG_MAX_MS, Math.floor(shortestMs / 20));
  if (longMs < LONG_MIN_MS) return null;
  const gatherMs = Math.min(GATHER_MAX_MS, Math.floor(shortestMs / GATHER_PARTS));
  if (smallest <= EXACT_LIMIT_MAX) {
    return { farMs: 0, longMs: 0, shortMs: 0, gatherMs, floodMs: 0, aheadMs: 0 };
  }
  const ofWindow = Math.min(SHORT_MAX_MS, Math.floor(shortestMs / 100));
  const shortMs = ofWindow < SHORT_MIN_MS ? 0 : ofWindow;
  return {
    farMs: Math.min(FAR_MAX_MS, Math.floor(shortestMs / 2)),
    longMs,
    shortMs,
    gatherMs,
    floodMs: Math.max(shortMs, Math.min(FLOOD_MAX_MS, Math.floor(shortestMs / 50))),
    aheadMs: Math.min(AHEAD_MAX_MS, Math.floor(shortestMs / 8)),
  };
}
