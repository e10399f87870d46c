import { SharedUpstream, SharedUpstreamId, UpstreamSpec } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource } from './crud.ts';
import { editSharedUpstream } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on upstreams of the platform. One that routes of any tenant lead to cannot be deleted. */
export function sharedUpstreamOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'sharedUpstream',
    title: 'shared upstream',
    permissions: { list: 'shared.read', get: 'shared.read', write: 'sharedUpstreams.write' },
    collectionPath: '/v1/upstreams',
    idName: 'sharedUpstreamId',
    params: z.strictObject({ sharedUpstreamId: SharedUpstreamId }),
    spec: UpstreamSpec,
    resource: SharedUpstream,
    example: exampleOf(SharedUpstream, 'mail', {
      name: 'Mail of all tenants',
      endpoints: [
        { host: '10.1.0.1', port: 8080 },
        { host: '10.1.0.2', port: 8080 },
      ],
      healthCheck: { type: 'http', path: '/healthz' },
    }),
    edit: ({ id }, spec, preconditions) => editSharedUpstream(id, spec, preconditions),
  });
}
