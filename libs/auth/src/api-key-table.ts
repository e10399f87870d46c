import { hash } from 'node:crypto';

/** What the table needs to know of an API key; part of `ApiKey` in @headgate/model. */
export interface ApiKeyRecord {
  readonly id: string;
  /** SHA-256 of the whole key, lower-case hex. */
  readonly sha256: string;
  /** ISO 8601; absent: never. */
  readonly expiresAt?: string | undefined;
}

/** Why a presented key was refused, or the principal it stands for. */
export type ApiKeyVerdict<Principal> =
  | { readonly outcome: 'accepted'; readonly principal: Principal }
  | { readonly outcome: 'unknown' | 'expired' };

const UNKNOWN = Object.freeze({ outcome: 'unknown' });
const EXPIRED = Object.freeze({ outcome: 'expired' });

/** Longest key that is looked at; a longer one cannot be ours. */
export const API_KEY_CHARS_MAX = 256;

interface Entry<Principal> {
  readonly accepted: ApiKeyVerdict<Principal>;
  readonly expiresAtMs: number;
}

/** API keys of one tenant, by hash. */
export interface ApiKeyTable<Principal> {
  /**
   * Looks a presented key up by its SHA-256. The comparison runs on the hash, so its timing tells nothing about the
   * stored keys. About 1 µs.
   *
   * @param nowMs wall-clock time, for expiry.
   * @hot
   */
  verify(presentedKey: string, nowMs: number): ApiKeyVerdict<Principal>;
  /** Whether a key that was accepted once, known by its SHA-256, still would be. */
  holds(sha256: string, nowMs: number): boolean;
  readonly size: number;
}

/** Compiles the keys of one tenant; `principalOf` makes what the request path needs of a key, once. */
export function compileApiKeys<Principal, Key extends ApiKeyRecord>(
  keys: readonly Key[],
  principalOf: (key: Key) => Principal,
): ApiKeyTable<Principal> {
  const entries = new Map<string, Entry<Principal>>();
  for (const key of keys) {
    entries.set(key.sha256, {
      accepted: { outcome: 'accepted', principal: principalOf(key) },
      expiresAtMs: key.expiresAt === undefined ? Infinity : Date.parse(key.expiresAt),
    });
  }
  return {
    size: entries.size,
    holds: (sha256, nowMs) => nowMs < (entries.get(sha256)?.expiresAtMs ?? -Infinity),
    verify(presentedKey, nowMs) {
      if (presentedKey.length > API_KEY_CHARS_MAX) return UNKNOWN;
      const entry = entries.get(hash('sha256', presentedKey, 'hex'));
      if (entry === undefined) return UNKNOWN;
      return nowMs < entry.expiresAtMs ? entry.accepted : EXPIRED;
    },
  };
}

/**
 * The key in an `Authorization` field value of the scheme `Bearer` (RFC 6750; the scheme is case-insensitive),
 * or null.
 *
 * @hot
 */
export function bearerToken(authorization: string): string | null {
  if (authorization.length < 8 || authorization.charCodeAt(6) !== 0x20) return null;
  if (authorization.slice(0, 6).toLowerCase() !== 'bearer') return null;
  return authorization.slice(7);
}
