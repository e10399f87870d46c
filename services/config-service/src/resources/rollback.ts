import { TenantId } from '@headgate/model';
import { z } from 'zod';
import { specsOfDocument } from '../apply/tenant-bundle.ts';
import { formatEtag } from '../http/etag.ts';
import { defineOperation, type Operation } from '../http/operation.ts';
import { problem, problemOfRefusal } from '../http/problems.ts';
import type { ApiContext } from './api-context.ts';
import { ChangesReply, presentChange } from './change-reply.ts';
import { pathWithin } from './crud.ts';
import { editRollback } from './edits.ts';
import { unknownRevision } from './history.ts';
import { answerWrite, WRITE_HEADERS, WriteQuery } from './write-options.ts';

const RollbackBody = z.strictObject({
  revision: z.int().min(1).describe('Revision of the tenant to go back to.'),
  apiKeys: z
    .enum(['keep', 'restore'])
    .default('keep')
    .describe(
      '`keep`: API keys stay as they are now. `restore`: they become those of the revision; keys ' +
        'that were deleted since work again, those made since are gone.',
    ),
});

const RollbackReply = ChangesReply.extend({ rolledBackTo: z.int() });

/** `POST …/rollback`: makes a tenant again what it was at a revision, as a new revision. */
export function rollbackOperation(context: ApiContext): Operation {
  return defineOperation(
    {
      method: 'POST',
      path: '/v1/tenants/{tenantId}/rollback',
      operationId: 'rollbackTenant',
      summary: 'Roll a tenant back to one of its revisions',
      description:
        'One transaction, which makes a new revision. The tenant, its upstreams, JWT issuers and routes ' +
        'become what they were; a deleted tenant comes back. Certificates stay as they are. Plans and shared upstreams are not touched. If-Match ' +
        'takes the newest revision of the history, which every change within the tenant raises.',
      tag: 'history',
      permission: 'tenant.write',
      params: z.strictObject({ tenantId: TenantId }),
      query: WriteQuery,
      body: RollbackBody,
      bodyExample: { revision: 9 },
      conditional: true,
      responses: {
        200: {
          description: 'Rolled back, or (dry run) what that would change.',
          schema: RollbackReply,
          example: {
            ...{ dryRun: false, revision: 13, rolledBackTo: 9 },
            changes: [{ action: 'update', kind: 'route', tenantId: 'acme', id: 'web', fields: [] }],
          },
          headers: { etag: 'Newest revision of the tenant, quoted.', ...WRITE_HEADERS },
        },
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT', 'HG_API_REVISION_MISMATCH'],
    },
    async ({ params: { tenantId }, query, body, preconditions, session }) => {
      const { revision: rolledBackTo, apiKeys } = body;
      const { history } = context.store.as(session);
      const row = await history.get(tenantId, rolledBackTo);
      if (row === null) return unknownRevision(history, tenantId, rolledBackTo);
      if (row.deleted) {
        const rule = 'the tenant was deleted by this revision; to delete it again use DELETE';
        return problem('HG_API_INVALID', {
          errors: [{ path: 'revision', value: rolledBackTo, rule }],
        });
      }
      const wanted = specsOfDocument(row.body);
      if (!wanted.ok) return problemOfRefusal(wanted.refusal);
      const target = { tenantId: null, id: tenantId };
      return answerWrite(context, session, query, {
        edits: editRollback(tenantId, wanted.value, apiKeys, preconditions),
        options: { pathOf: pathWithin('tenant', target), rolledBackTo },
        replyTo({ revision, changes: all, documents, unaltered }) {
          const { dryRun } = query;
          const changes = all
            .filter(({ action }) => action !== 'unchanged')
            .map((change) => presentChange(change, dryRun));
          const body = { dryRun, revision, rolledBackTo, changes };
          if (dryRun) return { status: 200, body };
          const newest = [...documents, ...unaltered][0]?.revision ?? revision;
          return { status: 200, headers: { etag: formatEtag(newest) }, body };
        },
      });
    },
  );
}
