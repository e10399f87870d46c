import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench, minuteLimit, testKey } from './support/limits-bench.ts';
import { routeTo } from './support/one-tenant-edge.ts';

const KEY = testKey('k');
const OTHER_KEY = testKey('o');

const bench = await createLimitsBench();
const { redis, upstreams } = bench;

const apiKeys = { one: { key: KEY }, two: { key: OTHER_KEY } };
const tenant = (id: string, limits: object[], routes: Readonly<Record<string, object>>) =>
  tenantDocument({ id, hosts: [`${id}.test`], limits, routes, apiKeys, upstreams });
const perAddress = { per: 'client-ip' };
const { edge, http } = await bench.startEdge(
  [
    planDocument({ limits: [minuteLimit('all', 12)], keyLimits: [minuteLimit('key', 1000)] }),
    tenant('routes', [], {
      rest: { upstreamId: 'main' },
      dear: routeTo('main', '/dear', { limits: [minuteLimit('dear', 4)] }),
      other: routeTo('main', '/other', { limits: [minuteLimit('dear', 5)] }),
    }),
    tenant('each', [minuteLimit('all', 1000), minuteLimit('ip', 3, perAddress)], {
      rest: { upstreamId: 'main' },
      keyed: routeTo('main', '/keyed', {
        ...{ auth: 'api_key', limits: [minuteLimit('user', 5, { per: 'consumer' })] },
      }),
    }),
    tenant('flood', [minuteLimit('all', 100_000), minuteLimit('ip', 1, perAddress)], {
      rest: { upstreamId: 'main' },
    }),
  ],
  { env: { HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.1' } },
);

/** Sends `count` requests, 4 at a time; tells how many passed. */
async function passed(
  count: number,
  tenant: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  let admitted = 0;
  await runMany(count, 4, async () => {
    const { status } = await http.send({ host: `${tenant}.test`, path, headers });
    if (status === 200) admitted += 1;
    else assert.equal(status, 429);
  });
  return admitted;
}

/** Asks Redis in its own protocol how many keys match, and when the first and the last of them expire. */
async function keysOf(pattern: string): Promise<Record<'keys' | 'ttlMinMs' | 'ttlMaxMs', number>> {
  const script = `local found, low, high = redis.call('KEYS', ARGV[1]), 1e12, -1
    for i = 1, #found do
      local ttl = redis.call('PTTL', found[i])
      low, high = math.min(low, ttl), math.max(high, ttl)
    end
    return {#found, low, high}`;
  const words = ['EVAL', script, '0', pattern];
  const socket = connect(redis.port, redis.host);
  socket.write(`*4\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
  let reply = '';
  for await (const chunk of socket) {
    reply += String(chunk);
    if (reply.split('\r\n').length > 4) break;
  }
  const [keys = -1, ttlMinMs = -1, ttlMaxMs = -1] = [...reply.matchAll(/:(-?\d+)/g)].map((match) =>
    Number(match[1]),
  );
  return { keys, ttlMinMs, ttlMaxMs };
}

const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });

suite('limits of routes and consumers', () => {
  test('a route has limits of its own; what they refuse costs the tenant nothing', async () => {
    assert.equal(await passed(10, 'routes', '/dear'), 4);
    // Another route's limit of the same name is another limit.
    assert.equal(await passed(10, 'routes', '/other'), 5);
    assert.equal(await passed(10, 'routes', '/'), 3);
  });

  test('each client address has a counter of its own, IPv6 by /64, over all workers', async () => {
    assert.equal(await passed(8, 'each', '/', from('192.0.2.1')), 3);
    assert.equal(await passed(8, 'each', '/', from('192.0.2.2')), 3);
    assert.equal(await passed(8, 'each', '/', from('2001:db8:0:1::1')), 3);
    assert.equal(await passed(3, 'each', '/', from('2001:db8:0:1:ffff::2')), 0);
    assert.equal(await passed(8, 'each', '/', from('2001:db8:0:2::1')), 3);
    // What a client itself puts in front is not heard.
    assert.equal(await passed(3, 'each', '/', from('192.0.2.99, 192.0.2.1')), 0);
  });

  test('a consumer is the API key, from whatever address; a refusal names limit and policy', async () => {
    let admitted = 0;
    for (let client = 0; client < 4; client += 1) {
      const headers = { 'X-API-Key': KEY, ...from(`198.51.100.${client}`) };
      admitted += await passed(3, 'each', '/keyed', headers);
    }
    assert.equal(admitted, 5);
    const other = { 'X-API-Key': OTHER_KEY, ...from('198.51.100.200') };
    assert.equal(await passed(3, 'each', '/keyed', other), 3);
    const refused = await http.send({
      ...{ host: 'each.test', path: '/keyed' },
      headers: { 'X-API-Key': KEY, ...from('198.51.100.201') },
    });
    assert.match(refused.body, /The limit \\"user\\" is exceeded/);
    assert.match(String(refused.headers['ratelimit-policy']), /^"user";q=5;w=60, /);
    const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
    assert.match(
      metrics,
      /headgate_limit_denials_total\{(kind="window",level="route"|level="route",kind="window")\} 11/,
    );
    assert.match(metrics, /headgate_limit_denials_total\{[^}]*level="consumer"[^}]*\} \d+/);
  });

  test('thousands of addresses leave keys in Redis that all expire; the edge goes on', async () => {
    await runMany(3000, 32, async (index) => {
      const headers = from(`203.0.${113 + (index >> 8)}.${index & 255}`);
      const send = () => http.send({ host: 'flood.test', path: '/', headers });
      let { status } = await send();
      // On a busy machine Redis may answer too late, and a worker's share of such a limit is nothing. What came late counts.
      const wasLate = status === 503;
      const isDecided = async () => ({ status } = await send()).status !== 503;
      if (wasLate) await waitFor(isDecided, { message: 'Redis to be in use again' });
      assert.ok(status === 200 || (wasLate && status === 429), `status ${status}`);
    });
    const { keys, ttlMaxMs, ttlMinMs } = await keysOf('hg:{t:flood}:w:tc:*');
    assert.equal(keys, 3000);
    assert.ok(ttlMinMs > 0 && ttlMaxMs <= 62_000, `TTL from ${ttlMinMs} to ${ttlMaxMs} ms`);
  });
});
