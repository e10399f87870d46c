import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';

/** Finds the tenant's route for host, path and method, on exactly the bytes that are forwarded. @hot */
export function matchRoute(context: RequestContext): LocalReply | null {
  const { head, tenant } = context;
  if (tenant === null) return localReply('HG_INTERNAL');
  const route = tenant.routes.match(head.host, head.path, head.method);
  if (route === null) {
    const methods = tenant.routes.allowedMethods(head.host, head.path);
    if (methods.length === 0) return localReply('HG_ROUTE_NOT_FOUND');
    return localReply('HG_ROUTE_METHOD_NOT_ALLOWED', `Allow: ${methods.join(', ')}\r\n`);
  }
  context.route = route;
  return head.contentLength > route.requestBodyBytesMax
    ? localReply('HG_HTTP_BODY_TOO_LARGE')
    : null;
}
