import assert from 'node:assert/strict';
import { createFakeClock, createSeededRandom, type FakeClock } from '@headgate/testkit';
import {
  createLimiter,
  type ConcurrencyRule,
  type EdgeShare,
  type Limiter,
  type LimiterEvent,
  type LimiterOptions,
  type RateRule,
  type StoreFailure,
  type WindowRule,
} from '../src/index.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

/** A limiter on a fake clock and a store in memory. */
export interface Harness {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly limiter: Limiter;
  readonly events: LimiterEvent[];
  /** Set `current` to change this edge's place. */
  readonly share: { current: EdgeShare };
  /** Lets pending promises settle, then waits until the limiter uses the store. */
  readonly inUse: () => Promise<void>;
}

/** A tenant-level rule of 10 per second, with changes. */
export function tenantRule(changes: Partial<WindowRule> = {}): WindowRule {
  const rule = { name: 'sec', level: 'tenant', limit: 10, windowMs: 1000, scope: '' } as const;
  return { onStoreLoss: 'share', ...rule, ...changes };
}

/** A tenant-level pace of 10 per second, 4 at once, with changes. */
export function tenantPace(changes: Partial<RateRule> = {}): RateRule {
  const { windowMs } = tenantRule();
  return { ...tenantRule(), name: 'pace', kind: 'rate', windowMs, burst: 4, ...changes };
}

/** A tenant-level limit of 4 in flight, with changes. */
export function tenantSlots(changes: Partial<ConcurrencyRule> = {}): ConcurrencyRule {
  const rule = { name: 'slots', kind: 'concurrency', level: 'tenant', scope: '' } as const;
  return { ...rule, limit: 4, onStoreLoss: 'share', ...changes };
}

/**
 * Makes a limiter that has just been created: the first probe is under way.
 *
 * @param storeAheadMs what the store's clock is ahead of the edge's.
 * @param failure of the store from the start; null for none.
 */
export function createHarness(
  options: LimiterOptions = {},
  storeAheadMs = 1_000_000,
  failure: StoreFailure | null = null,
): Harness {
  const clock = createFakeClock();
  const store = createMemoryStore(() => clock.nowMs() + storeAheadMs);
  store.failure = failure;
  const events: LimiterEvent[] = [];
  const share = { current: { liveEdges: 1, rank: 0 } };
  const limiter = createLimiter(
    {
      store,
      clock,
      random: createSeededRandom(7),
      share: () => share.current,
      onEvent: (event) => events.push(event),
      timers: {
        schedule: (callback, delayMs) => {
          const timer = clock.setTimeout(callback, delayMs);
          return () => timer.clear();
        },
      },
    },
    options,
  );
  const inUse = (): Promise<void> => untilInUse([limiter]);
  return { clock, store, events, share, limiter, inUse };
}

/** Waits until all of these use the store. Nothing in them needs real time, so that some turns suffice. */
export async function untilInUse(limiters: readonly Limiter[]): Promise<void> {
  for (let turn = 0; limiters.some(({ degraded }) => degraded); turn += 1) {
    assert.ok(turn < 1000, 'a limiter does not use the store');
    await settled();
  }
}

/** Lets everything that waits only for resolved promises run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
