import { Route, RouteId, RouteSpec, TenantId } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { accept } from '../store/outcome.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource, NESTED_PERMISSIONS } from './crud.ts';
import { editNested } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on routes. */
export function routeOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'route',
    title: 'route',
    permissions: NESTED_PERMISSIONS,
    collectionPath: '/v1/tenants/{tenantId}/routes',
    idName: 'routeId',
    params: z.strictObject({ tenantId: TenantId, routeId: RouteId }),
    spec: RouteSpec,
    resource: Route,
    example: exampleOf(Route, 'web', {
      match: { path: { prefix: '/api' }, methods: ['GET', 'POST'] },
      upstreamId: 'api',
      auth: 'api_key',
    }),
    edit: ({ tenantId, id }, spec, preconditions) =>
      editNested(
        { kind: 'route', tenantId: tenantId ?? '', id },
        () => accept(spec),
        preconditions,
      ),
  });
}
