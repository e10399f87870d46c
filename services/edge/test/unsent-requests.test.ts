import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Upstream } from '@headgate/model';
import { DeadlineSweeper, systemClock } from '@headgate/runtime';
import {
  createRecordingOrigin,
  waitFor,
  type OriginConnection,
  type RecordingOrigin,
} from '@headgate/testkit';
import { HeldClock } from '../src/io/held-clock.ts';
import { ReadBuffers } from '../src/io/read-buffers.ts';
import type { CompiledRoute } from '../src/snapshot/compile-tenant.ts';
import { ConnectionBudget } from '../src/upstream/connection-budget.ts';
import { ResponseReaders } from '../src/upstream/response-readers.ts';
import { RetryBudget } from '../src/upstream/retry-budget.ts';
import { UpstreamEndpoint } from '../src/upstream/endpoint.ts';
import { endpointsAt } from './support/one-tenant-edge.ts';
import { withListener } from './support/listener-scene.ts';
import { GET, HOST_LINE, OK } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';

const POST = `POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 4\r\n\r\nbody`;
const STREAMED = `POST / HTTP/1.1\r\n${HOST_LINE}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`;
const UNASKED = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET';

/** A route to one endpoint, without retries. */
function routeTo(origin: RecordingOrigin): { route: CompiledRoute; endpoint: UpstreamEndpoint } {
  const spec = Upstream.parse({ id: 'main', endpoints: endpointsAt(origin.port) });
  const [address] = spec.endpoints;
  assert.ok(address !== undefined);
  const clock = new HeldClock(systemClock);
  const endpoint = new UpstreamEndpoint(address, spec, {
    buffers: new ReadBuffers(),
    sweeper: new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: assert.ifError }),
    clock,
    readers: new ResponseReaders(),
    budget: new ConnectionBudget(Infinity),
  });
  const route = {
    ...{ id: 'all', upstream: { id: 'main', endpoints: [endpoint] }, strippedChars: 0, retries: 0 },
    ...{ requestBodyBytesMax: 1000, cost: 1, limits: null, requiresKey: false },
    ...{ perTryTimeoutMs: 10_000, idleTimeoutMs: 10_000, totalTimeoutMs: 0 },
  };
  const upstream = {
    ...route.upstream,
    picker: { pick: () => endpoint },
    retryBudget: new RetryBudget(),
  };
  return { endpoint, route: { ...route, upstream } as unknown as CompiledRoute }; // all that requests use
}

/**
 * Sends a GET, so that a connection is kept, then `request`. What `spoil` does to the connection is there when the request
 * is forwarded: in the phase of timers, after which sockets are read before anything is written.
 */
async function sendOver(
  spoil: (connection: OriginConnection) => void,
  request: string,
): Promise<{ status: number; body: string; arrived: string[] }> {
  const origin = await createRecordingOrigin({ handler: () => OK });
  const { route, endpoint } = routeTo(origin);
  let result = { status: 0, body: '', arrived: [] as string[] };
  const handle = (exchange: Parameters<Parameters<typeof withListener>[0]['handle'] & {}>[0]) => {
    exchange.context.route = route;
    const [kept] = origin.connections;
    setTimeout(() => {
      if (kept !== undefined) spoil(kept);
      exchange.forward();
      exchange.flush();
    });
  };
  await withListener({ handle }, async ({ port, bugs }) => {
    const client = await connectRaw(port);
    client.send(GET);
    await client.response();
    await waitFor(() => endpoint.pool.idleCount === 1, { message: 'the kept connection' });
    client.send(request);
    const { status, body } = await client.response(1);
    const arrived = origin.requests.map(({ head }) => head.slice(0, head.indexOf(' ')));
    result = { status, body, arrived };
    client.close();
    assert.deepEqual(bugs, []);
  });
  endpoint.pool.retire();
  await origin.close();
  return result;
}

const spoilt: readonly (readonly [string, (connection: OriginConnection) => void])[] = [
  ['an answer to nothing', (connection) => void connection.write(UNASKED)],
  ['a FIN', (connection) => connection.end()],
  ['an RST', (connection) => connection.reset()],
];
for (const [title, spoil] of spoilt) {
  test(`${title} on a kept connection before the request was sent: it goes over another one, even a POST`, async () => {
    assert.deepEqual(await sendOver(spoil, POST), {
      ...{ status: 200, body: 'ok' },
      arrived: ['GET', 'POST'],
    });
  });
}

test('a body that was streamed is gone: 502, and nothing of an answer to nobody', async () => {
  const { status, arrived } = await sendOver((link) => void link.write(UNASKED), STREAMED);
  assert.deepEqual([status, arrived], [502, ['GET']]);
});
