import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** A key pair that signs JWTs, made and used by jose: what is under test has no part in it. */
export interface TokenKey {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  /** The public key, as an issuer publishes it. */
  readonly jwk: JWK & { readonly kty: string };
  /** Signs claims; the header may be added to. */
  sign(claims: Readonly<Record<string, unknown>>, header?: object): Promise<string>;
}

/** Makes a key pair. */
export async function createTokenKey(alg = 'ES256', kid = 'k1'): Promise<TokenKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const { kty = '', ...numbers } = await exportJWK(publicKey);
  return {
    alg,
    privateKey,
    jwk: { kty, ...numbers, kid, alg, use: 'sig' },
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  };
}

/** A token of any header, claims and signature; texts are taken as they are. */
export function unsignedToken(
  header: object | string,
  claims: object | string,
  signature = 'AAAA',
): string {
  const part = (value: object | string): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}
