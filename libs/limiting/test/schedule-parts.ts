import fc from 'fast-check';
import { compileChain, type LimitChain, type LimitRule } from '../src/index.ts';

/** What every arrival of a schedule has. */
export interface ArrivalCore {
  /** Index into the chains of the schedule. */
  readonly chain: number;
  readonly cost: number;
  readonly units: number;
}

/** An arrival in milliseconds. */
export interface TimedArrival extends ArrivalCore {
  /** True time since the arrival before. */
  readonly advanceMs: number;
  /** The store's clock steps back by this before it. */
  readonly stepBackMs: number;
}

/** Steps back of the store's clock, by one of `sizes` now and then, or never. */
export function stepsBack(
  { clockSteps }: { readonly clockSteps: boolean },
  ...sizes: readonly number[]
): fc.Arbitrary<number> {
  const noStep = fc.constant(0);
  if (!clockSteps) return noStep;
  return fc.oneof({ weight: 8, arbitrary: noStep }, fc.constantFrom(...sizes));
}

/** True once in `times`, or never. */
export function onceIn(times: number, isPossible: boolean): fc.Arbitrary<boolean> {
  if (!isPossible) return fc.constant(false);
  return fc.integer({ min: 0, max: times - 1 }).map((roll) => roll === 0);
}

/** One of the three chains of a schedule. */
export const chainIndex = fc.integer({ min: 0, max: 2 });

/** Mostly 1. */
export function costs(max: number): fc.Arbitrary<number> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max }));
}

/** Up to 40 of these. */
export function upTo40<Arrival>(arrival: fc.Arbitrary<Arrival>): fc.Arbitrary<Arrival[]> {
  return fc.array(arrival, { minLength: 1, maxLength: 40, size: 'max' });
}

/** A tenant with two windows, and two API keys with one each: the tenant alone, with key a, with key b. */
export function windowChains(
  limits: fc.Arbitrary<number>,
  windowsMs: fc.Arbitrary<number>,
): fc.Arbitrary<LimitChain[]> {
  const policy = { onStoreLoss: 'share' } as const;
  return fc
    .tuple(limits, windowsMs, limits, windowsMs, limits)
    .map(([first, firstMs, second, secondMs, key]) => {
      const ofTenant: LimitRule[] = [
        { name: 'one', level: 'tenant', scope: '', limit: first, windowMs: firstMs, ...policy },
        { name: 'two', level: 'tenant', scope: '', limit: second, windowMs: secondMs, ...policy },
      ];
      const ofKey = (scope: string): LimitRule => {
        return { name: 'key', level: 'key', scope, limit: key, windowMs: firstMs, ...policy };
      };
      return [
        compileChain('acme', ofTenant),
        compileChain('acme', [...ofTenant, ofKey('a')]),
        compileChain('acme', [...ofTenant, ofKey('b')]),
      ];
    });
}
