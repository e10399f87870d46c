import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { createHttpOrigin, startStopwatch, waitFor, type HttpOrigin } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';

/** More than all the buffers on the way take. */
const BIG_BYTES = 32_000_000;
const CLIENTS = 20;
/** Of the route: far more than a client that is gone may hold on to its connections, where nothing else is said. */
const IDLE_TIMEOUT_MS = 60_000;
/** How long the endpoint may take to begin its answer. */
const ANSWER_TIMEOUT_MS = 1500;
/** More than the edge holds of what comes ahead of its time (64 KiB), so that it stops reading. */
const PIPELINED = 3000;

let origin: HttpOrigin;
let edge: TestEdge;
/** Big answers that the endpoint has begun. */
const answers: ServerResponse[] = [];

before(async () => {
  const big = Buffer.alloc(BIG_BYTES);
  origin = await createHttpOrigin((request, response) => {
    if (request.url !== '/big') return; // never answered
    response.end(big);
    answers.push(response);
  });
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const routes = {
    all: {
      upstreamId: 'main',
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      perTryTimeoutMs: ANSWER_TIMEOUT_MS,
      retries: 0,
    },
  };
  edge = await startTestEdge({
    documents: [planDocument(), tenantDocument({ id: 'a', hosts: ['a.test'], upstreams, routes })],
  });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

/** Open connections: to clients, and to endpoints for a request. */
async function connections(): Promise<readonly [number, number]> {
  return [
    await metricValue(edge.admin, 'headgate_downstream_connections'),
    await metricValue(edge.admin, 'headgate_upstream_connections{state="active"}'),
  ];
}

/** Clients that send request after request for `path` and never read. */
async function neverReaders(path: string): Promise<readonly RawClient[]> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => connectRaw(edge.port, { paused: true })),
  );
  const request = `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  for (const client of clients) client.send(request.repeat(PIPELINED));
  await waitFor(async () => (await connections()).join() === `${CLIENTS},${CLIENTS}`, {
    message: 'every client to be served',
  });
  return clients;
}

/** Resolves when nothing moves any more, the same amount unsent at both ends: the edge has stopped reading both. */
async function stuck(clients: readonly RawClient[]): Promise<void> {
  let unsent = '';
  const isStuck = (): boolean => {
    const before = unsent;
    unsent = [...answers, ...clients.map(({ socket }) => socket)]
      .map(({ writableLength }) => writableLength)
      .join();
    return answers.length === CLIENTS && unsent === before;
  };
  await waitFor(isStuck, { message: 'the clients to be stuck', intervalMs: 150 });
}

suite('clients that send much, read nothing and reset', () => {
  test('with an answer under way: gone at once, on both sides', async () => {
    const clients = await neverReaders('/big');
    await stuck(clients);
    for (const { socket } of clients) socket.resetAndDestroy();
    await waitFor(async () => (await connections()).join() === '0,0', {
      message: 'the connections to be gone',
      describe: connections,
    });
  });

  test('before the answer: once the endpoint answers, or should have', async () => {
    const stopwatch = startStopwatch();
    const clients = await neverReaders('/silent');
    for (const { socket } of clients) socket.resetAndDestroy();
    await waitFor(async () => (await connections()).join() === '0,0', {
      message: 'the connections to be gone',
      describe: connections,
    });
    assert.ok(stopwatch.stop() < ANSWER_TIMEOUT_MS + 3000);
  });
});
