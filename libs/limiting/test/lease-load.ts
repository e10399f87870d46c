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

/** Clients that each send the next request when the last one is answered, on one edge that can only do so much. */
export interface ClosedLoop {
  readonly clients: number;
  readonly seconds: number;
  /** What an edge spends on a refusal and on an admission, in ms; one after the other. */
  readonly denialMs: number;
  readonly admissionMs: number;
  /** How long the endpoint takes, in whole ms; the client waits for it, the edge does not. */
  readonly endpointMs: number;
}

/** Runs the loop in steps of 1 ms; the store answers in the step after the call. */
export async function sendClosedLoop(
  { clock, store, limiters: [limiter] }: EdgeGroup,
  chain: LimitChain,
  { clients, seconds, denialMs, admissionMs, endpointMs }: ClosedLoop,
): Promise<LoadResult> {
  if (limiter === undefined) throw new RangeError('a loop needs an edge');
  const admissions: Admission[] = [];
  const freeAtMs = Array.from({ length: clients }, () => 0);
  const callsBefore = store.calls.length;
  let callsBeforeLastSecond = callsBefore;
  let sent = 0;
  let busyMs = 0;
  const settle = (client: number, outcome: string): void => {
    const isAdmitted = outcome === 'admitted';
    const timeMs = clock.monotonicMs();
    if (isAdmitted) admissions.push({ timeMs, cost: 1 });
    busyMs += isAdmitted ? admissionMs : denialMs;
    freeAtMs[client] = timeMs + (isAdmitted ? endpointMs : 0);
  };
  store.isHeld = true;
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs += 1) {
    if (elapsedMs === (seconds - 1) * 1000) callsBeforeLastSecond = store.calls.length;
    store.answer();
    await settled();
    busyMs = Math.max(0, busyMs - 1);
    let idle = 0;
    for (let client = 0; busyMs < 1 && idle < clients; client = (client + 1) % clients) {
      idle += 1;
      if ((freeAtMs[client] ?? 0) > clock.monotonicMs()) continue;
      idle = 0;
      sent += 1;
      freeAtMs[client] = Infinity;
      const verdict = limiter.take(chain, 1);
      if (!(verdict instanceof Promise)) settle(client, verdict.outcome);
      else void verdict.then(({ outcome }) => settle(client, outcome));
    }
    clock.advance(1);
  }
  store.isHeld = false;
  store.answer();
  await settled();
  const calls = store.calls.length - callsBefore;
  const callsInLastSecond = store.calls.length - callsBeforeLastSecond;
  return { sent, admissions, calls, callsInLastSecond };
}
