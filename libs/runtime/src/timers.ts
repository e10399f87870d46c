/** One-shot timers; injected so that tests can drive them. */
export interface Timers {
  /** Runs `callback` once after `delayMs`, without keeping the process alive; returns its cancellation. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** Node's timers, unreferenced. */
export const systemTimers: Timers = {
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
