import { hash } from 'node:crypto';
import { flatText } from '@headgate/runtime';

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

/** A key of the table. */
export interface ApiKeyEntry<Principal> {
  readonly accepted: ApiKeyVerdict<Principal>;
  readonly expiresAtMs: number;
}

/** API keys of one tenant, by hash. */
export interface ApiKeyTable<Principal> {
  /**
   * Looks a presented key up by its SHA-256, whether it has expired or not; undefined for any other text. The comparison runs
   * on the hash, so its timing tells nothing about the stored keys. About 1 µs.
   *
   * @hot
   */
  find(presentedKey: string): ApiKeyEntry<Principal> | undefined;
  /** Whether a key that was accepted once, known by its SHA-256, still would be. */
  holds(sha256: string, nowMs: number): boolean;
  readonly size: number;
}

/** Compiles the keys of one tenant; `principalOf` makes what the request path needs of a key, once. */
export function compileApiKeys<Principal, Key extends ApiKeyRecord>(
  keys: readonly Key[],
  principalOf: (key: Key) => Principal,
): ApiKeyTable<Principal> {
  const entries = new Map<string, ApiKeyEntry<Principal>>();
  for (const key of keys) {
    entries.set(key.sha256, {
      accepted: { outcome: 'accepted', principal: principalOf(key) },
      expiresAtMs: key.expiresAt === undefined ? Infinity : Date.parse(key.expiresAt),
    });
  }
  return {
    size: entries.size,
    find: (presentedKey) =>
      presentedKey.length > API_KEY_CHARS_MAX
        ? undefined
        : entries.get(hash('sha256', presentedKey, 'hex')),
    holds: (sha256, nowMs) => nowMs < (entries.get(sha256)?.expiresAtMs ?? -Infinity),
  };
}

function verdictOf<Principal>(
  entry: ApiKeyEntry<Principal> | undefined,
  nowMs: number,
): ApiKeyVerdict<Principal> {
  if (entry === undefined) return UNKNOWN;
  return nowMs < entry.expiresAtMs ? entry.accepted : EXPIRED;
}

/**
 * Verifies the keys that come on a connection. It remembers the last one, since nearly all clients send the same one again:
 * looking at that takes a tenth of a look-up. Only a key that is in the table is remembered, and only as long as the
 * connection lives. How long it is compared could be measured on this connection alone, and tells little of 256 random bits.
 */
export class ApiKeyVerifier<Principal> {
  #table: ApiKeyTable<Principal> | null = null;
  #key = '';
  #entry: ApiKeyEntry<Principal> | undefined = undefined;

  /**
   * @param presentedKey of a head, so its characters are bytes.
   * @param nowMs wall-clock time, for expiry.
   * @hot
   */
  verify(
    table: ApiKeyTable<Principal>,
    presentedKey: string,
    nowMs: number,
  ): ApiKeyVerdict<Principal> {
    if (table === this.#table && presentedKey === this.#key) return verdictOf(this.#entry, nowMs);
    const entry = table.find(presentedKey);
    if (entry !== undefined) {
      this.#table = table;
      this.#key = flatText(presentedKey); // not the whole head that it is a part of
      this.#entry = entry;
    }
    return verdictOf(entry, nowMs);
  }
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
