import { z } from 'zod';
import { countDrift, findDrift } from '../drift/find-drift.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { problemOfRefusal } from '../http/problems.ts';
import { keepWith } from '../idempotency/keep-with.ts';
import type { ApiContext } from './api-context.ts';
import { ChangeReply, presentChange } from './change-reply.ts';

/** Changes in a reply; the counts are of all. */
const CHANGES_MAX = 1000;

const DriftReply = z.object({
  declared: z
    .object({ at: z.iso.datetime(), by: z.string() })
    .nullable()
    .describe('When and by whom a bundle was last applied with `declare=true`; null: never.'),
  drift: z.boolean().describe('False also if nothing is declared.'),
  since: z.iso
    .datetime()
    .nullable()
    .describe(
      'When it was first seen; null before that, and for principals that do not see all tenants.',
    ),
  revision: z.int().describe('Newest revision that was compared; 0 if nothing is declared.'),
  missing: z.int(),
  different: z.int(),
  notDeclared: z.int().describe('Upstreams and routes that a declared tenant should not have.'),
  changes: z
    .array(ChangeReply)
    .describe('What would bring it back, the first 1,000; those of the tenants of the principal.'),
});

const NOTHING_DECLARED: z.output<typeof DriftReply> = {
  ...{ declared: null, drift: false, since: null, revision: 0 },
  ...{ missing: 0, different: 0, notDeclared: 0, changes: [] },
};

/** Operations about the declared state of the configuration. */
export function driftOperations(context: ApiContext): Operation[] {
  return [defineGet(context), defineDelete(context)];
}

function defineGet({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/drift',
      operationId: 'getDrift',
      summary: 'How the configuration differs from what was declared',
      description:
        'What was declared is the bundle that was last applied with `declare=true`. It is compared for this request. Principals that do not see all tenants hear nothing of what was declared of a deleted tenant whose id a later one has.',
      tag: 'apply',
      permission: 'tenant.read',
      params: NOTHING,
      query: NOTHING,
      body: null,
      responses: {
        200: { description: 'The difference.', schema: DriftReply, example: NOTHING_DECLARED },
      },
      errors: [],
    },
    async ({ session }) => {
      const declared = await store.declaration.get();
      if (declared === null) return { status: 200, body: NOTHING_DECLARED };
      const found = await findDrift(store.as(session), session.scope, declared);
      if (!found.ok) return problemOfRefusal(found.refusal);
      const { revision, changes } = found.value;
      const drift = changes.length > 0;
      // Since when anything drifts says nothing of the tenants of the principal.
      const isWhole = session.scope === 'all';
      const body: z.output<typeof DriftReply> = {
        declared: { at: declared.at.toISOString(), by: declared.by },
        drift,
        since: drift && isWhole ? (declared.driftedAt?.toISOString() ?? null) : null,
        revision,
        ...countDrift(changes),
        changes: changes.slice(0, CHANGES_MAX).map((change) => presentChange(change, true)),
      };
      return { status: 200, body };
    },
  );
}

function defineDelete({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'DELETE',
      path: '/v1/declaration',
      operationId: 'deleteDeclaration',
      summary: 'Declare nothing any more: drift is not watched',
      description: 'Changes nothing else. It is no error if nothing is declared.',
      tag: 'apply',
      permission: 'tenants.write',
      params: NOTHING,
      query: NOTHING,
      body: null,
      responses: { 204: { description: 'Nothing is declared.' } },
      errors: [],
    },
    async ({ session }) => {
      const keep = keepWith(session, () => ({ status: 204 }));
      await store.as(session).removeDeclaration(keep);
      return { status: 204 };
    },
  );
}
