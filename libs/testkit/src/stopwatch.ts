const LOOK_INTERVAL_MS = 10;
/** A timer that is later than this, without the process's own work, was held up. */
const LATE_MS = 5;

/** A running measurement; whoever starts it stops it, or reads it with {@link Stopwatch.stop}. */
export interface Stopwatch {
  /** Time in ms since the start, without that in which the system held this process up. */
  elapsedMs(): number;
  /** Ends the measurement; returns its last `elapsedMs()`. Idempotent. */
  stop(): number;
}

/**
 * Measures how long something takes that is to be quick, on a machine that may be busy: time in which the
 * system let this process, and so its like, wait does not count. Time that its own code takes does: only
 * what a timer is late beyond the CPU time that the process used counts as waiting, so code that blocks
 * without using any (`execFileSync`) is taken for the system. For upper bounds; a lower bound is one of
 * `performance.now()`.
 */
export function startStopwatch(): Stopwatch {
  const startMs = performance.now();
  let lookedMs = startMs;
  let lookedCpuMs = usedCpuMs();
  let heldUpMs = 0;
  let last: number | null = null;
  const look = (): number => {
    const nowMs = performance.now();
    const cpuMs = usedCpuMs();
    const lateMs = nowMs - lookedMs - LOOK_INTERVAL_MS - (cpuMs - lookedCpuMs);
    if (lateMs > LATE_MS) heldUpMs += lateMs;
    lookedMs = nowMs;
    lookedCpuMs = cpuMs;
    return nowMs - startMs - heldUpMs;
  };
  const timer = setInterval(look, LOOK_INTERVAL_MS);
  timer.unref();
  return {
    elapsedMs: () => last ?? look(),
    stop() {
      clearInterval(timer);
      last ??= look();
      return last;
    },
  };
}

function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
