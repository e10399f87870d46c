import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgres, type PostgresServer } from '@headgate/testkit';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation } from '../src/http/operation.ts';
import type { Store } from '../src/store/store.ts';
import { clusterOperationsOfAll } from './support/access-cluster.ts';
import { checkAccess } from './support/access-matrix.ts';
import { startApi, type TestApi } from './support/api.ts';

const FORGETFUL = 'forgetful';

// On PostgreSQL, as thousands of requests take PGlite half a minute.
let server: PostgresServer;
let api: TestApi;
before(async () => {
  server = await startPostgres();
  api = await startApi({
    location: { kind: 'postgres', url: server.url },
    extra: (store) => {
      return [...clusterOperationsOfAll(store), forgetfulOperation(store)];
    },
  });
});
after(async () => {
  await api.close();
  await server.stop();
});

/** Declares its permission, and then asks the store as the platform in place of the session. */
function forgetfulOperation(store: Store): Operation {
  return defineOperation(
    {
      ...{ method: 'GET', path: '/v1/forgetful', operationId: FORGETFUL, tag: 'x', summary: 'x' },
      ...{ permission: 'shared.read', params: NOTHING, query: NOTHING, body: null, errors: [] },
      responses: { 200: { description: 'x', schema: z.object({}) } },
    },
    async ({ session }) => {
      const access = { role: 'platform_admin', tenants: 'all' } as const;
      const everywhere = store.as({ ...session, access, scope: 'all' });
      return {
        status: 200,
        body: await everywhere.list('tenant', null, { limit: 9, after: null }),
      };
    },
  );
}

test('every operation: each role gets what the document says, and nothing of a foreign tenant', async (t) => {
  const { operations, requests, findings } = await checkAccess(api, {
    isAsked: (id) => id !== FORGETFUL,
  });
  assert.deepEqual(findings, []);
  t.diagnostic(`${operations.length} operations, ${requests} requests, 0 leaks`);
  assert.ok(operations.includes('listAudit') && operations.includes('replayLimits'));
});

test('an operation that forgets the scope is found without a word about it in the test', async () => {
  const { findings } = await checkAccess(api, { isAsked: (id) => id === FORGETFUL });
  const leaks = findings.filter((finding) => finding.includes('leaks'));
  assert.ok(leaks.some((leak) => leak.startsWith('tenant-viewer, forgetful')));
  assert.ok(leaks.some((leak) => leak.startsWith('tenant-admin, forgetful')));
  assert.ok(
    findings.every((finding) => /^tenant-(viewer|admin),/.test(finding)),
    findings.join(),
  );
});
