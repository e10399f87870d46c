import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** What the tokens of the tests are for. */
export const AUDIENCE = 'headgate';

/** A key of the issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

/** An OpenID Connect issuer on a free port. */
export interface Issuer {
  readonly url: string;
  /** Keys that it publishes; a test puts others in their place. */
  keys: readonly IssuerKey[];
  /** In place of the answers with keys; null: the usual ones. */
  answer: ((response: ServerResponse) => void) | null;
  /** Requests for keys so far. */
  readonly fetched: () => number;
  /**
   * Makes a token that is good for five minutes unless the claims say otherwise; `undefined` leaves one out.
   *
   * @param nowMs what its times count from.
   */
  sign(key: IssuerKey, nowMs: number, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
}

/** Makes a key pair. */
export async function createIssuerKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { kid, alg, privateKey, publicKey, jwk };
}

/** Starts an issuer with one key. Whoever starts it closes it. */
export async function startIssuer(): Promise<Issuer> {
  let fetched = 0;
  const server = createServer((request, response) => {
    if (request.url === '/.well-known/openid-configuration') {
      return void response.end(
        JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }),
      );
    }
    fetched += 1;
    if (issuer.answer !== null) return issuer.answer(response);
    response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP
  const issuer: Issuer = {
    url: `http://127.0.0.1:${port}`,
    keys: [await createIssuerKey('first')],
    answer: null,
    fetched: () => fetched,
    sign({ kid, alg, privateKey }, nowMs, claims = {}) {
      const nowS = Math.floor(nowMs / 1000);
      const standard = { iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: nowS + 300 };
      return new SignJWT({ ...standard, ...claims })
        .setProtectedHeader({ alg, kid })
        .sign(privateKey);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}
