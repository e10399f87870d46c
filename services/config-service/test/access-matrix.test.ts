import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HealthState } from '@headgate/model';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation } from '../src/http/operation.ts';
import { revisionOperation, statusOperation } from '../src/resources/status.ts';
import { Acknowledgements } from '../src/status/acknowledgements.ts';
import type { ClusterView } from '../src/status/cluster-view.ts';
import type { Store } from '../src/store/store.ts';
import { MARKS } from './support/access-fixtures.ts';
import { checkAccess } from './support/access-matrix.ts';
import { startApi, type TestApi } from './support/api.ts';

const FORGETFUL = 'forgetful';

let api: TestApi;
before(async () => {
  api = await startApi({
    extra: (store) => {
      const parts = { store, view: VIEW, bus: { connected: true } };
      return [statusOperation(parts), revisionOperation(parts), forgetfulOperation(store)];
    },
  });
});
after(() => api.close());

/** A cluster that has something to tell of every tenant. */
const VIEW: ClusterView = {
  acknowledgements: new Acknowledgements(() => []),
  edges: () => [
    {
      ...{ id: 'edge-1', live: true, lastSeenMs: 1 },
      info: {
        ...{ zone: 'a', adminAddress: '10.9.9.9:1', revision: 1, documents: 4, synced: true },
        ...{ workers: 1, startedAt: 1, version: '1' },
        rejected: Object.values(MARKS).flatMap((mark) => [
          { key: `tenant.acme-${mark}`, revision: 1, reason: mark },
          { key: `plan.gold-${mark}`, revision: 1, reason: mark },
        ]),
      },
    },
  ],
  healthServices: () => [],
  health: () =>
    Object.values(MARKS).map((mark) =>
      HealthState.parse({
        ...{ v: 1, tenantId: `acme-${mark}`, upstreamId: `api-${mark}`, observedAt: 1 },
        endpoints: [{ id: `${mark}:80`, state: 'unhealthy', since: 1, reason: mark }],
      }),
    ),
  close: () => Promise.resolve(),
};

/** Declares its permission, and then asks the store as the platform in place of the session. */
function forgetfulOperation(store: Store): Operation {
  return defineOperation(
    {
      ...{ method: 'GET', path: '/v1/forgetful', operationId: FORGETFUL, tag: 'x', summary: 'x' },
      ...{ permission: 'shared.read', params: NOTHING, query: NOTHING, body: null, errors: [] },
      responses: { 200: { description: 'x', schema: z.object({}) } },
    },
    async ({ session }) => {
      const everywhere = store.as({ ...session, scope: 'all' });
      return {
        status: 200,
        body: await everywhere.list('tenant', null, { limit: 9, after: null }),
      };
    },
  );
}

test('every operation: each role gets what the document says, and nothing of a foreign tenant', async (t) => {
  const { operations, requests, findings } = await checkAccess(api, (id) => id !== FORGETFUL);
  assert.deepEqual(findings, []);
  t.diagnostic(`${operations.length} operations, ${requests} requests, 0 leaks`);
  assert.ok(operations.includes('listAudit') && operations.includes('getStatus'));
});

test('an operation that forgets the scope is found without a word about it in the test', async () => {
  const { findings } = await checkAccess(api, (id) => id === FORGETFUL);
  const leaks = findings.filter((finding) => finding.includes('leaks'));
  assert.ok(leaks.some((leak) => leak.startsWith('tenant-viewer, forgetful')));
  assert.ok(leaks.some((leak) => leak.startsWith('tenant-admin, forgetful')));
  assert.ok(
    findings.every((finding) => /^tenant-(viewer|admin),/.test(finding)),
    findings.join(),
  );
});
