import { randomBytes } from 'node:crypto';

/**
 * Creates request ids: 16 hex digits of this process and a counter, unique over all edges without a random number per
 * request.
 */
export function createRequestIds(): () => string {
  const prefix = `${randomBytes(8).toString('hex')}-`;
  let count = 0;
  return () => {
    count += 1;
    return prefix + count.toString(36);
  };
}
