import { TenantId, Upstream, UpstreamId, UpstreamSpec } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { accept } from '../store/outcome.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource, NESTED_PERMISSIONS } from './crud.ts';
import { editNested, type StateCheck } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on upstreams of tenants. One that routes send requests to cannot be deleted. */
export function upstreamOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'upstream',
    title: 'upstream',
    permissions: NESTED_PERMISSIONS,
    collectionPath: '/v1/tenants/{tenantId}/upstreams',
    idName: 'upstreamId',
    params: z.strictObject({ tenantId: TenantId, upstreamId: UpstreamId }),
    spec: UpstreamSpec,
    resource: Upstream,
    example: exampleOf(Upstream, 'api', {
      endpoints: [
        { host: '10.0.0.1', port: 8080 },
        { host: '10.0.0.2', port: 8080 },
      ],
      healthCheck: { type: 'http', path: '/healthz' },
    }),
    edit: ({ tenantId, id }, spec, preconditions) =>
      editNested(
        { kind: 'upstream', tenantId: tenantId ?? '', id },
        () => accept(spec),
        preconditions,
        spec === null ? refuseIfUsed(id) : undefined,
      ),
  });
}

function refuseIfUsed(upstreamId: string): StateCheck {
  return (current) => {
    const faults = [...current.route.values()]
      .filter((route) => route.spec.upstreamId === upstreamId)
      .map(({ id }) => ({
        path: `routes.${id}.upstreamId`,
        value: upstreamId,
        rule: 'the route sends requests to this upstream; change or delete the route first',
      }));
    return faults.length === 0 ? null : { reason: 'conflict', faults };
  };
}
