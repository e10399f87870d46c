import fc from 'fast-check';
import { burstMin } from '../src/limit-rule.ts';
import { compileChain, type LimitChain, type RateRule, type WindowRule } from '../src/index.ts';
import { chainIndex, costs, stepsBack, upTo40, type ArrivalCore } from './schedule-parts.ts';

/** One arrival of `units` requests of equal chain and cost. */
export interface PacedArrival extends ArrivalCore {
  /** True time since the arrival before, in microseconds with quarters: the store's clock shows whole ones. */
  readonly advanceUs: number;
  /** The store's clock steps back by this before it. */
  readonly stepBackUs: number;
}

/** A tenant with rates and a window, two API keys with a rate each, and arrivals. */
export interface PacedSchedule {
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly PacedArrival[];
}

/** Random schedules; `clockSteps` adds backward steps of the store's clock. */
export function pacedSchedules(options: {
  readonly clockSteps: boolean;
}): fc.Arbitrary<PacedSchedule> {
  const pace = fc
    .record({
      limit: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(1000, 7919, 2_000_000)),
      windowMs: fc.constantFrom(1, 10, 97, 1000, 60_000),
      burst: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 20, max: 60 })),
    })
    .filter(({ limit, windowMs, burst }) => burst >= burstMin(limit, windowMs));
  const advance = fc.oneof(
    fc.integer({ min: 0, max: 6 }).map((quarters) => quarters / 4),
    fc.integer({ min: 0, max: 40_000 }).map((quarters) => quarters / 4),
    fc.constantFrom(999_999.75, 1_000_000, 33_333.25, 10_000, 100_000_000),
  );
  const arrival = fc.record({
    advanceUs: advance,
    stepBackUs: stepsBack(options, 1, 2, 15_000, 60_000_000),
    chain: chainIndex,
    cost: costs(5),
    units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
  });
  const chains = fc.tuple(pace, pace, fc.integer({ min: 20, max: 90 })).map(compileChains);
  return fc.record({ chains, arrivals: upTo40(arrival) });
}

type Pace = Pick<RateRule, 'limit' | 'windowMs' | 'burst'>;

/** The tenant alone, with key a, with key b. */
function compileChains([tenantPace, keyPace, limit]: readonly [Pace, Pace, number]): LimitChain[] {
  const policy = { onStoreLoss: 'share' } as const;
  const tenant = { level: 'tenant', scope: '', ...policy } as const;
  const pace: RateRule = { name: 'pace', kind: 'rate', ...tenant, ...tenantPace };
  const window: WindowRule = { name: 'window', ...tenant, limit, windowMs: 200 };
  const keyRule = (scope: string): RateRule => {
    return { name: 'key', kind: 'rate', level: 'key', scope, ...keyPace, ...policy };
  };
  return [
    compileChain('acme', [pace]),
    compileChain('acme', [pace, window, keyRule('a')]),
    compileChain('acme', [keyRule('b'), pace]),
  ];
}
