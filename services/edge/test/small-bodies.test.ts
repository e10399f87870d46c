import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import type { TestEdge } from './support/edge-process.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET, HOST_LINE, OK } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';
import { whileSending } from './support/while-sending.ts';

/** A head that announces a body of so many bytes. */
const post = (bytes: number, lines = ''): string =>
  `POST / HTTP/1.1\r\n${HOST_LINE}${lines}Content-Length: ${bytes}\r\n\r\n`;

suite('small bodies are read before an endpoint is asked', () => {
  let origin: RecordingOrigin;
  let edge: TestEdge;
  let requestsBefore = 0;

  before(async () => {
    origin = await createRecordingOrigin();
    const env = { HEADGATE_EDGE_BODY_STALL_MS: '800', HEADGATE_EDGE_CLIENT_RATE_MIN: '10000' };
    const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
    edge = await startOneTenantEdge(
      { upstreams, routes: { all: { upstreamId: 'main' } } },
      { env },
    );
  });

  after(async () => {
    await origin.close();
    await edge.stop();
  });

  beforeEach(() => {
    origin.respondWith(() => OK);
    requestsBefore = origin.requests.length;
  });

  const bodies = (): string[] =>
    origin.requests.slice(requestsBefore).map(({ body }) => body.toString('latin1'));
  const bytesAtOrigin = (): number =>
    origin.connections.reduce((sum, connection) => sum + connection.received().length, 0);
  const activeRequests = (): Promise<number> => metricValue(edge.admin, 'headgate_active_requests');

  test('in two pieces: the endpoint hears of it with the second one, and gets all of it', async () => {
    const client = await connectRaw(edge.port);
    const before = bytesAtOrigin();
    client.send(`${post(10)}01234`);
    await waitFor(async () => (await activeRequests()) === 1, { message: 'the request to begin' });
    assert.equal(bytesAtOrigin(), before);
    client.send('56789');
    assert.equal((await client.response()).body, 'ok');
    assert.deepEqual(bodies(), ['0123456789']);
    client.close();
  });

  test('whatever the cuts, requests behind it are served in their order', async () => {
    const client = await connectRaw(edge.port);
    const text = `${post(3)}abc${post(0)}${post(4)}defg${GET}`;
    await client.sendPieces([...text].map((letter) => Buffer.from(letter, 'latin1')));
    assert.equal((await client.response(3)).status, 200);
    assert.deepEqual(bodies(), ['abc', '', 'defg', '']);
    client.close();
  });

  test('one that drips gets 408, the connection closes, and no endpoint hears of it', async () => {
    const client = await connectRaw(edge.port);
    const before = bytesAtOrigin();
    client.send(post(10_000));
    await whileSending(client, 'x', 20, () => client.closed(8000));
    assert.match(client.received(), /^HTTP\/1\.1 408 .*Connection: close/s);
    assert.equal(bytesAtOrigin(), before);
    client.close();
  });

  test('one that is cut off by FIN or RST reaches no endpoint', async () => {
    const before = bytesAtOrigin();
    for (const end of ['end', 'resetAndDestroy'] as const) {
      const client = await connectRaw(edge.port);
      client.send(`${post(10)}0123`);
      await waitFor(async () => (await activeRequests()) === 1, {
        message: 'the request to begin',
      });
      client.socket[end]();
      await waitFor(async () => (await activeRequests()) === 0, { message: 'the request to end' });
      client.close();
    }
    assert.equal(bytesAtOrigin(), before);
  });

  test('a client that waits for 100 Continue gets it from the endpoint', async () => {
    origin.respondWith((request) => (request.body.length === 4 ? OK : undefined));
    const client = await connectRaw(edge.port);
    const before = bytesAtOrigin();
    client.send(post(4, 'Expect: 100-continue\r\n'));
    await waitFor(() => bytesAtOrigin() > before, { message: 'the head to arrive' });
    client.send('body');
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(bodies(), ['body']);
    client.close();
  });

  test('a body beyond 16 KiB, or of unknown length, is passed on as it comes', async () => {
    for (const head of [
      post(16_385),
      post(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked'),
    ]) {
      const client = await connectRaw(edge.port);
      const before = bytesAtOrigin();
      client.send(head);
      await waitFor(() => bytesAtOrigin() > before, { message: 'the head to arrive' });
      client.close();
    }
  });
});
