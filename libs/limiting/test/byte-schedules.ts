import fc from 'fast-check';
import { compileChain, type LimitChain, type LimitRule } from '../src/index.ts';
import { onceIn, stepsBack, type TimedArrival } from './schedule-parts.ts';

const HOUR_MS = 3_600_000;

/** One call, and what becomes of the bytes that it takes. */
export interface ByteArrival extends TimedArrival {
  /** 0 takes further bytes for a request that was admitted before. */
  readonly cost: number;
  /** Taken of each direction. */
  readonly request: number;
  readonly response: number;
  /** Quarters of each that pass; the rest is given back with a later call. */
  readonly requestQuarters: number;
  readonly responseQuarters: number;
  /** So many of the oldest takes of the chain that are not settled yet are settled with this call. */
  readonly settles: number;
  /** The store is emptied before this call. */
  readonly empties: boolean;
}

/** A tenant whose requests and bytes are limited, a route with a limit of bytes of its own, and calls. */
export interface ByteSchedule {
  readonly chains: readonly LimitChain[];
  readonly arrivals: readonly ByteArrival[];
}

/**
 * Random schedules; `isShort` keeps all of one within the shortest window. With losses there is no quota: what outlives
 * them is known to edges, not to the store.
 */
export function byteSchedules(options: {
  readonly clockSteps: boolean;
  readonly losses: boolean;
  readonly isShort: boolean;
}): fc.Arbitrary<ByteSchedule> {
  const limit = fc.oneof(fc.integer({ min: 8, max: 64 }), fc.integer({ min: 65, max: 600 }));
  const windowMs = options.isShort
    ? fc.constantFrom(60_000, 97_001)
    : fc.constantFrom(100, 400, 997, 1000);
  const bytes = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 8 }),
    fc.integer({ min: 1, max: 300 }),
  );
  const quarters = fc.integer({ min: 0, max: 4 });
  const soonMs = fc.integer({ min: 1, max: 9 });
  const arrival = fc.record({
    advanceMs: options.isShort
      ? soonMs
      : fc.oneof(soonMs, fc.constantFrom(49, 101, 380, 980, HOUR_MS)),
    stepBackMs: stepsBack(options, 1, 15, 500, 60_000),
    chain: fc.integer({ min: 0, max: 1 }),
    cost: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 4 })),
    units: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 1, max: 5 })),
    request: bytes,
    response: bytes,
    requestQuarters: quarters,
    responseQuarters: quarters,
    settles: fc.integer({ min: 0, max: 4 }),
    empties: onceIn(8, options.losses),
  });
  return fc.record({
    chains: fc
      .tuple(limit, windowMs, limit, windowMs, limit)
      .map((numbers) => compileChains(numbers, !options.losses)),
    arrivals: fc.array(arrival, { minLength: 1, maxLength: 30, size: 'max' }),
  });
}

/** The tenant alone, and with the route. */
function compileChains(
  [first, firstMs, second, secondMs, third]: readonly [number, number, number, number, number],
  hasQuota: boolean,
): LimitChain[] {
  const tenant = { level: 'tenant', scope: '', onStoreLoss: 'share' } as const;
  const rules: LimitRule[] = [
    { name: 'calls', limit: third, windowMs: secondMs, ...tenant },
    { name: 'up', unit: 'request-bytes', limit: first, windowMs: firstMs, ...tenant },
    { name: 'down', unit: 'response-bytes', limit: second, windowMs: secondMs, ...tenant },
  ];
  if (hasQuota) {
    const hour = { kind: 'quota', period: 'hour', timeZone: 'UTC', limit: 2 * second } as const;
    rules.push({ name: 'hour', unit: 'response-bytes', ...hour, ...tenant });
  }
  const route: LimitRule = {
    ...{ name: 'down', unit: 'response-bytes', limit: first, windowMs: firstMs },
    ...{ level: 'route', scope: 'a', onStoreLoss: 'share' },
  };
  return [compileChain('acme', rules), compileChain('acme', [...rules, route])];
}
