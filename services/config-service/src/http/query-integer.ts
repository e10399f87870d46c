import { z } from 'zod';

/**
 * A whole number in a query or path: decimal digits and nothing else, where `Number` would take
 * `0x10`, `1e2` and blanks too.
 */
export function queryInteger(min: number, max: number) {
  const read = (text: unknown) =>
    typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;
  const rule = `must be a whole number from ${min} to ${max}, in digits`;
  return z.preprocess(read, z.int(rule).min(min, rule).max(max, rule));
}

/** A revision in a path or query. */
export const RevisionParameter = queryInteger(1, Number.MAX_SAFE_INTEGER).describe(
  'Revision of the tenant.',
);
