import { z } from 'zod';

/**
 * A whole number in a query or path: decimal digits and nothing else, where `Number` would take
 * `0x10`, `1e2` and blanks too.
 */
export function queryInteger(min: number, max: number) {
  const read = (text: unknown) =>
    typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;
  return z.preprocess(read, z.int('must be a whole number, in digits').min(min).max(max));
}

/** A revision in a path or query. */
export const RevisionParameter = queryInteger(1, Number.MAX_SAFE_INTEGER).describe(
  'Revision of the tenant.',
);
