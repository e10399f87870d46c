import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany, type HttpOutcome } from './support/http-client.ts';
import { createLimitsBench, minuteLimit, testKey } from './support/limits-bench.ts';
import { routeTo } from './support/one-tenant-edge.ts';

const KEY = testKey('k');

const bench = await createLimitsBench();
const { origin, upstreams } = bench;

// One more comes back after 20 s: longer than the test.
const pace = { name: 'pace', kind: 'rate', limit: 3, windowMs: 60_000, burst: 10 };
const { http } = await bench.startEdge([
  planDocument({ limits: [{ ...pace, burst: 2 }], keyLimits: [minuteLimit('minute', 4)] }),
  tenantDocument({
    ...{ id: 'paced', hosts: ['paced.test'], limits: [pace], upstreams },
    routes: {
      rest: { upstreamId: 'main' },
      keyed: routeTo('main', '/keyed', { auth: 'api_key' }),
    },
    apiKeys: { one: { key: KEY } },
  }),
]);

const get = (path = '/', headers: Record<string, string> = {}): Promise<HttpOutcome> =>
  http.send({ host: 'paced.test', path, headers });

suite('limits of kind rate', () => {
  test('the window of a key refuses without touching the pace of the tenant', async () => {
    const statuses: number[] = [];
    await runMany(8, 4, async () => {
      statuses.push((await get('/keyed', { 'X-API-Key': KEY })).status);
    });
    assert.equal(statuses.filter((status) => status === 200).length, 4);
  });

  test('exactly the burst passes over all workers; the rest gets 429, the reason and when to return', async () => {
    const outcomes: HttpOutcome[] = [];
    const seen = origin.requests.length;
    await runMany(40, 10, async () => void outcomes.push(await get()));
    const denied = outcomes.filter(({ status }) => status === 429);
    assert.equal(origin.requests.length - seen, 6);
    assert.equal(denied.length, 34);
    for (const { headers, body } of denied) {
      const problem = JSON.parse(body) as Record<string, string>;
      assert.equal(problem['code'], 'HG_LIMIT_EXCEEDED');
      assert.equal(problem['detail'], 'The limit "pace" is exceeded.');
      assert.equal(headers['ratelimit-policy'], '"pace";q=3;w=60;burst=10');
      assert.match(String(headers['ratelimit']), /^"pace";r=0;t=(1\d|20)$/);
      const seconds = Number(headers['retry-after']);
      assert.ok(seconds >= 10 && seconds <= 21, `Retry-After: ${seconds}`);
    }
  });
});
