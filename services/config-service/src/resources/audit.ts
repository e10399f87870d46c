import { TenantId, TextLine } from '@headgate/model';
import { z } from 'zod';
import { fieldChanges } from '../apply/field-changes.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { decodeSequenceCursor, pageOf, sequencePageQuery, toPage } from '../http/pagination.ts';
import { AUDIT_KINDS, COMPARED_CHARS_MAX, type AuditRow } from '../store/audit.ts';
import type { ApiContext } from './api-context.ts';
import { FieldChangeReply } from './change-reply.ts';

/** Most rows of a page. */
const LIMIT_MAX = 200;
const Action = z.enum(['create', 'update', 'delete']);
const Moment = z.iso.datetime({ offset: true, error: 'must be such as 2026-01-31T12:00:00Z' });

const AuditQuery = sequencePageQuery(LIMIT_MAX).extend({
  tenant: TenantId.optional().describe('The tenant itself and all that belongs to it.'),
  actor: TextLine.min(1).max(300).optional().describe('Who made the change.'),
  action: Action.optional().describe('What was done.'),
  from: Moment.optional().describe('Changes at this moment and later.'),
  to: Moment.optional().describe('Changes up to and at this moment.'),
});

const AuditItem = z.object({
  id: z.int().describe('Rising number of the row.'),
  at: z.iso.datetime(),
  actor: z.string(),
  source: z.string().describe('Address of the client.'),
  requestId: z.string().nullable().describe('`x-request-id` of the reply.'),
  operation: z.string().nullable().describe('Operation of this API, such as `putRoute`.'),
  action: Action,
  kind: z.enum(AUDIT_KINDS),
  tenantId: z.string().optional(),
  resourceId: z.string(),
  revision: z.int().describe('0 for access tokens and declarations, which no document holds.'),
  changes: z.array(FieldChangeReply).describe('Fields before and after; secrets are hidden.'),
  complete: z
    .boolean()
    .describe(
      `False if the resource is larger than ${COMPARED_CHARS_MAX} characters: \`changes\` is empty, ` +
        'the diff of the tenant tells them.',
    ),
});

/** `GET /v1/audit`: every change that was made, newest first. The database refuses to alter it. */
export function auditOperation({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/audit',
      operationId: 'listAudit',
      summary: 'List who changed what, when and from where; newest first',
      description:
        'One row for each resource that a write changed, of the tenants of the caller. Rows are never altered nor deleted: the ' +
        'database refuses it.',
      tag: 'audit',
      permission: 'shared.read',
      params: NOTHING,
      query: AuditQuery,
      body: null,
      responses: {
        200: {
          description: 'A page.',
          schema: pageOf(AuditItem),
          example: {
            items: [
              {
                ...{ id: 40, at: '2026-01-01T00:00:00.000Z', actor: 'admin', source: '10.0.0.7' },
                requestId: 'c3c9e8a0-3f5c-4f3e-9a54-0d2c1a2b3c4d',
                ...{ operation: 'putRoute', action: 'update', kind: 'route', tenantId: 'acme' },
                ...{ resourceId: 'web', revision: 12, complete: true },
                changes: [{ path: 'retries', before: 1, after: 2 }],
              },
            ],
            nextCursor: null,
          },
        },
      },
      errors: [],
    },
    async ({ session, query: { limit, cursor, tenant, actor, action, from, to } }) => {
      const filter = {
        ...{ tenantId: tenant ?? null, actor: actor ?? null, action: action ?? null },
        from: from === undefined ? null : new Date(from),
        to: to === undefined ? null : new Date(to),
      };
      const before = cursor === undefined ? null : decodeSequenceCursor(cursor);
      const rows = await store.as(session).audit(filter, limit + 1, before);
      return { status: 200, body: toPage(rows.map(present), limit, ({ id }) => id) };
    },
  );
}

function present(row: AuditRow): z.output<typeof AuditItem> {
  return {
    id: row.id,
    at: row.at.toISOString(),
    actor: row.actor,
    source: row.source,
    requestId: row.request_id,
    operation: row.operation,
    action: row.action,
    kind: row.kind,
    ...(row.tenant_id === null ? {} : { tenantId: row.tenant_id }),
    resourceId: row.resource_id,
    revision: row.revision,
    changes: fieldChanges(row.before, row.after),
    complete: row.complete,
  };
}
