import { bearerToken, type TokenVerdict } from '@headgate/auth';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { Principal } from '../snapshot/compile-tenant.ts';
import { authenticateJwt, type AuthenticateJwtDeps } from './authenticate-jwt.ts';

/**
 * Checks the API key of routes that want one: `X-API-Key`, else `Authorization: Bearer`. A key of another tenant is as
 * unknown as any other text: only this tenant's table is asked. Routes that want a JWT are {@link authenticateJwt}'s.
 *
 * @hot
 */
export function authenticate(
  context: RequestContext,
  deps: AuthenticateJwtDeps,
): LocalReply | Promise<TokenVerdict<Principal>> | null {
  const { head, tenant, route } = context;
  if (tenant === null || route === null) return localReply('HG_INTERNAL');
  if (!route.requiresKey) {
    return route.jwt === null ? null : authenticateJwt(context, route.jwt, deps);
  }
  const key = head.get('x-api-key') ?? bearerToken(head.get('authorization') ?? '');
  if (key === null) return localReply('HG_AUTH_REQUIRED', challenge(''));
  if (head.count('x-api-key') > 1 || head.count('authorization') > 1) {
    return localReply('HG_AUTH_INVALID', challenge('invalid_request'));
  }
  const verdict = context.apiKeyVerifier.verify(tenant.apiKeys, key, context.timeMs);
  if (verdict.outcome !== 'accepted') {
    return localReply('HG_AUTH_INVALID', challenge('invalid_token'));
  }
  context.principal = verdict.principal;
  return null;
}

/** RFC 6750 section 3; the realm is the same for all tenants, so it tells nothing about them. */
function challenge(error: string): string {
  return `WWW-Authenticate: Bearer realm="headgate"${error === '' ? '' : `, error="${error}"`}\r\n`;
}
