import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, suite, test } from 'node:test';
import { createHttpOrigin, waitFor } from '@headgate/testkit';
import { hasMetrics } from './support/edge-metrics.ts';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import { runMany } from './support/http-client.ts';
import { createLimitsBench } from './support/limits-bench.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { openTunnel } from './support/open-tunnel.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';

const LIMIT = 3;
const GET_AND_CLOSE = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';

/** Answers under way: their heads are out, their bodies are not. */
let open: ServerResponse[] = [];

const bench = await createLimitsBench();
const { origin: tunnels } = bench;
tunnels.respondWith(() => SWITCHING);
const streams = await createHttpOrigin((request, response) => {
  if (request.url !== '/slow') return void response.end('done');
  response.flushHeaders();
  open.push(response);
});
after(() => streams.close());
const { edge, http } = await bench.startEdge([
  planDocument(),
  tenantDocument({
    ...{ id: 'a', hosts: ['a.test'] },
    limits: [{ name: 'busy', kind: 'concurrency', limit: LIMIT }],
    upstreams: { streams: { endpoints: endpointsAt(streams.port) }, tunnels: bench.upstreams.main },
    routes: { rest: { upstreamId: 'streams' }, ws: routeTo('tunnels', '/ws') },
  }),
]);

const get = (path = '/') => http.send({ host: 'a.test', path, headers: {} });

const holds = (slots: number): Promise<boolean> =>
  waitFor(() => hasMetrics(edge.admin, `headgate_limit_slots ${slots}`), {
    message: `${slots} slots to be held`,
  });

/** A denial is remembered for 25 ms: then requests pass on every worker, to which new connections lead. */
const allPass = (): Promise<boolean> =>
  waitFor(
    async () => {
      for (let connection = 0; connection < 12; connection += 1) {
        if ((await requestOnce(edge.port, GET_AND_CLOSE)).status !== 200) return false;
      }
      return true;
    },
    { message: 'slots on both workers' },
  );

/** All slots return, and can be had again. */
const allFree = async (): Promise<void> => {
  await bench.allReleased(edge);
  await allPass();
  await bench.allReleased(edge);
};

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
    await allFree();
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
    await bench.allReleased(edge);
  });

  test('a client that leaves, while its answer streams or while it is asked for, gives its slot back', async () => {
    for (let round = 0; round < 20; round += 1) {
      const streamsFirst = round % 4 === 0;
      if (streamsFirst) await allFree(); // or it is refused, as the clients before have just left
      const client = await connectRaw(edge.port);
      client.send('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n');
      if (streamsFirst) await waitFor(() => open.length > 0, { message: 'the stream' });
      client.socket.resetAndDestroy();
      open = [];
    }
    await allFree();
  });

  test('many short requests, no more at once than the limit: nobody is refused for long, no slot is lost', async () => {
    const statuses: number[] = [];
    await runMany(300, LIMIT + 2, async () => void statuses.push((await get()).status));
    assert.ok(statuses.filter((status) => status === 200).length > 0);
    assert.deepEqual(
      statuses.filter((status) => status !== 200 && status !== 429),
      [],
    );
    await allFree();
  });
});
