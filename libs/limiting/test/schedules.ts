import fc from 'fast-check';
import type { LimitChain } from '../src/index.ts';
import {
  chainIndex,
  costs,
  stepsBack,
  upTo40,
  windowChains,
  type TimedArrival,
} from './schedule-parts.ts';

/** A tenant with two windows, two API keys, and arrivals of `units` requests of equal chain and cost. */
export interface Schedule {
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly TimedArrival[];
}

/** Random schedules; `clockSteps` adds backward steps of the store's clock. */
export function schedules(options: { readonly clockSteps: boolean }): fc.Arbitrary<Schedule> {
  const limits = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 60, max: 90 }));
  const arrival = fc.record({
    advanceMs: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(20, 97, 190, 999, 1000)),
    stepBackMs: stepsBack(options, 1, 15, 500, 60_000),
    chain: chainIndex,
    cost: costs(5),
    units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
  });
  return fc.record({
    chains: windowChains(limits, fc.constantFrom(10, 97, 200, 1000)),
    arrivals: upTo40(arrival),
  });
}

/** Schedules of many arrivals, so that windows hold many charges; `clockSteps` as above. */
export function longSchedules(options: { readonly clockSteps: boolean }): fc.Arbitrary<Schedule> {
  const arrival = fc.record({
    advanceMs: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) },
      { weight: 1, arbitrary: fc.constantFrom(200, 999, 1000) },
    ),
    stepBackMs: stepsBack(options, 1, 15, 500, 60_000),
    chain: chainIndex,
    cost: costs(5),
    units: fc.integer({ min: 1, max: 3 }),
  });
  return fc.record({
    chains: windowChains(fc.integer({ min: 50, max: 1000 }), fc.constantFrom(1000, 2000)),
    arrivals: fc.array(arrival, { minLength: 60, maxLength: 160 }),
  });
}
