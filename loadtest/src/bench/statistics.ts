/** Median and extremes of a few measurements. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Summarises measurements. The median of an even count is the mean of the two in the middle.
 *
 * @throws RangeError without values or with one that is not finite: that is a bug of the caller.
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 1 ? upper : sorted[middle - 1];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    throw new RangeError('no values');
  }
  if (!values.every(Number.isFinite)) throw new RangeError(`not finite: ${values.join(', ')}`);
  return { median: (lower + upper) / 2, min, max };
}

/**
 * Percentile by nearest rank: the least value that at least `percent` % of all do not exceed.
 *
 * @param sorted ascending
 * @param percent above 0 up to 100
 * @throws RangeError without values: that is a bug of the caller.
 */
export function percentileOf(sorted: readonly number[], percent: number): number {
  const value = sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  if (value === undefined)
    throw new RangeError(`no percentile ${percent} of ${sorted.length} values`);
  return value;
}
