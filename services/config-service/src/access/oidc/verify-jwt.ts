import { createProblem } from '@headgate/errors';
import type { Clock } from '@headgate/runtime';
import { errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { Authentication } from '../authenticate.ts';
import { readClaims, type ClaimNames } from './claims.ts';
import { IssuerUnavailableError } from './issuer-keys.ts';

/** Which tokens are taken. */
export interface OidcRules {
  /** Exactly the claim `iss`. */
  readonly issuer: string;
  /** One of the claim `aud`. */
  readonly audience: string;
  readonly claims: ClaimNames;
}

/** Checks a JWT. Rejects with IssuerUnavailableError if there are no keys to check it with. */
export type VerifyJwt = (jwt: string) => Promise<Authentication>;

/** Asymmetric ones: with the others a public key, which everybody has, would make tokens. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Clocks of issuer and service may differ by so much. */
const CLOCK_TOLERANCE_S = 30;
/** What an audit row can name: RFC 9068 and OpenID Connect allow 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;

/** Creates the check of JWTs of one issuer: signature, `iss`, `aud`, `exp`, `nbf`, then role and tenants. */
export function createVerifyJwt(
  { clock, keys }: { readonly clock: Pick<Clock, 'nowMs'>; readonly keys: JWTVerifyGetKey },
  { issuer, audience, claims }: OidcRules,
): VerifyJwt {
  const options = {
    ...{ issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_S },
    requiredClaims: ['exp', 'sub'],
  };
  return async (jwt) => {
    const currentDate = new Date(clock.nowMs());
    const verified = await jwtVerify(jwt, keys, { ...options, currentDate }).catch(
      (error: unknown) => {
        if (error instanceof IssuerUnavailableError) throw error;
        return unauthenticated(describe(error));
      },
    );
    if ('ok' in verified) return verified;
    const { payload } = verified;
    const sub: unknown = payload.sub;
    if (typeof sub !== 'string' || !SUBJECT.test(sub)) {
      return unauthenticated('the claim sub of the token is not usable');
    }
    const reading = readClaims(payload, claims);
    if (reading.ok) {
      return { ok: true, principal: { actor: `oidc:${sub}`, access: reading.access } };
    }
    const { detail } = reading;
    return { ok: false, problem: createProblem('HG_API_FORBIDDEN', { detail }) };
  };
}

/**
 * Claims are read only after the signature: who hears of them has a token of the issuer. All else, such as
 * a key of the issuer that is too small or broken, is not told.
 */
function describe(error: unknown): string | undefined {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `the claim ${error.claim} of the token does not fit: ${error.reason}`;
  }
  return undefined;
}

function unauthenticated(detail: string | undefined): Authentication {
  const members = detail === undefined ? {} : { detail };
  return { ok: false, problem: createProblem('HG_API_UNAUTHENTICATED', members) };
}
