import { Plan, PlanId, PlanSpec } from '@headgate/model';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource } from './crud.ts';
import { editPlan } from './edits.ts';
import { exampleOf } from './example.ts';

/** Operations on plans. A plan that tenants are on cannot be deleted. */
export function planOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'plan',
    title: 'plan',
    permissions: { list: 'shared.read', get: 'shared.read', write: 'plans.write' },
    collectionPath: '/v1/plans',
    idName: 'planId',
    params: z.strictObject({ planId: PlanId }),
    spec: PlanSpec,
    resource: Plan,
    example: exampleOf(Plan, 'gold', {
      name: 'Gold',
      limits: [{ name: 'per-second', limit: 100, windowMs: 1000 }],
      pool: { entities: 8, limits: [{ name: 'gold-second', limit: 2000, windowMs: 1000 }] },
    }),
    edit: ({ id }, spec, preconditions) => editPlan(id, spec, preconditions),
  });
}
