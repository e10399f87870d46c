import { constants, verify, type KeyObject } from 'node:crypto';
import type { JwtAlgorithm } from '@headgate/model';
import type { ReadJwt } from './read-jwt.ts';

const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const;
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING } as const;
const P1363 = { dsaEncoding: 'ieee-p1363' } as const;

/** How a signature of each algorithm is made (RFC 7518, sections 3.3 to 3.5; RFC 8037). */
const SCHEMES: Readonly<
  Record<
    JwtAlgorithm,
    {
      readonly digest: string | null;
      readonly options: typeof PSS | typeof PKCS1 | typeof P1363 | object;
      /** Of the signature; null: as the key is long. */
      readonly bytes: number | null;
    }
  >
> = {
  RS256: { digest: 'sha256', options: PKCS1, bytes: null },
  RS384: { digest: 'sha384', options: PKCS1, bytes: null },
  RS512: { digest: 'sha512', options: PKCS1, bytes: null },
  PS256: { digest: 'sha256', options: PSS, bytes: null },
  PS384: { digest: 'sha384', options: PSS, bytes: null },
  PS512: { digest: 'sha512', options: PSS, bytes: null },
  ES256: { digest: 'sha256', options: P1363, bytes: 64 },
  ES384: { digest: 'sha384', options: P1363, bytes: 96 },
  ES512: { digest: 'sha512', options: P1363, bytes: 132 },
  EdDSA: { digest: null, options: {}, bytes: 64 },
  Ed25519: { digest: null, options: {}, bytes: 64 },
};

/** Curves for which a verification takes 0.9 ms and 1.5 ms: as long as some twenty requests. */
const SLOW: readonly JwtAlgorithm[] = ['ES384', 'ES512'];

/** Whether verifying on this thread would hold up others. */
export function isSlow({ algorithm }: ReadJwt): boolean {
  return SLOW.includes(algorithm);
}

/**
 * Whether the key signed the token. On this thread, as it takes 60 µs (RSA) to 120 µs (P-256, Ed25519); that of {@link isSlow} on one of
 * libuv's, to which the way is as long.
 *
 * @param key one for the token's algorithm.
 */
export function verifySignature(jwt: ReadJwt, key: KeyObject): boolean | Promise<boolean> {
  const { algorithm, signed, signature } = jwt;
  const { digest, options, bytes } = SCHEMES[algorithm];
  if (bytes !== null && signature.length !== bytes) return false;
  const given = { key, ...options };
  if (!isSlow(jwt)) return verify(digest, signed, given, signature);
  return new Promise((resolve, reject) => {
    verify(digest, signed, given, signature, (error, isValid) => {
      if (error === null) resolve(isValid);
      else reject(error);
    });
  });
}
