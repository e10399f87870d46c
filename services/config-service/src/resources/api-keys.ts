import { hash } from 'node:crypto';
import { API_KEY_PREFIX, ApiKey, ApiKeyId, ApiKeySpec, TenantId } from '@headgate/model';
import { z } from 'zod';
import { formatEtag } from '../http/etag.ts';
import { defineOperation, type Operation } from '../http/operation.ts';
import type { Edits } from '../store/commit.ts';
import { accept, refuse } from '../store/outcome.ts';
import type { ApiContext } from './api-context.ts';
import { ChangesReply } from './change-reply.ts';
import {
  defineResource,
  dryRunReply,
  NESTED_PERMISSIONS,
  pathWithin,
  present,
  resourceReply,
  storedAfter,
  type Target,
} from './crud.ts';
import { editNested } from './edits.ts';
import { exampleOf } from './example.ts';
import { answerWrite, WRITE_HEADERS, WriteQuery } from './write-options.ts';

const COLLECTION = '/v1/tenants/{tenantId}/api-keys';
const Params = z.strictObject({ tenantId: TenantId, apiKeyId: ApiKeyId });
/** 32 bytes are 43 characters in base64url. */
const SECRET_BYTES = 32;
const HINT_CHARS = 10;
const NO_CONDITIONS = { ifMatch: null, ifNoneMatch: null } as const;

const EXAMPLE = exampleOf(ApiKey, 'mobile', {
  name: 'Mobile app',
  expiresAt: '2027-01-01T00:00:00Z',
  sha256: hash('sha256', 'example'),
  hint: 'hgk_Zm9vYm',
});
const EXAMPLE_SPEC = { name: 'Mobile app', expiresAt: '2027-01-01T00:00:00Z' };

/** Operations on API keys. A key is made by POST and shown in that one reply; its hash is kept. */
export function apiKeyOperations(context: ApiContext): Operation[] {
  const common = defineResource(context, {
    kind: 'apiKey',
    title: 'API key',
    permissions: NESTED_PERMISSIONS,
    collectionPath: COLLECTION,
    idName: 'apiKeyId',
    params: Params,
    spec: ApiKeySpec,
    resource: ApiKey,
    example: { spec: EXAMPLE_SPEC, resource: EXAMPLE.resource },
    edit: (target, spec, preconditions) =>
      editNested(
        nestedTarget(target),
        (stored) => {
          if (spec === null) return accept(null);
          if (stored === null) {
            const detail = `there is no API key "${target.id}"; POST creates one`;
            return refuse({ reason: 'not_found', detail });
          }
          const { sha256, hint } = stored.spec;
          return accept({ ...spec, sha256, hint });
        },
        preconditions,
      ),
  });
  return [...common, defineCreate(context)];
}

function defineCreate(context: ApiContext): Operation {
  const schema = resourceReply(ApiKey).extend({
    key: z.string().describe('The key itself. It is shown this once and cannot be read again.'),
    converged: z.boolean().optional(),
  });
  const key = `${API_KEY_PREFIX}${'Zm9vYmFy'.padEnd(43, 'A')}`;
  return defineOperation(
    {
      method: 'POST',
      path: `${COLLECTION}/{apiKeyId}`,
      operationId: 'createApiKey',
      summary: 'Create an API key',
      tag: 'API key',
      permission: 'tenant.write',
      isSecret: true,
      params: Params,
      query: WriteQuery,
      body: ApiKeySpec,
      bodyExample: EXAMPLE_SPEC,
      responses: {
        200: { description: 'What a dry run would change.', schema: ChangesReply },
        201: {
          description: 'Created. This reply is the only one that holds the key.',
          schema,
          example: { ...EXAMPLE.resource, key },
          headers: { etag: 'Revision of the resource, quoted.', ...WRITE_HEADERS },
        },
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    async ({ params, query, body, session }) => {
      const target = { tenantId: params.tenantId, id: params.apiKeyId };
      const secret = API_KEY_PREFIX + context.randomBytes(SECRET_BYTES).toString('base64url');
      return answerWrite(context, session, query, {
        edits: createKey(target, body, secret),
        options: { pathOf: pathWithin('apiKey', target) },
        replyTo(committed) {
          if (query.dryRun) return dryRunReply(committed);
          const { resource } = storedAfter<unknown>(committed, 'apiKey', target.id);
          const headers = { etag: formatEtag(resource.revision) };
          return { status: 201, headers, body: { ...present(resource), key: secret } };
        },
      });
    },
  );
}

function createKey(target: Target, spec: ApiKeySpec, secret: string): Edits {
  return editNested(
    nestedTarget(target),
    (stored) => {
      if (stored !== null) {
        const rule = `there is an API key "${target.id}" already; delete it or choose another id`;
        return refuse({ reason: 'conflict', faults: [{ path: '', rule }] });
      }
      const sha256 = hash('sha256', secret);
      return accept({ ...spec, sha256, hint: secret.slice(0, HINT_CHARS) });
    },
    NO_CONDITIONS,
  );
}

function nestedTarget({ tenantId, id }: Target) {
  return { kind: 'apiKey', tenantId: tenantId ?? '', id } as const;
}
