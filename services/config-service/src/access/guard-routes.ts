import { createProblem } from '@headgate/errors';
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendProblem } from '../http/problems.ts';
import type { Authenticate } from './authenticate.ts';
import type { Authorise } from './authorise.ts';
import type { CountRequest } from './credential-bound.ts';
import { isPermissionName, type PermissionName } from './permissions.ts';
import type { Session } from './session.ts';

/** What {@link guardRoutes} works with. */
export interface RouteGuard {
  readonly authenticate: Authenticate;
  readonly authorise: Authorise;
  readonly countRequest: CountRequest;
}

/**
 * Guards every route of the app by the permission in its `config`; call it before any route is added.
 * A route without one cannot be added: the start fails.
 *
 * @returns the session of a request that was let in.
 */
export function guardRoutes(
  app: FastifyInstance,
  { authenticate, authorise, countRequest }: RouteGuard,
): (request: FastifyRequest) => Session {
  const sessions = new WeakMap<FastifyRequest, Session>();
  app.addHook('onRoute', ({ method, url, config }) => {
    if (permissionIn(config) !== null) return;
    throw new TypeError(`${String(method)} ${url} declares no permission`);
  });
  app.addHook('onRequest', async (request, reply) => {
    const { config } = request.routeOptions;
    const permission = permissionIn(config);
    if (permission === 'public') return;
    const authentication = await authenticate(request.headers.authorization);
    if (!authentication.ok) return sendProblem(request, reply, authentication.problem);
    const { access, actor } = authentication.principal;
    const retryAfterS = await countRequest(request, actor);
    if (retryAfterS > 0) {
      reply.header('retry-after', retryAfterS);
      return sendProblem(
        request,
        reply,
        createProblem('HG_API_RATE_LIMITED', { detail: TOO_MANY }),
      );
    }
    // None: no route of ours. Whoever has a credential hears which paths there are.
    if (permission === null) return;
    const authorisation = authorise(permission, access, tenantIn(request.params));
    if (!authorisation.ok) return sendProblem(request, reply, authorisation.problem);
    const operation = operationIn(config);
    const author = { actor, source: addressOf(request), requestId: request.id, operation };
    sessions.set(request, { author, access, scope: authorisation.scope });
  });
  return (request) => sessions.get(request) ?? NOBODY;
}

const TOO_MANY = 'this credential has sent more requests within a second than one may';

/** Of public operations: the store shows them nothing. */
const NOBODY: Session = {
  author: { actor: 'nobody', source: '', requestId: '', operation: '' },
  access: { role: 'viewer', tenants: new Set<string>() },
  scope: new Set<string>(),
};

/** A trusted proxy may pass on what is no address; then it is the proxy that asks. */
function addressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip;
}

function permissionIn(config: object | undefined): PermissionName | null {
  if (config === undefined || !('permission' in config)) return null;
  return isPermissionName(config.permission) ? config.permission : null;
}

function operationIn(config: object): string {
  return 'operationId' in config ? String(config.operationId) : 'unknown';
}

function tenantIn(params: unknown): string | null {
  if (typeof params !== 'object' || params === null || !('tenantId' in params)) return null;
  return String(params.tenantId);
}
