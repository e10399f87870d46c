import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createFaultProxy, waitFor, type FaultProxy } from '@headgate/testkit';
import { hasMetrics, metricValue } from './support/edge-metrics.ts';
import { planDocument, tenantDocument, type TestEdge } from './support/edge-process.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import { createLimitsBench } from './support/limits-bench.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { openTunnel } from './support/open-tunnel.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';

const UPLOAD_BYTES = 64 * 1024 * 1024;
const PIECE = Buffer.alloc(262_144, 'x');
/** More than the kernel keeps on both sides of a worker that has stopped reading. */
const TAKEN_BYTES_MAX = 32 * 1024 * 1024;
const MONTH_BYTES = 100_000;

const bench = await createLimitsBench();
const { redis, origin } = bench;
let proxy: FaultProxy;
let edge: TestEdge;

before(async () => {
  proxy = await createFaultProxy({ port: origin.port });
  const tenant = (id: string, limit: object) =>
    tenantDocument({
      ...{ id, hosts: [`${id}.test`] },
      limits: [{ name: 'bytes', unit: 'request-bytes', ...limit }],
      upstreams: { main: { endpoints: endpointsAt(proxy.port) } },
      routes: { rest: routeTo('main', '/', { idleTimeoutMs: 5000 }) },
    });
  const documents = [
    planDocument(),
    tenant('large', { limit: 1_000_000_000, windowMs: 60_000 }),
    tenant('month', {
      ...{ kind: 'quota', limit: MONTH_BYTES, period: 'month', reserveBytes: 4096 },
    }),
    tenant('tiny', { limit: 10, windowMs: 60_000, onStoreLoss: 'open' }),
  ];
  ({ edge } = await bench.startEdge(documents, { workers: 1 }));
});

after(() => proxy.close());

/** Sends much to an endpoint that reads nothing, until nothing more leaves the client; returns how much did. */
async function takenOf({ socket }: RawClient): Promise<number> {
  let taken = 0;
  const sendAll = async (): Promise<void> => {
    while (taken < UPLOAD_BYTES) {
      if (!socket.write(PIECE)) await new Promise((resolve) => socket.once('drain', resolve));
      taken += PIECE.length;
    }
  };
  let before = -1;
  const isStalled = (): boolean => {
    const wasTaken = before;
    before = taken;
    return before === wasTaken;
  };
  proxy.pause();
  void sendAll(); // never ends if the client is made to wait
  await waitFor(isStalled, { message: 'the client to stall', intervalMs: 300 });
  socket.resetAndDestroy();
  proxy.resume();
  return taken;
}

const upload = (tenant: string, path: string): string =>
  `PUT ${path} HTTP/1.1\r\nHost: ${tenant}.test\r\nTransfer-Encoding: chunked\r\n\r\n`;

test('a client waits for an endpoint that does not read, however often its limit lets bytes pass', async () => {
  const client = await connectRaw(edge.port);
  client.send(`${upload('large', '/stalled')}${UPLOAD_BYTES.toString(16)}\r\n`);
  await waitFor(() => origin.connections.length > 0, { message: 'the request at the endpoint' });
  const taken = await takenOf(client);
  assert.ok(taken <= TAKEN_BYTES_MAX, `the worker took ${taken} bytes`);
});

test('so does the client of a WebSocket', async () => {
  origin.respondWith(() => SWITCHING);
  const handshake = HANDSHAKE.replace(/Host: .*\r\n/, 'Host: large.test\r\n');
  const { client } = await openTunnel(edge.port, origin, handshake);
  const taken = await takenOf(client);
  assert.ok(taken <= TAKEN_BYTES_MAX, `the worker took ${taken} bytes`);
});

test('without Redis a body that must wait for longer than its route does is refused, after small steps, too', async () => {
  const before = await metricValue(edge.admin, 'headgate_limit_degraded_seconds_total');
  await redis.stop();
  await waitFor(() => hasMetrics(edge.admin, 'headgate_limit_degraded 1'), {
    message: 'the worker to do without Redis',
  });
  await waitFor(
    async () => (await metricValue(edge.admin, 'headgate_limit_degraded_seconds_total')) > before,
    { message: 'the time without Redis to be counted' },
  );
  const client = await connectRaw(edge.port);
  const body = 'x'.repeat(2 * MONTH_BYTES);
  client.send(`${upload('month', '/month')}${body.length.toString(16)}\r\n${body}\r\n`);
  assert.equal((await client.response()).status, 429);
  client.close();
});

test('a body of very many steps passes without holding up the worker', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  origin.respondWith(() => answer);
  const client = await connectRaw(edge.port);
  const body = 'x'.repeat(1500);
  client.send(`${upload('tiny', '/tiny')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  assert.equal((await client.response()).status, 200);
  const request = origin.requests.find(({ head }) => head.includes('/tiny'));
  const passed = request?.body.toString('latin1').replaceAll(/[^x]/g, '').length;
  assert.equal(passed, body.length);
  client.close();
});
