import process from 'node:process';

/** How many schedules a property is tried with, and which: as fast-check takes them. */
export interface PropertyOptions {
  readonly numRuns: number;
  readonly seed: number;
}

/**
 * `numRuns` schedules that follow from `seed`, unless `LIMITING_PROPERTY_RUNS` and `LIMITING_PROPERTY_SEED` (a whole
 * number) say otherwise. For a long search, of other schedules than last time:
 * `LIMITING_PROPERTY_RUNS=100000 LIMITING_PROPERTY_SEED=7 node --test "libs/limiting*\/src/*.test.ts"`.
 */
export function propertyOptions(numRuns: number, seed: number): PropertyOptions {
  const wanted = {
    numRuns: Number(process.env['LIMITING_PROPERTY_RUNS'] ?? numRuns),
    seed: Number(process.env['LIMITING_PROPERTY_SEED'] ?? seed),
  };
  if (!Number.isInteger(wanted.numRuns) || wanted.numRuns < 1) {
    throw new RangeError('LIMITING_PROPERTY_RUNS must be a whole number of at least 1');
  }
  if (!Number.isInteger(wanted.seed)) {
    throw new RangeError('LIMITING_PROPERTY_SEED must be a whole number');
  }
  return wanted;
}
