import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { hasMetrics } from './support/edge-metrics.ts';
import { planDocument, startTestEdge, tenantDocument } from './support/edge-process.ts';
import { createHttpClient, runMany, type HttpOutcome } from './support/http-client.ts';
import { createLimitsBench, minuteLimit, testKey } from './support/limits-bench.ts';
import { routeTo } from './support/one-tenant-edge.ts';
import { connectRaw } from './support/raw-client.ts';

const KEY = testKey('k');
const OTHER_KEY = testKey('o');
const LEVELS_KEY = testKey('l');

const bench = await createLimitsBench();
const { origin, upstreams } = bench;

const routes = {
  rest: { upstreamId: 'main' },
  keyed: routeTo('main', '/keyed', { auth: 'api_key' }),
  dear: routeTo('main', '/dear', { cost: 4 }),
  never: routeTo('main', '/never', { cost: 11 }),
  'dear-keyed': routeTo('main', '/keyed/dear', { auth: 'api_key', cost: 3 }),
};
const tenant = (id: string, limits: readonly object[], apiKeys = {}) =>
  tenantDocument({ id, hosts: [`${id}.test`], limits, upstreams, routes, apiKeys });
const { edge, http } = await bench.startEdge([
  planDocument({ keyLimits: [minuteLimit('per-key', 5)] }),
  tenant('ten', [minuteLimit('burst', 10)]),
  tenant('other', [minuteLimit('burst', 10)]),
  tenant('weights', [minuteLimit('units', 10), { name: 'flight', kind: 'concurrency', limit: 5 }]),
  tenant('levels', [minuteLimit('all', 9)], {
    one: { key: LEVELS_KEY, limits: [minuteLimit('per-key', 7)] },
  }),
  tenant('keys', [minuteLimit('all', 1000)], {
    one: { key: KEY },
    two: { key: OTHER_KEY, limits: [minuteLimit('per-key', 2)] },
  }),
  tenant('warm', [minuteLimit('all', 100_000)]),
  tenant('post', [minuteLimit('all', 100_000)]),
]);

const get = (
  host: string,
  path = '/',
  headers: Record<string, string> = {},
): Promise<HttpOutcome> => http.send({ host: `${host}.test`, path, headers });

suite('limits', () => {
  test('exactly the limit passes, over all workers; the rest gets 429 and the reason', async () => {
    const outcomes: HttpOutcome[] = [];
    const seen = origin.requests.length;
    await runMany(60, 10, async () => void outcomes.push(await get('ten')));
    const denied = outcomes.filter(({ status }) => status === 429);
    assert.equal(outcomes.filter(({ status }) => status === 200).length, 10);
    assert.equal(denied.length, 50);
    assert.equal(origin.requests.length - seen, 10);
    for (const { headers, body } of denied) {
      const problem = JSON.parse(body) as Record<string, string>;
      assert.equal(problem['code'], 'HG_LIMIT_EXCEEDED');
      assert.equal(problem['detail'], 'The limit "burst" is exceeded.');
      assert.equal(headers['ratelimit-policy'], '"burst";q=10;w=60');
      assert.match(String(headers['ratelimit']), /^"burst";r=0;t=\d+$/);
      const seconds = Number(headers['retry-after']);
      assert.ok(seconds >= 1 && seconds <= 66, `Retry-After: ${seconds}`);
    }
  });

  test('another tenant with the same limit is not touched; an answer tells what is left', async () => {
    const { status, headers } = await get('other');
    assert.equal(status, 200);
    assert.equal(headers['ratelimit-policy'], '"burst";q=10;w=60');
    assert.match(String(headers['ratelimit']), /^"burst";r=9;t=\d+$/);
  });

  test('each API key has limits of its own, overridden by name', async () => {
    const counts = { [KEY]: 0, [OTHER_KEY]: 0 };
    for (const key of [KEY, OTHER_KEY]) {
      await runMany(12, 4, async () => {
        const { status } = await get('keys', '/keyed', { 'X-API-Key': key });
        if (status === 200) counts[key] = (counts[key] ?? 0) + 1;
      });
    }
    assert.deepEqual(counts, { [KEY]: 5, [OTHER_KEY]: 2 });
  });

  test('the cost of a route counts on every limit; a cost above a limit never passes', async () => {
    const outcomes: string[] = [];
    for (const path of ['/never', '/dear', '/dear', '/dear', '/', '/', '/']) {
      const { status, headers } = await get('weights', path);
      outcomes.push(`${path} ${status}`);
      if (path === '/never') assert.equal(headers['retry-after'], undefined);
      await bench.allReleased(edge);
    }
    assert.deepEqual(outcomes, [
      '/never 429',
      '/dear 200',
      '/dear 200',
      '/dear 429',
      '/ 200',
      '/ 200',
      '/ 429',
    ]);
  });

  test('what one level refuses drains nothing of another', async () => {
    const statuses: number[] = [];
    const ask = async (path: string, headers = {}): Promise<void> =>
      void statuses.push((await get('levels', path, headers)).status);
    const key = { 'X-API-Key': LEVELS_KEY };
    // The key has 7 units, the tenant 9: after two dear requests the key has 1 left, the tenant 3.
    for (let round = 0; round < 6; round += 1) await ask('/keyed/dear', key);
    await ask('/dear');
    await ask('/keyed', key);
    for (let round = 0; round < 3; round += 1) await ask('/');
    assert.deepEqual(statuses, [200, 200, 429, 429, 429, 429, 429, 200, 200, 200, 429]);
  });

  test('a refused key costs nothing', async () => {
    for (let round = 0; round < 5; round += 1) {
      assert.equal(
        (await get('keys', '/keyed', { 'X-API-Key': 'wrong' })).headers['ratelimit'],
        undefined,
      );
    }
  });

  test('bodies and pipelined requests wait for the verdict; the connection goes on', async () => {
    const client = await connectRaw(edge.port);
    const post = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: post.test\r\nContent-Length: 5\r\n\r\nhello`;
    for (let index = 0; index < 20; index += 1) {
      client.send(post(`/${index}`));
      assert.equal((await client.response(index)).status, 200);
    }
    client.send(Array.from({ length: 30 }, (_, index) => post(`/pipelined/${index}`)).join(''));
    assert.equal((await client.response(49)).status, 200);
    client.close();
  });

  test('a client that leaves while the verdict is awaited harms nobody', async () => {
    for (let round = 0; round < 50; round += 1) {
      const client = await connectRaw(edge.port);
      client.send('GET / HTTP/1.1\r\nHost: warm.test\r\n\r\n');
      client.socket.resetAndDestroy();
    }
    assert.equal((await get('warm')).status, 200);
    await waitFor(() => hasMetrics(edge.admin, 'headgate_active_requests 0'), {
      message: 'no request to be left over',
    });
  });

  test('an edge asks Redis from its first request on, however early that comes', async () => {
    const started = await startTestEdge({
      documents: [planDocument(), tenant('ten', [minuteLimit('early', 10)])],
      workers: 1,
      env: { HEADGATE_REDIS_URL: bench.redis.url, HEADGATE_REDIS_TIMEOUT_MS: '250' },
    });
    try {
      const client = createHttpClient(started.port);
      await client.send({ host: 'ten.test', path: '/', headers: {} });
      client.close();
      const asked = 'headgate_limit_decisions_total{outcome="admitted",source="store"} 1';
      assert.ok(await hasMetrics(started.admin, asked));
    } finally {
      await started.stop();
    }
  });
});
