import type { JwtAlgorithm, JwtIssuerSpec } from '@headgate/model';
import type { KeySet } from './key-set.ts';
import type { JsonObject } from './read-json.ts';
import type { ReadJwt } from './read-jwt.ts';
import { verifySignature } from './verify-signature.ts';

/** Longest name of a consumer (OpenID Connect Core, section 2). */
const CONSUMER_CHARS_MAX = 255;
const CONTROL = /[\u0000-\u001f\u007f\u2028\u2029]/;

/** What a token is held to: an issuer as configured, compiled. */
export interface JwtRules {
  readonly issuer: string;
  readonly audiences: ReadonlySet<unknown>;
  readonly algorithms: ReadonlySet<JwtAlgorithm>;
  readonly leewayMs: number;
  readonly consumerClaim: string;
  readonly requiredClaims: readonly (readonly [string, unknown])[];
}

/** What a valid token says. */
export interface JwtIdentity {
  /** The value of the consumer claim: one line, at most 255 characters. */
  readonly consumer: string;
  readonly scopes: ReadonlySet<string>;
  /** From when on it is refused, the leeway included. */
  readonly expiresAtMs: number;
}

/**
 * - `unknown_key`: the issuer has no such key, or not yet;
 * - `expired`, `early`: all else is in order, so its owner may be told;
 * - `invalid`: any other reason. Which one helps nobody but who forges tokens.
 */
export type JwtVerdict =
  | { readonly outcome: 'accepted'; readonly identity: JwtIdentity }
  | { readonly outcome: 'unknown_key' | 'expired' | 'early' | 'invalid' };

const UNKNOWN_KEY = Object.freeze({ outcome: 'unknown_key' });
const EXPIRED = Object.freeze({ outcome: 'expired' });
const EARLY = Object.freeze({ outcome: 'early' });
const INVALID = Object.freeze({ outcome: 'invalid' });

/** Compiles what the operator wrote. */
export function compileJwtRules(spec: JwtIssuerSpec): JwtRules {
  return {
    issuer: spec.issuer,
    audiences: new Set(spec.audiences),
    algorithms: new Set(spec.algorithms),
    leewayMs: spec.leewayMs,
    consumerClaim: spec.consumerClaim,
    requiredClaims: Object.entries(spec.requiredClaims),
  };
}

/** Whether a token says that it is of this issuer and for one of its audiences. */
export function isMeantFor({ claims }: ReadJwt, { issuer, audiences }: JwtRules): boolean {
  if (own(claims, 'iss') !== issuer) return false;
  const audience = own(claims, 'aud');
  if (!Array.isArray(audience)) return audiences.has(audience);
  return audience.every(isText) && audience.some((one) => audiences.has(one));
}

/**
 * Checks a token that {@link isMeantFor} an issuer: what it says, then its signature (RFC 7519, section 7.2; RFC 8725). A promise for
 * signatures that take long.
 *
 * @param nowMs wall-clock time.
 */
export function checkJwt(
  jwt: ReadJwt,
  rules: JwtRules,
  keys: KeySet,
  nowMs: number,
): JwtVerdict | Promise<JwtVerdict> {
  if (!rules.algorithms.has(jwt.algorithm)) return INVALID;
  const key = keys.find(jwt.kid, jwt.algorithm);
  if (key === null) return UNKNOWN_KEY;
  const said = checkClaims(jwt.claims, rules, nowMs);
  if (said === INVALID) return said;
  const verified = verifySignature(jwt, key);
  if (!(verified instanceof Promise)) return verified ? said : INVALID;
  return verified.then((isValid) => (isValid ? said : INVALID));
}

function checkClaims(claims: JsonObject, rules: JwtRules, nowMs: number): JwtVerdict {
  const expiresAt = own(claims, 'exp');
  const notBefore = own(claims, 'nbf') ?? -Infinity;
  const issuedAt = own(claims, 'iat') ?? 0;
  const consumer = consumerOf(own(claims, rules.consumerClaim));
  const scopes = scopesOf(own(claims, 'scope') ?? own(claims, 'scp') ?? '');
  if (typeof expiresAt !== 'number' || typeof notBefore !== 'number') return INVALID;
  if (typeof issuedAt !== 'number' || consumer === null || scopes === null) return INVALID;
  if (rules.requiredClaims.some(([name, value]) => own(claims, name) !== value)) return INVALID;
  const expiresAtMs = expiresAt * 1000 + rules.leewayMs;
  if (nowMs >= expiresAtMs) return EXPIRED;
  if (nowMs < notBefore * 1000 - rules.leewayMs) return EARLY;
  return { outcome: 'accepted', identity: { consumer, scopes, expiresAtMs } };
}

/** Not what every object inherits. */
function own(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function consumerOf(claim: unknown): string | null {
  const text = Number.isSafeInteger(claim) ? String(claim) : claim;
  if (!isText(text) || text === '' || text.length > CONSUMER_CHARS_MAX) return null;
  return CONTROL.test(text) || !text.isWellFormed() ? null : text;
}

/** `scope` is a text with blanks (RFC 8693, section 4.2), `scp` a text or a list. */
function scopesOf(claim: unknown): ReadonlySet<string> | null {
  if (isText(claim)) return new Set(claim.split(' ').filter((scope) => scope !== ''));
  return Array.isArray(claim) && claim.every(isText) ? new Set(claim) : null;
}
