import { bearerToken, type TokenVerdict, type TokenVerifier } from '@headgate/auth';
import type { Turns } from '../jwt/turns.ts';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { Principal, RequiredJwt } from '../snapshot/compile-tenant.ts';

/** What checking tokens takes. */
export interface AuthenticateJwtDeps {
  readonly tokens: TokenVerifier<Principal>;
  /** Of tokens that have waited for keys. */
  readonly turns: Turns;
}

/** The realm is the same for all tenants, so it tells nothing about them. */
const CHALLENGE = 'WWW-Authenticate: Bearer realm="headgate"';
const NO_TOKEN = `${CHALLENGE}\r\n`;
/** RFC 6750, section 3.1. */
const BAD_REQUEST = `${CHALLENGE}, error="invalid_request"\r\n`;
const BAD_TOKEN = `${CHALLENGE}, error="invalid_token"\r\n`;
const RETRY = 'Retry-After: 1\r\n';

/** What is known of the token in the end. */
type Verdict = TokenVerdict<Principal>;

/**
 * Checks the JWT of routes that want one: `Authorization: Bearer`, once. At once, but for a token whose issuer's keys have to be fetched,
 * or whose signature takes long: then a promise, the end of which {@link settleJwt} makes an answer of.
 *
 * @hot
 */
export function authenticateJwt(
  context: RequestContext,
  required: RequiredJwt,
  { tokens, turns }: AuthenticateJwtDeps,
): LocalReply | Promise<Verdict> | null {
  const { head, timeMs } = context;
  const token = bearerToken(head.get('authorization') ?? '');
  if (token === null) return localReply('HG_AUTH_TOKEN_REQUIRED', NO_TOKEN);
  if (head.count('authorization') > 1) return localReply('HG_AUTH_TOKEN_INVALID', BAD_REQUEST);
  const verdict = tokens.verify(token, required.realm, timeMs);
  if (verdict instanceof Promise) return verdict;
  if (verdict.outcome === 'unknown_key' || verdict.outcome === 'no_keys') {
    const fetched = verdict.keys.refresh();
    // Whatever has come: this time no keys are waited for.
    if (fetched !== null) {
      return fetched
        .then(() => turns.take())
        .then(() => tokens.verify(token, required.realm, timeMs));
    }
  }
  return settle(context, required, verdict);
}

/** Goes on when the token has been verified after all. */
export function settleJwt(context: RequestContext, verdict: Verdict): LocalReply | null {
  const jwt = context.route === null ? null : context.route.jwt;
  return jwt === null ? localReply('HG_INTERNAL') : settle(context, jwt, verdict);
}

/** @hot */
function settle(
  context: RequestContext,
  { scopes, scopeChallenge }: RequiredJwt,
  verdict: Verdict,
): LocalReply | null {
  switch (verdict.outcome) {
    case 'accepted':
      for (const scope of scopes) {
        if (!verdict.scopes.has(scope)) return localReply('HG_AUTH_SCOPE_MISSING', scopeChallenge);
      }
      context.principal = verdict.principal;
      return null;
    case 'no_keys':
      return localReply('HG_AUTH_ISSUER_UNAVAILABLE', RETRY);
    case 'busy':
      return localReply('HG_EDGE_OVERLOADED', RETRY);
    case 'expired':
      return localReply('HG_AUTH_TOKEN_INVALID', BAD_TOKEN, 'The token has expired.');
    case 'early':
      return localReply('HG_AUTH_TOKEN_INVALID', BAD_TOKEN, 'The token is not valid yet.');
    case 'unknown_key':
    case 'invalid':
      return localReply('HG_AUTH_TOKEN_INVALID', BAD_TOKEN);
  }
}
