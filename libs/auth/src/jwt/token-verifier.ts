import { hash } from 'node:crypto';
import { BoundedMap } from '@headgate/runtime';
import {
  checkJwt,
  isMeantFor,
  type JwtIdentity,
  type JwtRules,
  type JwtVerdict,
} from './check-jwt.ts';
import type { KeySet } from './key-set.ts';
import { readJwt, TOKEN_CHARS_MAX } from './read-jwt.ts';
import type { KeySource } from './remote-keys.ts';
import { isSlow } from './verify-signature.ts';

/** Verified tokens that a worker keeps, of all tenants together; some 1 KB each, 10 KB at most. */
const TOKENS_MAX = 8192;

/** A token with more scopes is not kept: 1,500 of them take 40 KB. */
const KEPT_SCOPES_MAX = 64;

/** An issuer of one revision of a tenant. */
export interface TokenIssuer<Principal> extends JwtRules {
  readonly keys: KeySource;
  /** Makes what the request path needs of a token, once for each. */
  readonly principalOf: (identity: JwtIdentity) => Principal;
}

/**
 * What is wrong with a token, or whom it stands for. `busy`: too many of the tenant are being verified that take long.
 */
export type TokenVerdict<Principal> =
  | {
      readonly outcome: 'accepted';
      readonly principal: Principal;
      readonly scopes: ReadonlySet<string>;
    }
  | { readonly outcome: 'expired' | 'early' | 'invalid' | 'busy' }
  | {
      /** `unknown_key`: the issuer is not known to have that key; `no_keys`: its keys are not known. */
      readonly outcome: 'unknown_key' | 'no_keys';
      readonly keys: KeySource;
    };

interface VerifiedToken<Principal> {
  readonly realm: TokenRealm<Principal>;
  readonly issuer: TokenIssuer<Principal>;
  /** Those that it was checked with: a token of a key that is gone is checked again, and refused. */
  readonly keys: KeySet;
  readonly expiresAtMs: number;
  readonly verdict: TokenVerdict<Principal>;
}

const INVALID = Object.freeze({ outcome: 'invalid' });
const BUSY = Object.freeze({ outcome: 'busy' });

/** Verifications of a tenant on other threads at the same time: whoever sends forged tokens has these, and leaves the rest to others. */
const SLOW_CHECKS_MAX = 8;

/**
 * The issuers whose tokens a route takes. One object for each list of issuers and revision of a tenant: what was verified for one
 * says nothing to any other.
 */
export class TokenRealm<Principal> {
  readonly tenantId: string;
  /** The tenant and the list, the same in each revision. */
  readonly name: string;
  readonly issuers: readonly TokenIssuer<Principal>[];

  /** @param list names the list of issuers within the tenant. */
  constructor(tenantId: string, list: string, issuers: readonly TokenIssuer<Principal>[]) {
    this.tenantId = tenantId;
    this.name = `${tenantId} ${list}`;
    this.issuers = issuers;
  }
}

/** Verifies bearer tokens, and remembers those that are valid by their SHA-256: looking at one again takes some 2 µs. One per worker. */
export class TokenVerifier<Principal> {
  readonly #verified: BoundedMap<string, VerifiedToken<Principal>>;
  /** Verifications on other threads now, of each tenant with any. */
  readonly #slowChecks = new Map<string, number>();

  /** @param capacity tokens that are remembered; the one unused for longest makes room. Default 8,192. */
  constructor(capacity: number = TOKENS_MAX) {
    this.#verified = new BoundedMap(capacity);
  }

  get size(): number {
    return this.#verified.size;
  }

  /**
   * At once, but for a token whose signature takes long and is not remembered.
   *
   * @param nowMs wall-clock time.
   * @hot
   */
  verify(
    token: string,
    realm: TokenRealm<Principal>,
    nowMs: number,
  ): TokenVerdict<Principal> | Promise<TokenVerdict<Principal>> {
    if (token.length > TOKEN_CHARS_MAX) return INVALID;
    const name = `${realm.name} ${hash('sha256', token, 'base64url')}`;
    const known = this.#verified.get(name);
    if (known === undefined) return this.#verify(name, token, realm, nowMs);
    const { issuer, keys, expiresAtMs } = known;
    if (known.realm === realm && nowMs < expiresAtMs && issuer.keys.current() === keys) {
      this.#verified.set(name, known); // moves it to the young end
      return known.verdict;
    }
    this.#verified.delete(name);
    return this.#verify(name, token, realm, nowMs);
  }

  #verify(
    name: string,
    token: string,
    realm: TokenRealm<Principal>,
    nowMs: number,
  ): TokenVerdict<Principal> | Promise<TokenVerdict<Principal>> {
    const jwt = readJwt(token);
    const issuer = jwt === null ? undefined : realm.issuers.find((one) => isMeantFor(jwt, one));
    if (jwt === null || issuer === undefined) return INVALID;
    const keys = issuer.keys.current();
    if (keys === null) {
      if (!issuer.algorithms.has(jwt.algorithm)) return INVALID;
      return { outcome: 'no_keys', keys: issuer.keys };
    }
    const { tenantId } = realm;
    if (isSlow(jwt) && (this.#slowChecks.get(tenantId) ?? 0) >= SLOW_CHECKS_MAX) return BUSY;
    const checked = checkJwt(jwt, issuer, keys, nowMs);
    if (!(checked instanceof Promise)) return this.#settle(name, { realm, issuer, keys }, checked);
    this.#addSlowChecks(tenantId, 1);
    return checked
      .then((verdict) => this.#settle(name, { realm, issuer, keys }, verdict))
      .finally(() => this.#addSlowChecks(tenantId, -1));
  }

  #addSlowChecks(tenantId: string, change: 1 | -1): void {
    const count = (this.#slowChecks.get(tenantId) ?? 0) + change;
    if (count === 0) this.#slowChecks.delete(tenantId);
    else this.#slowChecks.set(tenantId, count);
  }

  #settle(
    name: string,
    by: Pick<VerifiedToken<Principal>, 'realm' | 'issuer' | 'keys'>,
    checked: JwtVerdict,
  ): TokenVerdict<Principal> {
    if (checked.outcome === 'unknown_key') return { outcome: 'unknown_key', keys: by.issuer.keys };
    if (checked.outcome !== 'accepted') return { outcome: checked.outcome };
    const { scopes, expiresAtMs } = checked.identity;
    const principal = by.issuer.principalOf(checked.identity);
    const verdict: TokenVerdict<Principal> = { outcome: 'accepted', principal, scopes };
    if (scopes.size <= KEPT_SCOPES_MAX) this.#verified.set(name, { ...by, expiresAtMs, verdict });
    return verdict;
  }
}
