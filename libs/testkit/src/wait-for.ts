import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** Options of {@link waitFor}. */
export interface WaitOptions {
  /** What is waited for, as a noun clause; the error starts with it. */
  readonly message: string;
  /**
   * Time after which the wait fails, in milliseconds. Default 60,000: busy machines are slow, and only a
   * test that fails waits for so long. Give it only where something else follows if it is not met.
   */
  readonly deadlineMs?: number;
  /** Pause between two looks, in milliseconds. Default 10. */
  readonly intervalMs?: number;
  /** State to print in the error beside the condition's last value. */
  readonly describe?: () => unknown;
}

/**
 * Polls `condition` until it returns (or resolves to) something truthy, and returns that.
 * A condition that throws counts as not yet true.
 *
 * @throws Error that names what was waited for, the last value and the last exception, once the
 *   deadline has passed. A condition that is pending at the deadline is abandoned.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<NonNullable<T>> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const until = performance.now() + deadlineMs;
  let last: unknown;
  let failure: unknown;
  for (;;) {
    try {
      const value = await withinDeadline(condition, until - performance.now());
      if (value) return value;
      last = value;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= until) break;
    await sleep(options.intervalMs ?? 10);
  }
  const seen = options.describe === undefined ? last : options.describe();
  const text = `waited ${deadlineMs} ms for ${options.message}; last value: ${inspect(seen, { depth: 4 })}`;
  throw new Error(text, failure === undefined ? {} : { cause: failure });
}

async function withinDeadline<T>(condition: () => T | Promise<T>, leftMs: number): Promise<T> {
  const result = condition();
  if (!(result instanceof Promise)) return result;
  const expiry = new AbortController();
  const expired = sleep(Math.max(leftMs, 1), undefined, { signal: expiry.signal }).then(() => {
    throw new Error('the condition was still pending at the deadline');
  });
  expired.catch(() => undefined);
  try {
    return await Promise.race([result, expired]);
  } finally {
    expiry.abort();
  }
}
