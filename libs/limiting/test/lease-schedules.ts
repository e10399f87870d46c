import fc from 'fast-check';
import { compileChain, type LimitChain, type LimitRule } from '../src/index.ts';

/** One call, and what becomes of the lease that it brings. */
export interface LeaseArrival {
  /** True time since the call before. */
  readonly advanceMs: number;
  /** The store's clock steps back by this before it. */
  readonly stepBackMs: number;
  /** Index into `LeaseSchedule.chains`. */
  readonly chain: number;
  readonly cost: number;
  readonly units: number;
  /** Cost to lease; 0 for none. */
  readonly wanted: number;
  /** Quarters of the lease that are used; what is not is returned with a later call. */
  readonly quartersUsed: number;
  /** Used in the last moment rather than at once. */
  readonly usesLate: boolean;
  /** The oldest lease of the chain that is not returned yet is returned with this call. */
  readonly returns: boolean;
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
  const limit = fc.oneof(fc.integer({ min: 4, max: 30 }), fc.integer({ min: 65, max: 200 }));
  const windowMs = fc.constantFrom(400, 500, 997, 1000, 2000);
  const rarely = (isPossible: boolean): fc.Arbitrary<boolean> =>
    isPossible ? fc.integer({ min: 0, max: 15 }).map((roll) => roll === 0) : fc.constant(false);
  const noStep = fc.constant(0);
  const stepBackMs = options.clockSteps
    ? fc.oneof({ weight: 8, arbitrary: noStep }, fc.constantFrom(1, 15, 500, 60_000))
    : noStep;
  const arrival = fc.record({
    advanceMs: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(20, 49, 380, 460, 980)),
    stepBackMs,
    chain: fc.integer({ min: 0, max: 2 }),
    cost: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 4 })),
    units: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 1, max: 30 })),
    wanted: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 })),
    quartersUsed: fc.integer({ min: 0, max: 4 }),
    usesLate: fc.boolean(),
    returns: fc.boolean(),
    empties: rarely(options.losses),
  });
  const chains = fc.tuple(limit, windowMs, limit, windowMs, limit).map(compileChains);
  return fc.record({
    chains,
    arrivals: fc.array(arrival, { minLength: 1, maxLength: 40, size: 'max' }),
  });
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
  const tenant = { level: 'tenant', scope: '', ...policy } as const;
  const tenantRules: LimitRule[] = [
    { name: 'one', limit: first, windowMs: firstMs, ...tenant },
    { name: 'two', limit: second, windowMs: secondMs, ...tenant },
  ];
  const keyRule = (scope: string): LimitRule => {
    return { name: 'key', level: 'key', scope, limit: key, windowMs: firstMs, ...policy };
  };
  return [
    compileChain('acme', tenantRules),
    compileChain('acme', [...tenantRules, keyRule('a')]),
    compileChain('acme', [...tenantRules, keyRule('b')]),
  ];
}
