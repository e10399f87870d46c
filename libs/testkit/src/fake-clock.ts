import type { Clock } from '@headgate/runtime';

/** A clock that only moves when the test says so, with timers that fire as it moves. */
export interface FakeClock extends Clock {
  /**
   * Moves wall-clock and monotonic time forward and runs, in order of their due times, the timers
   * that become due; each sees its own due time as now.
   */
  advance(ms: number): void;
  /** Steps the wall clock alone, in either direction, as NTP does. Timers do not notice. */
  stepWallClock(ms: number): void;
  /** As the global function, on this clock. The callback runs inside `advance()`. */
  setTimeout(callback: () => void, delayMs: number): FakeTimer;
  /** As the global function, on this clock. A period below 1 ms counts as 1 ms. */
  setInterval(callback: () => void, periodMs: number): FakeTimer;
  /** Timers that are not yet due or cleared. */
  pendingTimers(): number;
}

/** A timer of a {@link FakeClock}. */
export interface FakeTimer {
  /** Prevents every further call. Idempotent. */
  clear(): void;
}

interface Entry {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | null;
  readonly callback: () => void;
}

/**
 * Creates a clock that stands still.
 *
 * @param startMs wall-clock time since the Unix epoch; default 2026-01-01T00:00:00Z. The monotonic
 *   time starts at 0.
 */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let monotonicMs = 0;
  let wallOffsetMs = startMs;
  let order = 0;
  const entries = new Set<Entry>();

  const add = (callback: () => void, delayMs: number, periodMs: number | null): FakeTimer => {
    const entry = { dueMs: monotonicMs + Math.max(delayMs, 0), order: order++, periodMs, callback };
    entries.add(entry);
    return { clear: () => void entries.delete(entry) };
  };
  return {
    nowMs: () => wallOffsetMs + monotonicMs,
    monotonicMs: () => monotonicMs,
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`time does not go back: ${ms}`);
      const untilMs = monotonicMs + ms;
      for (;;) {
        const next = earliest(entries);
        if (next === null || next.dueMs > untilMs) break;
        monotonicMs = next.dueMs;
        if (next.periodMs === null) entries.delete(next);
        else next.dueMs += next.periodMs;
        next.callback();
      }
      monotonicMs = untilMs;
    },
    stepWallClock(ms) {
      wallOffsetMs += ms;
    },
    setTimeout: (callback, delayMs) => add(callback, delayMs, null),
    setInterval: (callback, periodMs) => add(callback, periodMs, Math.max(periodMs, 1)),
    pendingTimers: () => entries.size,
  };
}

function earliest(entries: ReadonlySet<Entry>): Entry | null {
  let found: Entry | null = null;
  for (const entry of entries) {
    const earlier =
      found === null ||
      entry.dueMs < found.dueMs ||
      (entry.dueMs === found.dueMs && entry.order < found.order);
    if (earlier) found = entry;
  }
  return found;
}
