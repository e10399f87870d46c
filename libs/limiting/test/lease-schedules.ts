import fc from 'fast-check';
import { EXACT_LIMIT_MAX } from '../src/bucket-shape.ts';
import type { LimitChain } from '../src/index.ts';
import {
  chainIndex,
  costs,
  onceIn,
  stepsBack,
  upTo40,
  windowChains,
  type TimedArrival,
} from './schedule-parts.ts';

/** One call, and what becomes of the lease that it brings. */
export interface LeaseArrival extends TimedArrival {
  /** Cost to lease; 0 for none. */
  readonly wanted: number;
  /** Asks as a flood does. */
  readonly isFlood: boolean;
  /** Quarters of the lease that are used; what is not is returned with a later call. */
  readonly quartersUsed: number;
  /** Used in the last moment rather than at once. */
  readonly usesLate: boolean;
  /** So many leases of the chain that are not returned yet are returned with this call, the oldest first. */
  readonly returns: number;
  /** The store is emptied before this call. */
  readonly empties: boolean;
}

/** A tenant with two windows, two API keys with one each, and calls. */
export interface LeaseSchedule {
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly LeaseArrival[];
}

/** Random schedules; `clockSteps` adds backward steps of the store's clock, `losses` emptied stores. */
export function leaseSchedules(options: {
  readonly clockSteps: boolean;
  readonly losses: boolean;
}): fc.Arbitrary<LeaseSchedule> {
  const limits = fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 4, max: EXACT_LIMIT_MAX }) },
    { weight: 15, arbitrary: fc.integer({ min: EXACT_LIMIT_MAX + 1, max: 200 }) },
  );
  const arrival = fc.record({
    advanceMs: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(20, 49, 380, 460, 980)),
    stepBackMs: stepsBack(options, 1, 15, 500, 60_000),
    chain: chainIndex,
    cost: costs(4),
    units: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 1, max: 30 })),
    wanted: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 60 }),
    ),
    isFlood: fc.boolean(),
    quartersUsed: fc.integer({ min: 0, max: 4 }),
    usesLate: fc.boolean(),
    returns: fc.integer({ min: 0, max: 2 }),
    empties: onceIn(16, options.losses),
  });
  return fc.record({
    chains: windowChains(limits, fc.constantFrom(400, 500, 997, 1000, 2000)),
    arrivals: upTo40(arrival),
  });
}
