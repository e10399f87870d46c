import { Bundle, ID_PATTERN } from '@headgate/model';
import { z } from 'zod';
import { bundleEdits, leastDocuments } from '../apply/bundle-edits.ts';
import { failedStateCondition, stateOf } from '../apply/bundle-state.ts';
import { prepareCertificates, readCertificates } from '../certificates/prepare-certificate.ts';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';
import { isNamed } from '../apply/is-named.ts';
import { problem, problemOfRefusal } from '../http/problems.ts';
import { entriesOf, readBundle } from '../apply/read-bundle.ts';
import type { Session } from '../access/session.ts';
import { refuseTooLarge } from '../store/commit.ts';
import { refuse, type Outcome } from '../store/outcome.ts';
import { refuseNames } from '../store/write-rule.ts';
import type { ApiContext } from './api-context.ts';
import { ChangesReply, presentChange } from './change-reply.ts';
import { answerWrite, WRITE_HEADERS, WriteQuery } from './write-options.ts';

/** 10,000 tenants with three endpoints each are about 10 MB. */
export const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
const APPLY_DEADLINE_MS = 110_000;

const EXAMPLE = {
  apiVersion: 'headgate/v1',
  plans: { gold: { limits: [{ name: 'per-second', limit: 100, windowMs: 1000 }] } },
  upstreams: { mail: { endpoints: [{ host: '10.0.0.9', port: 8080 }] } },
  tenants: {
    acme: {
      planId: 'gold',
      identity: { hosts: ['acme.example.com'] },
      upstreams: { api: { endpoints: [{ host: '10.0.0.1', port: 8080 }] } },
      jwtIssuers: {
        login: {
          issuer: 'https://login.example.com',
          audiences: ['https://api.example.com'],
          jwksUri: 'https://login.example.com/jwks.json',
        },
      },
      routes: {
        web: { upstreamId: 'api' },
        post: { sharedUpstreamId: 'mail', match: { path: { prefix: '/post' } } },
      },
    },
  },
};

const ApplyQuery = WriteQuery.extend({
  declare: z
    .stringbool()
    .default(false)
    .describe(
      'The bundle is how the configuration is to be from then on: it replaces what was declared before, and ' +
        'drift from it is watched (`GET /v1/drift`). For a platform_admin.',
    ),
});

const ApplyReply = ChangesReply.extend({
  state: z
    .string()
    .optional()
    .describe(
      'Of a dry run: stands for the newest revisions of all that the bundle names. Quoted in If-Match it ' +
        'lets the bundle be applied only if nothing of that has changed since.',
    ),
});

/** `POST /v1/apply`: brings what a bundle names into the state that it describes, all or nothing. */
export function applyOperation(context: ApiContext): Operation {
  return defineOperation(
    {
      method: 'POST',
      path: '/v1/apply',
      operationId: 'apply',
      summary: 'Apply a bundle in one transaction',
      description:
        'Plans, shared upstreams and tenants that the bundle does not name are left alone. Of a tenant that it names, ' +
        'upstreams, JWT issuers and routes are replaced as a whole; API keys and certificates that it does not name stay.',
      tag: 'apply',
      permission: 'tenant.write',
      params: NOTHING,
      query: ApplyQuery,
      body: Bundle,
      bodyExample: EXAMPLE,
      readBody: readOwnBundle,
      bodyBytesMax: BUNDLE_BYTES_MAX,
      changeMsMax: APPLY_DEADLINE_MS,
      conditional: 'state',
      responses: {
        200: {
          description: 'Applied, or (dry run) what applying would change.',
          schema: ApplyReply,
          example: {
            dryRun: false,
            revision: 12,
            changes: [{ action: 'update', kind: 'plan', id: 'gold', fields: ['limits'] }],
          },
          headers: WRITE_HEADERS,
        },
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT', 'HG_API_REVISION_MISMATCH'],
    },
    async ({ query, body, preconditions, session }) => {
      if (query.declare && session.access.role !== 'platform_admin') {
        const detail = 'declare=true is for a platform_admin: it is about all tenants';
        return problem('HG_API_FORBIDDEN', { detail });
      }
      if (session.scope !== 'all') {
        // Before anything is locked. Whoever sees all tenants may take the time, and sends thousands of them.
        const { documentBytesMax } = context;
        const tooLarge = refuseTooLarge(leastDocuments(body), {
          documentBytesMax: documentBytesMax(),
        });
        if (tooLarge !== null) return problemOfRefusal(tooLarge);
      }
      const certificates = await prepareCertificates(context.certificates, body);
      if (!certificates.ok) return problemOfRefusal(certificates.refusal);
      return answerWrite(context, session, query, {
        edits: bundleEdits(body, certificates.value),
        options: {
          deadlineMs: APPLY_DEADLINE_MS,
          ...(query.declare ? { declares: body } : {}),
          precondition: (basis) => failedStateCondition(preconditions, basis),
        },
        replyTo({ revision, changes: all, basis }) {
          const { dryRun } = query;
          const named = all.filter((change) => isNamed(body, change));
          const changes = named.map((change) => presentChange(change, dryRun));
          const state = dryRun ? { state: stateOf(basis) } : {};
          return { status: 200, body: { dryRun, revision, ...state, changes } };
        },
      });
    },
  );
}

/** `POST /v1/compare`: what differs from a bundle, for those who may only read too. */
export function compareOperation({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'POST',
      path: '/v1/compare',
      operationId: 'compareBundle',
      summary: 'Compare what is stored with a bundle',
      description:
        'Tells what applying the bundle would change, and writes nothing. Unlike a dry run it does not tell ' +
        'whether that would be refused: for a host of another tenant, or a plan that is not there.',
      tag: 'apply',
      permission: 'tenant.read',
      isRead: true,
      params: NOTHING,
      query: NOTHING,
      body: Bundle,
      bodyExample: EXAMPLE,
      readBody: readOwnBundle,
      bodyBytesMax: BUNDLE_BYTES_MAX,
      responses: {
        200: {
          description: 'What applying the bundle would change.',
          schema: ChangesReply,
          example: {
            dryRun: true,
            revision: 12,
            changes: [{ action: 'update', kind: 'plan', id: 'gold', fields: ['limits'], diff: [] }],
          },
        },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ body, session }) => {
      const certificates = await readCertificates(body);
      if (!certificates.ok) return problemOfRefusal(certificates.refusal);
      const edits = bundleEdits(body, certificates.value);
      const compared = await store.as(session).compare(edits, APPLY_DEADLINE_MS);
      if (!compared.ok) return problemOfRefusal(compared.refusal);
      const { revision, changes } = compared.value;
      const named = changes.filter((change) => isNamed(body, change));
      const shown = named.map((change) => presentChange(change, true));
      return { status: 200, body: { dryRun: true, revision, changes: shown } };
    },
  );
}

/** Reads a bundle that names nothing but what is the session's; what is not is refused before the schemas run. */
async function readOwnBundle(raw: unknown, { scope }: Session): Promise<Outcome<Bundle>> {
  if (scope === 'all') return readBundle(raw);
  // What is no id is nobody's tenant: the schema names the rule.
  const tenants = Object.keys(entriesOf(raw, 'tenants')).filter((id) => ID_PATTERN.test(id));
  const refusal = refuseNames(scope, {
    tenants,
    plans: Object.keys(entriesOf(raw, 'plans')),
    upstreams: Object.keys(entriesOf(raw, 'upstreams')),
  });
  return refusal === null ? readBundle(raw) : refuse(refusal);
}
