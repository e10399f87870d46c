import type { Clock } from '@headgate/runtime';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { FetchJson } from './fetch-json.ts';
import { discoveryUrl, isTrustworthyUrl } from './issuer-url.ts';

/** There are no keys to check a token with: the issuer was never reached, or not for a day. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/** What {@link createIssuerKeys} works with. */
export interface IssuerKeysDependencies {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly fetchJson: FetchJson;
  /** Hears of each attempt to get keys that failed, at most one per cool-down. */
  readonly onFailure: (error: Error) => void;
}

/** Where keys come from. */
export interface IssuerKeysOptions {
  readonly issuer: string;
  /** Undefined: the one that discovery names. */
  readonly jwksUrl: URL | undefined;
}

/** Between two attempts, failed ones too: tokens with keys that nobody knows cost no more than this. */
const COOL_DOWN_MS = 10_000;
/** Keys of this age are fetched anew when they are used, while the old ones serve. */
const REFRESH_MS = 600_000;
/** Keys of this age are no longer trusted, though the issuer is away. */
const AGE_MS_MAX = 86_400_000;

const Discovery = z.object({
  issuer: z.string(),
  jwks_uri: z.string().refine(isTrustworthyUrl, 'must be an https URL'),
});

/**
 * Creates the keys of an issuer, for `jwtVerify` of jose. They are fetched when they are first needed,
 * when a token names one that is not among them (so a rotation needs nothing), and every ten minutes of
 * use. With the issuer away the known ones serve for a day.
 *
 * @returns a function that rejects with IssuerUnavailableError if there are no keys at all.
 */
export function createIssuerKeys(
  { clock, fetchJson, onFailure }: IssuerKeysDependencies,
  { issuer, jwksUrl }: IssuerKeysOptions,
): JWTVerifyGetKey {
  let keys: { readonly find: JWTVerifyGetKey; readonly fetchedMs: number } | null = null;
  let attempt: { readonly startedMs: number; readonly done: Promise<void> } | null = null;

  async function fetchKeys(): Promise<void> {
    const startedMs = clock.monotonicMs();
    const url = jwksUrl ?? (await discover(fetchJson, issuer));
    // Throws if it is no set of keys.
    const find = createLocalJWKSet((await fetchJson(url)) as JSONWebKeySet);
    keys = { find, fetchedMs: startedMs };
  }

  /** One attempt at a time, and none within the cool-down: then the last one counts. */
  function refresh(): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (attempt !== null && nowMs - attempt.startedMs < COOL_DOWN_MS) return attempt.done;
    const done = fetchKeys().catch((error: unknown) => {
      onFailure(error instanceof Error ? error : new Error(String(error)));
    });
    attempt = { startedMs: nowMs, done };
    return done;
  }

  function usable() {
    const ageMs = keys === null ? Infinity : clock.monotonicMs() - keys.fetchedMs;
    if (ageMs >= REFRESH_MS) void refresh();
    return ageMs < AGE_MS_MAX ? keys : null;
  }

  return async (header, token) => {
    let known = usable();
    if (known === null) {
      await refresh();
      known = usable();
    }
    if (known === null) {
      throw new IssuerUnavailableError('the keys of the OIDC issuer cannot be fetched');
    }
    try {
      return await known.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      const newer = usable() ?? known;
      if (newer === known) throw error;
      return newer.find(header, token);
    }
  };
}

async function discover(fetchJson: FetchJson, issuer: string): Promise<URL> {
  const { issuer: named, jwks_uri } = Discovery.parse(await fetchJson(discoveryUrl(issuer)));
  // Section 4.3: otherwise one issuer could speak for another.
  if (named !== issuer) throw new Error(`discovery names the issuer ${named}, not ${issuer}`);
  return new URL(jwks_uri);
}
