import process from 'node:process';

/**
 * Schedules per property: `runs`, or `LIMITING_PROPERTY_RUNS` if set. For a long search:
 * `LIMITING_PROPERTY_RUNS=100000 node --test "libs/limiting*\/src/*.test.ts"`.
 */
export function propertyRuns(runs: number): number {
  const wanted = Number(process.env['LIMITING_PROPERTY_RUNS'] ?? runs);
  if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError('LIMITING_PROPERTY_RUNS');
  return wanted;
}
