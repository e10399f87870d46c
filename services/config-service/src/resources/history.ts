import { TenantBundle, TenantId } from '@headgate/model';
import { z } from 'zod';
import { fieldChanges } from '../apply/field-changes.ts';
import { bundleOfDocument } from '../apply/tenant-bundle.ts';
import { formatEtag } from '../http/etag.ts';
import { defineOperation, type Operation, type OperationReply } from '../http/operation.ts';
import { decodeSequenceCursor, pageOf, sequencePageQuery, toPage } from '../http/pagination.ts';
import { problem } from '../http/problems.ts';
import { RevisionParameter } from '../http/query-integer.ts';
import { DELETED_HISTORY_DAYS, HISTORY_REVISIONS_MAX } from '../store/history.ts';
import type { HistoryEntry } from '../store/history.ts';
import { RESOURCE_KINDS } from '../store/kinds.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { HistoryColumns } from '../store/tables.ts';
import type { ApiContext } from './api-context.ts';
import { FieldChangeReply } from './change-reply.ts';

const RETENTION =
  `The newest ${HISTORY_REVISIONS_MAX} revisions of each tenant are kept, those of a deleted ` +
  `tenant for ${DELETED_HISTORY_DAYS} days.`;

const HistoryHead = {
  revision: z.int(),
  at: z.iso.datetime(),
  actor: z.string(),
  source: z.string().describe('Address of the client.'),
  requestId: z.string().nullable(),
  operation: z.string().nullable().describe('Operation of this API, such as `putRoute`.'),
  rolledBackTo: z.int().nullable().describe('The revision that this one restored.'),
  deleted: z.boolean().describe('Whether this revision deleted the tenant.'),
};

const HistoryItem = z.object({
  ...HistoryHead,
  changes: z
    .array(
      z.object({
        action: z.enum(['create', 'update', 'delete', 'unchanged']),
        kind: z.enum(RESOURCE_KINDS),
        id: z.string(),
        fields: z.array(z.string()).describe('Of an update: the first ten paths it changed.'),
      }),
    )
    .describe('The first 20 resources that the revision changed.'),
  changeCount: z.int().describe('How many resources the revision changed.'),
});

const RevisionReply = z.object({
  ...HistoryHead,
  tenant: TenantBundle.nullable().describe(
    'The tenant with all that belonged to it, as in a bundle; null if it was deleted.',
  ),
});

const DiffReply = z.object({
  tenantId: z.string(),
  from: z.int(),
  to: z.int(),
  changes: z.array(FieldChangeReply).describe('In the order of the paths; secrets are hidden.'),
});

const EXAMPLE_HEAD = {
  ...{ revision: 12, at: '2026-01-01T00:00:00.000Z', actor: 'admin', source: '10.0.0.7' },
  ...{ requestId: 'c3c9e8a0-3f5c-4f3e-9a54-0d2c1a2b3c4d', operation: 'putRoute' },
  ...{ rolledBackTo: null, deleted: false },
};

/** Operations that read the history of a tenant. */
export function historyOperations(context: ApiContext): Operation[] {
  return [defineList(context), defineGet(context), defineDiff(context)];
}

function defineList({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/tenants/{tenantId}/history',
      operationId: 'listTenantHistory',
      summary: 'List the revisions of a tenant, newest first',
      description: RETENTION,
      tag: 'history',
      permission: 'tenant.read',
      params: z.strictObject({ tenantId: TenantId }),
      query: sequencePageQuery(),
      body: null,
      responses: {
        200: {
          description: 'A page.',
          schema: pageOf(HistoryItem),
          example: {
            items: [
              {
                ...EXAMPLE_HEAD,
                changes: [{ action: 'update', kind: 'route', id: 'web', fields: ['retries'] }],
                changeCount: 1,
              },
            ],
            nextCursor: null,
          },
        },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { tenantId }, query: { limit, cursor } }) => {
      const before = cursor === undefined ? null : decodeSequenceCursor(cursor);
      const entries = await store.as(session).history.list(tenantId, limit + 1, before);
      if (entries.length === 0 && before === null) return unknownTenant(tenantId);
      const items = entries.map((entry) => ({
        ...presentHead(entry),
        changes: entry.changes,
        changeCount: entry.change_count,
      }));
      return { status: 200, body: toPage(items, limit, ({ revision }) => revision) };
    },
  );
}

