import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHttpOrigin } from '@headgate/testkit';
import { configTable, withRatios, type ConfigRow } from '../config-row.ts';
import { EdgeProbe } from '../edge-probe.ts';
import { makePacedChanges } from '../paced-changes.ts';
import { loadTenants } from '../tenants.ts';

const { signal } = new AbortController();

function row(tenants: number, cpuMsPerChange: number): ConfigRow {
  const figures = { p50Ms: 1, p99Ms: 2, maxMs: 3, requests: 10, failedRequests: 0 };
  const profile = `tenants-${tenants}`;
  return { name: 'headgate', profile, tenants, edges: 4, changes: 5, cpuMsPerChange, ...figures };
}

test('rows are compared with the one with the fewest tenants, whatever their order', () => {
  const rows = withRatios([row(1000, 3), row(10, 2)]);
  assert.deepEqual(
    rows.map(({ cpuRatioToFewest }) => cpuRatioToFewest),
    [1.5, null],
  );
  const [head = '', , first = '', second = ''] = configTable(rows);
  assert.match(head, /× fewest/);
  assert.doesNotMatch(head, /cold start/, 'what nobody measured has no column');
  assert.match(first, /1\.50/);
  assert.match(second, /–/);
});

test('tenants are created in batches that hold each of them once', async () => {
  const ids: string[] = [];
  const progress: number[] = [];
  const apply = (bundle: object): Promise<number> => {
    ids.push(...Object.keys((bundle as { tenants: object }).tenants));
    return Promise.resolve(1);
  };
  const onProgress = (loaded: number): void => void progress.push(loaded);
  await loadTenants({ apply }, { count: 6000, endpointPorts: [1], onProgress });
  assert.deepEqual(progress, [2500, 5000, 6000]);
  assert.equal(new Set(ids).size, 6000);
  assert.equal(ids.length, 6000);
});

test('paced changes are made once each, not too many at a time; one that fails ends the run', async () => {
  let underWay = 0;
  let most = 0;
  const made: number[] = [];
  const change = async (index: number): Promise<void> => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    made.push(index);
  };
  const perSecond = await makePacedChanges({ perSecond: 1e6, count: 100, change, signal });
  assert.deepEqual(
    made.toSorted((a, b) => a - b),
    Array.from({ length: 100 }, (_, index) => index),
  );
  assert.ok(most <= 8, `${most} at a time`);
  assert.ok(perSecond > 0);
  const failing = { perSecond: 1e6, count: 5, signal };
  const refuse = (): Promise<void> => Promise.reject(new Error('refused'));
  await assert.rejects(makePacedChanges({ ...failing, change: refuse }), /refused/);
});

test('a probe asks until the answer is 200, and names what is answered instead', async () => {
  let asked = 0;
  const origin = await createHttpOrigin((request, response) => {
    asked += 1;
    const status = request.url === '/changed' && asked >= 3 ? 200 : 404;
    response.writeHead(status, { 'content-length': 0 }).end();
  });
  try {
    const probe = await EdgeProbe.open(origin.port);
    await probe.untilOk('a.test', '/changed', 10_000);
    assert.equal(asked, 3);
    await assert.rejects(
      probe.untilOk('a.test', '/other', 5),
      /a\.test\/other is answered with 404/,
    );
    assert.equal(origin.connectionCount, 1, 'on one kept-alive connection');
    probe.close();
    await assert.rejects(EdgeProbe.open(1), /nobody accepts on port 1/);
  } finally {
    await origin.close();
  }
});
