import type { Clock } from '@headgate/runtime';

/** Signals that ask the cluster to stop. */
export interface StopRequests {
  /** Resolves with the first signal. */
  readonly first: Promise<NodeJS.Signals>;
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** Resolves when the user insists. */
  readonly forced: Promise<void>;
  /** Stops listening. */
  dispose(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * One Ctrl-C arrives more than once: the terminal sends it to every process in the foreground, and
 * npm passes it on as well. What comes this soon after the first is the same key press, ms.
 */
const SAME_REQUEST_MS = 500;

/** Where signals come from; `process` in the program. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

/** Listens for SIGINT, SIGTERM and SIGHUP; a second one, half a second later or more, insists. */
export function createStopRequests(source: SignalSource, clock: Clock): StopRequests {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const forced = Promise.withResolvers<void>();
  const aborter = new AbortController();
  let firstMs: number | null = null;
  const listener = (signal: NodeJS.Signals) => {
    const nowMs = clock.monotonicMs();
    if (firstMs === null) {
      firstMs = nowMs;
      aborter.abort();
      first.resolve(signal);
    } else if (nowMs - firstMs >= SAME_REQUEST_MS) {
      forced.resolve();
    }
  };
  for (const signal of SIGNALS) source.on(signal, listener);
  return {
    first: first.promise,
    signal: aborter.signal,
    forced: forced.promise,
    dispose() {
      for (const signal of SIGNALS) source.off(signal, listener);
    },
  };
}
