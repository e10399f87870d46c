import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';

/** Waits between attempts to connect, with full jitter. */
export interface ReconnectDelay {
  /** For the NATS client's `reconnectDelayHandler`. */
  next(): number;
  /** Forgets past failures; call it after a success. */
  reset(): void;
}

/**
 * The NATS client asks for the delay at the top of each turn of its loop, and a turn either dials
 * or sleeps. A fresh random number per question would make it sleep again and again until a small
 * one comes. So one draw is kept until it has been slept through, and then 0 lets the dial happen.
 *
 * @param capMs largest wait.
 */
export function createReconnectDelay(
  deps: { readonly clock: Clock; readonly random: Random },
  capMs: number,
): ReconnectDelay {
  const baseMs = 100;
  let attempt = 0;
  let drawn: { readonly atMs: number; readonly waitMs: number } | null = null;
  return {
    next() {
      const nowMs = deps.clock.monotonicMs();
      if (drawn === null) {
        drawn = { atMs: nowMs, waitMs: fullJitterMs(deps.random, attempt, baseMs, capMs) };
        attempt += 1;
        return drawn.waitMs;
      }
      // The sleep began a little before the draw, so "slept through" must not ask for all of it.
      if (nowMs - drawn.atMs < drawn.waitMs / 2) return drawn.waitMs;
      drawn = null;
      return 0;
    },
    reset() {
      attempt = 0;
      drawn = null;
    },
  };
}
