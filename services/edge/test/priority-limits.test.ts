import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench, minuteLimit, testKey } from './support/limits-bench.ts';
import { routeTo } from './support/one-tenant-edge.ts';

const KEY = testKey('k');

const bench = await createLimitsBench();
const { upstreams } = bench;

const headroom = { normal: 20, bulk: 50 };
const routes = {
  pay: routeTo('main', '/pay', { priority: 'critical' }),
  rest: { upstreamId: 'main' },
  more: routeTo('main', '/more', { priority: 'normal' }),
  export: routeTo('main', '/export', { priority: 'bulk' }),
  sync: routeTo('main', '/sync', { priority: 'bulk' }),
};
const keyed = {
  pay: routeTo('main', '/pay', { priority: 'critical', auth: 'api_key' }),
  export: routeTo('main', '/export', { priority: 'bulk', auth: 'api_key' }),
};
const tenant = (id: string, limits: object[], settings: object = {}) =>
  tenantDocument({ id, hosts: [`${id}.test`], limits, routes, upstreams, ...settings });
const { http } = await bench.startEdge([
  planDocument({ keyLimits: [minuteLimit('key', 20, { headroom })] }),
  tenant('window', [minuteLimit('all', 20, { headroom })]),
  tenant('rate', [minuteLimit('pace', 1, { kind: 'rate', burst: 20, headroom })]),
  tenant('quota', [{ name: 'day', kind: 'quota', limit: 20, period: 'day', headroom }]),
  tenant('consumers', [minuteLimit('each', 20, { headroom, per: 'consumer' })]),
  tenant('plain', [minuteLimit('all', 20)]),
  tenant('keyed', [], { routes: keyed, apiKeys: { one: { key: KEY } } }),
]);

/** Sends `count` requests, 4 at a time; tells how many passed. */
async function passed(count: number, id: string, path: string): Promise<number> {
  let admitted = 0;
  await runMany(count, 4, async () => {
    const { status } = await http.send({
      ...{ host: `${id}.test`, path },
      headers: { 'X-API-Key': KEY },
    });
    if (status === 200) admitted += 1;
    else assert.equal(status, 429);
  });
  return admitted;
}

suite('priorities of routes', () => {
  for (const id of ['window', 'rate', 'quota', 'consumers']) {
    test(`${id}: bulk is refused at its cap, then normal at its own, while critical requests pass`, async () => {
      assert.equal(await passed(8, id, '/export'), 8);
      // Routes of a class share its cap.
      assert.equal(await passed(6, id, '/sync'), 2);
      assert.equal(await passed(6, id, '/export'), 0);
      assert.equal(await passed(4, id, '/more'), 4);
      assert.equal(await passed(6, id, '/'), 2);
      assert.equal(await passed(6, id, '/more'), 0);
      assert.equal(await passed(8, id, '/pay'), 4);
      assert.equal(await passed(3, id, '/export'), 0);
    });
  }

  test('the limit of a key has its headroom, too', async () => {
    assert.equal(await passed(14, 'keyed', '/export'), 10);
    assert.equal(await passed(14, 'keyed', '/pay'), 10);
  });

  test('without a headroom all classes have the whole limit', async () => {
    assert.equal(await passed(24, 'plain', '/export'), 20);
    assert.equal(await passed(4, 'plain', '/pay'), 0);
  });

  test('clients are told what their class can have', async () => {
    const policies = await Promise.all(
      ['/pay', '/', '/export'].map(async (path) => {
        const { headers } = await http.send({ host: 'window.test', path, headers: {} });
        return headers['ratelimit-policy'];
      }),
    );
    assert.deepEqual(policies, ['"all";q=20;w=60', '"all";q=16;w=60', '"all";q=10;w=60']);
  });
});