function defineGet(context: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/tenants/{tenantId}/history/{revision}',
      operationId: 'getTenantRevision',
      summary: 'Get the whole configuration that a tenant had at a revision',
      description: RETENTION,
      tag: 'history',
      permission: 'tenant.read',
      params: z.strictObject({ tenantId: TenantId, revision: RevisionParameter }),
      query: z.strictObject({}),
      body: null,
      responses: {
        200: {
          description: 'The tenant at this revision.',
          schema: RevisionReply,
          example: { ...EXAMPLE_HEAD, tenant: TenantBundle.parse({ planId: 'gold' }) },
          headers: { etag: 'The revision, quoted.' },
        },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { tenantId, revision } }) => {
      const { history } = context.store.as(session);
      const row = await history.get(tenantId, revision);
      if (row === null) return unknownRevision(history, tenantId, revision);
      const tenant = configurationOf(row);
      const headers = { etag: formatEtag(revision) };
      return { status: 200, headers, body: { ...presentHead(row), tenant } };
    },
  );
}

function defineDiff(context: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/tenants/{tenantId}/diff',
      operationId: 'diffTenant',
      summary: 'Compare two revisions of a tenant field by field',
      description: RETENTION,
      tag: 'history',
      permission: 'tenant.read',
      params: z.strictObject({ tenantId: TenantId }),
      query: z.strictObject({
        from: RevisionParameter,
        to: RevisionParameter.optional().describe('Default: the newest revision.'),
      }),
      body: null,
      responses: {
        200: {
          description: 'What changes from one to the other.',
          schema: DiffReply,
          example: {
            ...{ tenantId: 'acme', from: 9, to: 12 },
            changes: [{ path: 'routes.web.retries', before: 1, after: 2 }],
          },
        },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { tenantId }, query }) => {
      const { history } = context.store.as(session);
      const to = query.to ?? (await history.newestUpTo(tenantId, null));
      if (to === null) return unknownTenant(tenantId);
      const rows = await Promise.all([
        history.get(tenantId, query.from),
        history.get(tenantId, to),
      ]);
      const [before, after] = rows;
      if (before === null) return unknownRevision(history, tenantId, query.from);
      if (after === null) return unknownRevision(history, tenantId, to);
      const changes = fieldChanges(configurationOf(before), configurationOf(after));
      return { status: 200, body: { tenantId, from: query.from, to, changes } };
    },
  );
}

/** The reply for a revision that the tenant does not have, with the one that was in force then. */
export async function unknownRevision(
  history: SessionStore['history'],
  tenantId: string,
  revision: number,
): Promise<OperationReply> {
  const nearest = await history.newestUpTo(tenantId, revision);
  const hint =
    nearest === null
      ? `none as old as that is kept; GET /v1/tenants/${tenantId}/history lists them`
      : `the newest one up to it is ${nearest}`;
  const detail = `tenant "${tenantId}" has no revision ${revision}: ${hint}`;
  return problem('HG_API_NOT_FOUND', { detail });
}

function unknownTenant(tenantId: string): OperationReply {
  return problem('HG_API_NOT_FOUND', { detail: `there is no history of a tenant "${tenantId}"` });
}

function configurationOf({ deleted, body }: HistoryColumns) {
  return deleted ? null : bundleOfDocument(body);
}

function presentHead(row: HistoryEntry | HistoryColumns) {
  return {
    revision: row.revision,
    at: row.at.toISOString(),
    actor: row.actor,
    source: row.source,
    requestId: row.request_id,
    operation: row.operation,
    rolledBackTo: row.rolled_back_to,
    deleted: row.deleted,
  };
}
