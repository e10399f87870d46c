import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  createRecordingOrigin,
  startRedis,
  waitFor,
  type RecordingOrigin,
  type RedisServer,
} from '@headgate/testkit';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import {
  createHttpClient,
  runMany,
  type HttpClient,
  type HttpOutcome,
} from './support/http-client.ts';

const KEY = `hgk_${'k'.repeat(43)}`;

let redis: RedisServer;
let origin: RecordingOrigin;
let edge: TestEdge;
let http: HttpClient;

before(async () => {
  [redis, origin] = await Promise.all([startRedis(), createRecordingOrigin()]);
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const routes = {
    rest: { upstreamId: 'main' },
    keyed: { match: { path: { prefix: '/keyed' } }, upstreamId: 'main', auth: 'api_key' },
  };
  // One more comes back after 20 s: longer than the test.
  const pace = { name: 'pace', kind: 'rate', limit: 3, windowMs: 60_000, burst: 10 };
  const minute = { name: 'minute', limit: 4, windowMs: 60_000 };
  edge = await startTestEdge({
    workers: 2,
    env: { HEADGATE_REDIS_URL: redis.url },
    documents: [
      planDocument({ limits: [{ ...pace, burst: 2 }], keyLimits: [minute] }),
      tenantDocument({
        id: 'paced',
        hosts: ['paced.test'],
        limits: [pace],
        upstreams,
        routes,
        apiKeys: { one: { key: KEY } },
      }),
    ],
  });
  http = createHttpClient(edge.port);
  await waitFor(
    async () => {
      const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
      return /^headgate_limit_degraded 0$/m.test(metrics);
    },
    { message: 'all workers to use Redis' },
  );
});

after(async () => {
  await Promise.all([redis.stop(), origin.close()]);
  await edge.stop();
  http.close();
});

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
