import fc from 'fast-check';
import { compileChain, type LimitChain, type LimitRule } from '../src/index.ts';

/** One arrival of `units` requests of equal chain and cost. */
export interface Arrival {
  /** True time since the arrival before. */
  readonly advanceMs: number;
  /** The store's clock steps back by this before it. */
  readonly stepBackMs: number;
  /** Index into `Schedule.chains`. */
  readonly chain: number;
  readonly cost: number;
  readonly units: number;
}

/** A tenant with one or two windows, two API keys, and arrivals. */
export interface Schedule {
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly Arrival[];
}

/** Random schedules; `clockSteps` adds backward steps of the store's clock. */
export function schedules(options: { readonly clockSteps: boolean }): fc.Arbitrary<Schedule> {
  const limit = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 60, max: 90 }));
  const windowMs = fc.constantFrom(10, 97, 200, 1000);
  const rules = fc.tuple(limit, windowMs, limit, windowMs, limit);
  const noStep = fc.constant(0);
  const stepBackMs = options.clockSteps
    ? fc.oneof({ weight: 8, arbitrary: noStep }, fc.constantFrom(1, 15, 500, 60_000))
    : noStep;
  const arrival = fc.record({
    advanceMs: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(20, 97, 190, 999, 1000)),
    stepBackMs,
    chain: fc.integer({ min: 0, max: 2 }),
    cost: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5 })),
    units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
  });
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 40, size: 'max' });
  return fc.record({ chains: rules.map(compileChains), arrivals });
}

/** The tenant alone, with key a, with key b. */
function compileChains([first, firstMs, second, secondMs, key]: readonly [
  number,
  number,
  number,
  number,
  number,
]): LimitChain[] {
  const policy = { onStoreLoss: 'share' } as const;
  const tenant: LimitRule[] = [
    { name: 'one', level: 'tenant', scope: '', limit: first, windowMs: firstMs, ...policy },
    { name: 'two', level: 'tenant', scope: '', limit: second, windowMs: secondMs, ...policy },
  ];
  const keyRule = (scope: string): LimitRule => {
    return { name: 'key', level: 'key', scope, limit: key, windowMs: firstMs, ...policy };
  };
  return [
    compileChain('acme', tenant),
    compileChain('acme', [...tenant, keyRule('a')]),
    compileChain('acme', [...tenant, keyRule('b')]),
  ];
}
