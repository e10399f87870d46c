import { Bundle } from '@headgate/model';
import { bundleEdits } from '../apply/bundle-edits.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import type { Change } from '../store/change.ts';
import type { ApiContext } from './api-context.ts';
import { ChangesReply, presentChange } from './change-reply.ts';
import { answerWrite, WRITE_HEADERS, WriteQuery } from './write-options.ts';

/** 10,000 tenants with three endpoints each are about 10 MB. */
const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
const APPLY_DEADLINE_MS = 110_000;

const EXAMPLE = {
  apiVersion: 'headgate/v1',
  plans: { gold: { limits: [{ name: 'per-second', limit: 100, windowMs: 1000 }] } },
  tenants: {
    acme: {
      planId: 'gold',
      identity: { hosts: ['acme.example.com'] },
      upstreams: { api: { endpoints: [{ host: '10.0.0.1', port: 8080 }] } },
      routes: { web: { upstreamId: 'api' } },
    },
  },
};

/** `POST /v1/apply`: brings what a bundle names into the state that it describes, all or nothing. */
export function applyOperation(context: ApiContext): Operation {
  return defineOperation(
    {
      method: 'POST',
      path: '/v1/apply',
      operationId: 'apply',
      summary: 'Apply a bundle in one transaction',
      description:
        'Plans and tenants that the bundle does not name are left alone. Of a tenant that it names, ' +
        'upstreams and routes are replaced as a whole; API keys that it does not name stay.',
      tag: 'apply',
      permission: 'tenant.write',
      params: NOTHING,
      query: WriteQuery,
      body: Bundle,
      bodyExample: EXAMPLE,
      bodyBytesMax: BUNDLE_BYTES_MAX,
      changeMsMax: APPLY_DEADLINE_MS,
      responses: {
        200: {
          description: 'Applied, or (dry run) what applying would change.',
          schema: ChangesReply,
          example: {
            dryRun: false,
            revision: 12,
            changes: [{ action: 'update', kind: 'plan', id: 'gold', fields: ['limits'] }],
          },
          headers: WRITE_HEADERS,
        },
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    async ({ query, body, session }) => {
      return answerWrite(context, session, query, {
        edits: bundleEdits(body),
        options: { deadlineMs: APPLY_DEADLINE_MS },
        replyTo({ revision, changes: all }) {
          const { dryRun } = query;
          const named = all.filter((change) => isNamed(body, change));
          const changes = named.map((change) => presentChange(change, dryRun));
          return { status: 200, body: { dryRun, revision, changes } };
        },
      });
    },
  );
}

/** API keys that the bundle does not name are no part of the answer. */
function isNamed(bundle: Bundle, change: Change): boolean {
  if (change.kind !== 'apiKey') return true;
  const tenants: Readonly<Record<string, Bundle['tenants'][keyof Bundle['tenants']]>> =
    bundle.tenants;
  return Object.hasOwn(tenants[change.tenantId ?? '']?.apiKeys ?? {}, change.id);
}
