import { JwtIssuer, JwtIssuerId, JwtIssuerSpec, TenantId } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { accept } from '../store/outcome.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource, NESTED_PERMISSIONS } from './crud.ts';
import { editNested, type StateCheck } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on JWT issuers. One whose tokens routes take cannot be deleted. */
export function jwtIssuerOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'jwtIssuer',
    title: 'JWT issuer',
    permissions: NESTED_PERMISSIONS,
    collectionPath: '/v1/tenants/{tenantId}/jwt-issuers',
    idName: 'jwtIssuerId',
    params: z.strictObject({ tenantId: TenantId, jwtIssuerId: JwtIssuerId }),
    spec: JwtIssuerSpec,
    resource: JwtIssuer,
    example: exampleOf(JwtIssuer, 'login', {
      issuer: 'https://login.example.com',
      audiences: ['https://api.example.com'],
      jwksUri: 'https://login.example.com/jwks.json',
    }),
    edit: ({ tenantId, id }, spec, preconditions) =>
      editNested(
        { kind: 'jwtIssuer', tenantId: tenantId ?? '', id },
        () => accept(spec),
        preconditions,
        spec === null ? refuseIfUsed(id) : undefined,
      ),
  });
}

function refuseIfUsed(issuerId: string): StateCheck {
  return (current) => {
    const faults = [...current.route.values()].flatMap(({ id, spec }) =>
      (spec.jwt?.issuerIds ?? []).flatMap((value, index) =>
        value === issuerId
          ? {
              path: `routes.${id}.jwt.issuerIds[${index}]`,
              value,
              rule: 'the route takes tokens of this issuer; change or delete the route first',
            }
          : [],
      ),
    );
    return faults.length === 0 ? null : { reason: 'conflict', faults };
  };
}
