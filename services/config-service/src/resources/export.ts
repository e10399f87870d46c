import { TenantBundle, TenantId } from '@headgate/model';
import { z } from 'zod';
import { bundleOfDocument } from '../apply/tenant-bundle.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { decodeCursor, pageQuery, toPage } from '../http/pagination.ts';
import type { ApiContext } from './api-context.ts';

/** Tenants of a page; the document of each has at most 1 MiB. */
const LIMIT_MAX = 50;

const ExportReply = z.object({
  tenants: z
    .record(TenantId, TenantBundle)
    .describe('The tenants of the page with all that belongs to them, as in a bundle.'),
  nextCursor: z.string().nullable().describe('Null on the last page.'),
});

/** `GET /v1/export`: tenants in the form of a bundle, each of one moment. */
export function exportOperation({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/export',
      operationId: 'exportTenants',
      summary: 'Tenants as in a bundle, in the order of their ids',
      description: 'Each tenant is of one moment; the pages are not of the same one.',
      tag: 'apply',
      permission: 'shared.read',
      params: NOTHING,
      query: pageQuery(decodeCursor, LIMIT_MAX),
      body: null,
      responses: {
        200: {
          description: 'A page.',
          schema: ExportReply,
          example: { tenants: { acme: TenantBundle.parse({ planId: 'gold' }) }, nextCursor: null },
        },
      },
      errors: [],
    },
    async ({ session, query: { limit, cursor } }) => {
      const after = cursor === undefined ? null : decodeCursor(cursor);
      const documents = await store.as(session).tenantDocuments({ limit: limit + 1, after });
      const { items, nextCursor } = toPage(documents, limit, ({ id }) => id);
      const tenants = Object.fromEntries(items.map(({ id, body }) => [id, bundleOfDocument(body)]));
      return { status: 200, body: { tenants, nextCursor } };
    },
  );
}
