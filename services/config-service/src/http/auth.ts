import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Creates the check of `Authorization: Bearer …`. Only the hash of the token is kept, and comparing
 * hashes of equal length in constant time tells nothing about how much of a guess was right.
 */
export function createTokenCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = sha256(token);
  return (authorization) => {
    const match = /^bearer +([!-~]{1,4096}) *$/i.exec(authorization ?? '');
    return timingSafeEqual(sha256(match?.[1] ?? ''), expected);
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
