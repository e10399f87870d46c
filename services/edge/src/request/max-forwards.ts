import type { RequestHead } from '@headgate/http1';

/** Larger numbers are not told apart: no chain of proxies is that long. */
const DIGITS_MAX = 9;

/**
 * How often a request may still be forwarded (RFC 9110 section 7.6.2); null when it does not say, says it twice, or says
 * no number. Heard for OPTIONS alone: TRACE is refused, and for other methods the field has no meaning.
 */
export function maxForwards(head: RequestHead): number | null {
  const value = head.get('max-forwards');
  if (value === null || head.count('max-forwards') > 1) return null;
  if (value.length > DIGITS_MAX || !/^\d+$/.test(value)) return null;
  return Number.parseInt(value, 10);
}
