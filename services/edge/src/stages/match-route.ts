import { PATH_PLAIN } from '@headgate/http1';
import { refuseAmbiguousPath } from '../request/ambiguous-path.ts';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import { maxForwards } from '../request/max-forwards.ts';
import type { RequestContext } from '../request/request-context.ts';
import { goesInCircles } from '../request/via.ts';

/** Finds the tenant's route for host, path and method, on exactly the path that is forwarded. @hot */
export function matchRoute(context: RequestContext): LocalReply | null {
  const { head, tenant } = context;
  if (tenant === null) return localReply('HG_INTERNAL');
  const { routes } = tenant;
  const route = routes.match(head.host, head.path, head.method);
  if (head.pathFlags !== PATH_PLAIN) {
    const find = (path: string) => routes.match(head.host, path, head.method);
    const refusal = refuseAmbiguousPath(head, find, route);
    if (refusal !== null) return refusal;
  }
  if (route === null) return noRoute(context);
  if (head.method === 'OPTIONS' && maxForwards(head) === 0) return lastRecipient(context);
  if (goesInCircles(head)) return localReply('HG_UPSTREAM_LOOP');
  context.route = route;
  return head.contentLength > route.requestBodyBytesMax
    ? localReply('HG_HTTP_BODY_TOO_LARGE')
    : null;
}

function noRoute({ head, tenant }: RequestContext): LocalReply {
  const methods = tenant?.routes.allowedMethods(head.host, head.path) ?? [];
  if (methods.length === 0) return localReply('HG_ROUTE_NOT_FOUND');
  return localReply('HG_ROUTE_METHOD_NOT_ALLOWED', `Allow: ${methods.join(', ')}\r\n`);
}

/** Said of routes that take any method. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/**
 * An OPTIONS that may go no further is answered here (RFC 9110 section 7.6.2): the edge itself has no such method, and
 * says which ones the routes take.
 */
function lastRecipient({ head, tenant }: RequestContext): LocalReply {
  const named = tenant?.routes.allowedMethods(head.host, head.path) ?? [];
  const methods = named.length === 0 ? ANY_METHOD : named;
  return localReply('HG_ROUTE_METHOD_NOT_ALLOWED', `Allow: ${methods.join(', ')}\r\n`);
}
