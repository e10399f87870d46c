import { Tenant, TenantId, TenantSpec } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource } from './crud.ts';
import { editTenant } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on tenants. Deleting a tenant deletes all that belongs to it. */
export function tenantOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'tenant',
    title: 'tenant',
    permissions: { list: 'shared.read', get: 'tenant.read', write: 'tenants.write' },
    collectionPath: '/v1/tenants',
    idName: 'tenantId',
    params: z.strictObject({ tenantId: TenantId }),
    spec: TenantSpec,
    resource: Tenant,
    example: exampleOf(Tenant, 'acme', {
      name: 'Acme Ltd.',
      planId: 'gold',
      identity: { hosts: ['acme.example.com'] },
    }),
    edit: ({ id }, spec, preconditions) => editTenant(id, spec, preconditions),
  });
}
