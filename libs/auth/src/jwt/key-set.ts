import type { KeyObject } from 'node:crypto';
import { algorithmsOfJwk, importPublicJwk, PublicJwk, type JwtAlgorithm } from '@headgate/model';
import { isJsonObject } from './read-json.ts';

/** Keys of a fetched set that are looked at, in up to 3 ms. Large issuers publish some ten. */
const KEYS_MAX = 32;

/** Members of a key that count; others are none of ours (RFC 7517, section 4). */
const MEMBERS = ['kty', 'kid', 'alg', 'use', 'key_ops', 'crv', 'n', 'e', 'x', 'y'];

interface HeldKey {
  readonly jwk: PublicJwk;
  readonly algorithms: readonly JwtAlgorithm[];
  /** Made for the first token. */
  key: KeyObject | null;
}

/** The public keys of an issuer, by the `kid` that tokens name. */
export class KeySet {
  readonly size: number;
  readonly #byKid: ReadonlyMap<string | null, readonly HeldKey[]>;
  readonly #all: readonly HeldKey[];

  constructor(jwks: readonly PublicJwk[]) {
    const all = jwks.map((jwk): HeldKey => ({ jwk, algorithms: algorithmsOfJwk(jwk), key: null }));
    this.#byKid = Map.groupBy(all, ({ jwk }) => jwk.kid ?? null);
    this.#all = all;
    this.size = all.length;
  }

  /**
   * The key that a token says it was signed with, if it is for the token's algorithm; null for none, and if several are: keys are not
   * tried one after the other.
   *
   * @param kid null if the token names no key: then the only key for the algorithm.
   */
  find(kid: string | null, algorithm: JwtAlgorithm): KeyObject | null {
    const named = kid === null ? this.#all : (this.#byKid.get(kid) ?? []);
    const [found, ...others] = named.filter(({ algorithms }) => algorithms.includes(algorithm));
    if (found === undefined || others.length > 0) return null;
    if (found.key === null) {
      const imported = importPublicJwk(found.jwk);
      if (imported.fault === null) found.key = imported.key;
    }
    return found.key;
  }
}

/**
 * The keys of a JWK set (RFC 7517, section 5); keys that are none of ours (private or symmetric ones, other curves, for encryption, too short)
 * are passed over. Null if it is no such set, or no key is left.
 */
export function readKeySet(text: string): KeySet | null {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(set) || !Array.isArray(set['keys'])) return null;
  const jwks = set['keys'].slice(0, KEYS_MAX).flatMap((jwk: unknown) => {
    if (!isJsonObject(jwk) || Object.hasOwn(jwk, 'd') || Object.hasOwn(jwk, 'k')) return [];
    const own = Object.entries(jwk).filter(([name]) => MEMBERS.includes(name));
    const parsed = PublicJwk.safeParse(Object.fromEntries(own));
    return parsed.success ? [parsed.data] : [];
  });
  const keys = new KeySet(jwks);
  return keys.size === 0 ? null : keys;
}
