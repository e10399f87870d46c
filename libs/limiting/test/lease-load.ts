import { createFakeClock, createSeededRandom, type FakeClock } from '@headgate/testkit';
import { createLimiter, type Limiter, type LimitChain } from '../src/index.ts';
import { settled, untilInUse } from './limiter-harness.ts';
import { createMemoryStore, type MemoryStore, type UsageParts } from './memory-store.ts';
import type { Admission } from './window-oracle.ts';

/** Edges on one store in memory and one fake clock. */
export interface EdgeGroup {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly limiters: readonly Limiter[];
}

/**
 * Starts the edges; they use the store.
 *
 * @param options `pace` is what the edges' clock shows while the store's shows 1; default 1. `parts` make a faulty store.
 */
export async function startEdges(
  count: number,
  { pace = 1, parts = {} }: { readonly pace?: number; readonly parts?: UsageParts } = {},
): Promise<EdgeGroup> {
  const clock = createFakeClock();
  const store = createMemoryStore(() => clock.monotonicMs() / pace + 1_000_000, parts);
  const limiters = Array.from({ length: count }, (_, rank) =>
    createLimiter(
      {
        store,
        clock,
        random: createSeededRandom(7 + rank),
        share: () => ({ liveEdges: count, rank }),
        timers: {
          schedule: (callback, delayMs) => {
            const timer = clock.setTimeout(callback, delayMs);
            return () => timer.clear();
          },
        },
      },
      { heartbeatMs: 1_000_000_000 },
    ),
  );
  await untilInUse(limiters);
  return { clock, store, limiters };
}

/** What a load brought. */
export interface LoadResult {
  readonly sent: number;
  readonly admissions: readonly Admission[];
  /** Calls of the store, and how many of them were made in the last second. */
  readonly calls: number;
  readonly callsInLastSecond: number;
}

/** Sends `perSecond` requests evenly, each to the next edge, in steps of 1 ms. Calls are answered within the step. */
export async function sendLoad(
  { clock, store, limiters }: EdgeGroup,
  chain: LimitChain,
  load: { readonly perSecond: number; readonly seconds: number },
): Promise<LoadResult> {
  const admissions: Admission[] = [];
  const callsBefore = store.calls.length;
  let callsBeforeLastSecond = callsBefore;
  let sent = 0;
  for (let elapsedMs = 0; elapsedMs < load.seconds * 1000; elapsedMs += 1) {
    if (elapsedMs === (load.seconds - 1) * 1000) callsBeforeLastSecond = store.calls.length;
    const timeMs = clock.monotonicMs();
    const waiting: Promise<void>[] = [];
    for (; sent < (load.perSecond * elapsedMs) / 1000; sent += 1) {
      const verdict = limiters[sent % limiters.length]?.take(chain, 1);
      if (verdict instanceof Promise) {
        waiting.push(
          verdict.then(({ outcome }) => {
            if (outcome === 'admitted') admissions.push({ timeMs, cost: 1 });
          }),
        );
      } else if (verdict?.outcome === 'admitted') admissions.push({ timeMs, cost: 1 });
    }
    await Promise.all(waiting);
    await settled();
    clock.advance(1);
  }
  return {
    sent,
    admissions,
    calls: store.calls.length - callsBefore,
    callsInLastSecond: store.calls.length - callsBeforeLastSecond,
  };
}
