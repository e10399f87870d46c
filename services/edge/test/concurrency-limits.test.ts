import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import {
  createHttpOrigin,
  createRecordingOrigin,
  startRedis,
  waitFor,
  type HttpOrigin,
  type RecordingOrigin,
  type RedisServer,
} from '@headgate/testkit';
import { hasMetrics } from './support/edge-metrics.ts';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import { createHttpClient, runMany, type HttpClient } from './support/http-client.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { openTunnel } from './support/open-tunnel.ts';
import { connectRaw } from './support/raw-client.ts';

const LIMIT = 3;

let redis: RedisServer;
let tunnels: RecordingOrigin;
let streams: HttpOrigin;
/** Answers under way: their heads are out, their bodies are not. */
let open: ServerResponse[] = [];
let edge: TestEdge;
let http: HttpClient;

before(async () => {
  redis = await startRedis();
  tunnels = await createRecordingOrigin();
  tunnels.respondWith(() => SWITCHING);
  streams = await createHttpOrigin((request, response) => {
    if (request.url !== '/slow') return void response.end('done');
    response.flushHeaders();
    open.push(response);
  });
  const tenant = tenantDocument({
    id: 'a',
    hosts: ['a.test'],
    limits: [{ name: 'busy', kind: 'concurrency', limit: LIMIT }],
    upstreams: {
      streams: { endpoints: endpointsAt(streams.port) },
      tunnels: { endpoints: endpointsAt(tunnels.port) },
    },
    routes: { rest: { upstreamId: 'streams' }, ws: routeTo('tunnels', '/ws') },
  });
  edge = await startTestEdge({
    workers: 2,
    env: { HEADGATE_REDIS_URL: redis.url },
    documents: [planDocument(), tenant],
  });
  http = createHttpClient(edge.port);
  await waitFor(() => hasMetrics(edge.admin, 'headgate_limit_degraded 0'), {
    message: 'all workers to use Redis',
  });
});

after(async () => {
  http.close();
  await edge.stop();
  await Promise.all([redis.stop(), tunnels.close(), streams.close()]);
});

const get = (path = '/') => http.send({ host: 'a.test', path, headers: {} });

const holds = (slots: number): Promise<boolean> =>
  waitFor(() => hasMetrics(edge.admin, `headgate_limit_slots ${slots}`), {
    message: `${slots} slots to be held`,
  });

/** A denial is remembered for 25 ms; afterwards requests pass on every worker. */
const allPass = (): Promise<boolean> =>
  waitFor(async () => (await get()).status === 200, { message: 'a slot' });

/** Starts requests whose answers do not end by themselves. */
async function startSlow(count: number): Promise<Promise<{ readonly status: number }>[]> {
  const answers: Promise<{ readonly status: number }>[] = [];
  for (let index = 0; index < count; index += 1) {
    answers.push(get('/slow'));
    await waitFor(() => open.length === index + 1, { message: 'a stream at the endpoint' });
  }
  return answers;
}

function endStreams(): void {
  for (const response of open) response.end();
  open = [];
}

suite('limits of kind concurrency', () => {
  test('streams count while they live: over both workers no more than the limit, with the reason', async () => {
    const answers = await startSlow(LIMIT);
    await holds(LIMIT);
    for (let round = 0; round < 6; round += 1) {
      const { status, headers, body } = await get();
      assert.equal(status, 429);
      const problem = JSON.parse(body) as Record<string, string>;
      assert.equal(problem['code'], 'HG_LIMIT_EXCEEDED');
      assert.equal(problem['detail'], 'The limit "busy" is exceeded.');
      assert.equal(headers['ratelimit-policy'], `"busy";q=${LIMIT};qu="concurrent-requests"`);
      assert.equal(headers['ratelimit'], '"busy";r=0');
      assert.equal(headers['retry-after'], '1');
    }
    endStreams();
    for (const answer of answers) assert.equal((await answer).status, 200);
    await holds(0);
    await allPass();
  });

  test('a WebSocket holds its slot until it is closed', async () => {
    const handshake = HANDSHAKE.replace(/Host: .*\r\n/, 'Host: a.test\r\n');
    const [first, second, third] = [
      await openTunnel(edge.port, tunnels, handshake),
      await openTunnel(edge.port, tunnels, handshake),
      await openTunnel(edge.port, tunnels, handshake),
    ];
    await holds(LIMIT);
    assert.equal((await get()).status, 429);
    first.client.close();
    first.link.end();
    await holds(LIMIT - 1);
    await allPass();
    second.client.socket.resetAndDestroy();
    third.link.end();
    third.client.close();
    await holds(0);
  });

  test('a client that leaves, while its answer streams or while it is asked for, gives its slot back', async () => {
    for (let round = 0; round < 20; round += 1) {
      const client = await connectRaw(edge.port);
      client.send('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n');
      if (round % 4 === 0) await waitFor(() => open.length > 0, { message: 'the stream' });
      client.socket.resetAndDestroy();
      open = [];
    }
    await holds(0);
    await allPass();
  });

  test('many short requests, no more at once than the limit: nobody is refused for long, no slot is lost', async () => {
    const statuses: number[] = [];
    await runMany(300, LIMIT + 2, async () => void statuses.push((await get()).status));
    assert.ok(statuses.filter((status) => status === 200).length > 0);
    assert.deepEqual(
      statuses.filter((status) => status !== 200 && status !== 429),
      [],
    );
    await holds(0);
    await allPass();
  });
});
