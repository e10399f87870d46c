import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { ACCEPT, HANDSHAKE, KEY, SWITCHING } from './support/handshake.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { openTunnel, type OpenTunnel } from './support/open-tunnel.ts';
import { GET, OK } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';
import { valuesOf } from './support/recorded-head.ts';

const IDLE_MS = 700;
/** What a tunnel has left once one of its sides has sent FIN, and what may pass until that is seen. */
const HALF_CLOSED_MS = 5000;
const LATE_MS = 1500;

let origin: RecordingOrigin;
let edge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = {
    rest: { upstreamId: 'main' },
    brief: routeTo('main', '/brief', { idleTimeoutMs: IDLE_MS }),
    keyed: routeTo('main', '/keyed', { auth: 'api_key' }),
  };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

beforeEach(() => origin.respondWith(() => SWITCHING));

const openTo = (handshake = HANDSHAKE): Promise<OpenTunnel> =>
  openTunnel(edge.port, origin, handshake);

/** Waits until exactly these bytes have come to the endpoint. */
const arrived = ({ toEndpoint }: OpenTunnel, text: string): Promise<boolean> =>
  waitFor(() => toEndpoint().toString('latin1') === text, { message: `${text} to arrive` });

suite('WebSocket', () => {
  test('the handshake passes, bytes go both ways unread', async () => {
    const tunnel = await openTo();
    const { client, link } = tunnel;
    assert.deepEqual(valuesOf(origin.requests.at(-1), 'upgrade'), ['websocket']);
    assert.deepEqual(valuesOf(origin.requests.at(-1), 'connection'), ['upgrade']);
    const [response] = client.responses();
    assert.equal(response?.get('upgrade'), 'websocket');
    assert.equal(response?.get('sec-websocket-accept'), ACCEPT);
    client.send('\x81\x05hello\0\r\n\r\n');
    await arrived(tunnel, '\x81\x05hello\0\r\n\r\n');
    link.write('\x81\x05world');
    await waitFor(() => client.received().endsWith('\x81\x05world'), { message: 'world' });
    client.close();
    await waitFor(() => link.ended, { message: 'the end at the backend' });
  });

  test('bytes sent ahead of the 101 reach the tunnel, in order', async () => {
    const tunnel = await openTo(`${HANDSHAKE}early`);
    tunnel.client.send('-late');
    await arrived(tunnel, 'early-late');
    tunnel.client.close();
  });

  test('a megabyte each way at once arrives whole', async () => {
    const { client, link, toClient, toEndpoint } = await openTo();
    const block = Buffer.from(Uint8Array.from({ length: 1_048_576 }, (_, index) => index % 251));
    link.write(block);
    client.send(block);
    await waitFor(() => toEndpoint().length === block.length, { message: 'up' });
    assert.ok(toEndpoint().equals(block));
    await waitFor(() => toClient().length === block.length, { message: 'down' });
    assert.ok(Buffer.from(toClient(), 'latin1').equals(block));
    client.close();
  });

  test('half-close of the client: the backend still sends', async () => {
    const tunnel = await openTo();
    const { client, link } = tunnel;
    client.socket.end('bye');
    await waitFor(() => link.ended, { message: 'FIN at the backend' });
    await arrived(tunnel, 'bye');
    link.write('last words');
    link.end();
    assert.equal(await client.closed(), 'ended');
    assert.ok(client.received().endsWith('last words'));
  });

  test('half-close of the backend: the client still sends', async () => {
    const tunnel = await openTo();
    const { client, link } = tunnel;
    link.write('bye');
    link.end();
    await waitFor(() => client.state() === 'ended', { message: 'FIN at the client' });
    assert.ok(client.received().endsWith('bye'));
    client.send('last words');
    await arrived(tunnel, 'last words');
    client.socket.end();
    await waitFor(() => client.socket.closed, { message: 'the end' });
  });

  test('a side that never closes is left a few seconds, silent or not, then both are closed', async () => {
    const [silent, talking, backend] = [await openTo(), await openTo(), await openTo()];
    const startMs = performance.now();
    silent.client.socket.end();
    talking.client.socket.end();
    backend.link.end();
    await waitFor(() => silent.link.ended && talking.link.ended, { message: 'FIN at the backend' });
    await waitFor(() => backend.client.state() === 'ended', { message: 'FIN at the client' });
    const endedBy = (): boolean[] => {
      talking.link.write('.');
      backend.client.send('.');
      return [silent.client.state(), talking.client.state()]
        .map((state) => state !== 'open')
        .concat(backend.link.ended);
    };
    // The interval is the pace of those who go on sending.
    const pace = { intervalMs: 100, deadlineMs: 20_000 };
    await waitFor(() => endedBy().every(Boolean), { message: 'the ends', ...pace });
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > HALF_CLOSED_MS * 0.9 && tookMs < HALF_CLOSED_MS + LATE_MS, `${tookMs} ms`);
    backend.client.close();
    assert.ok(talking.toClient().length > 1, 'what the other side said until then has arrived');
  });

  test('an idle tunnel ends at the idle timeout of its route, a used one does not', async () => {
    const { client, link } = await openTo(HANDSHAKE.replace('/ws', '/brief'));
    const startMs = performance.now();
    const isUsedForLong = async (): Promise<boolean> => {
      const received = client.received().length;
      link.write('.');
      await waitFor(() => client.received().length > received, { message: 'a byte' });
      return performance.now() - startMs > IDLE_MS * 1.5;
    };
    // The interval is the pace of the use: several bytes within the timeout.
    await waitFor(isUsedForLong, { message: 'more than the idle timeout', intervalMs: 100 });
    assert.equal(client.state(), 'open');
    assert.equal(await client.closed(), 'ended');
    await waitFor(() => link.ended, { message: 'the end at the backend' });
    client.close();
  });

  test('authentication comes before the tunnel', async () => {
    const before = origin.requests.length;
    const client = await connectRaw(edge.port);
    client.send(HANDSHAKE.replace('/ws', '/keyed'));
    assert.equal((await client.response()).status, 401);
    assert.equal(origin.requests.length, before);
    client.close();
  });
});

suite('never a tunnel', () => {
  test('before the 101: what follows is a request like any other', async () => {
    origin.respondWith(() => OK);
    const client = await connectRaw(edge.port);
    client.send(`${HANDSHAKE}GET /keyed HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    assert.equal((await client.response(1)).status, 401);
    client.close();
  });

  const h2c = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  const refused: readonly [string, string, string][] = [
    ['101 that nobody asked for', GET, SWITCHING],
    ['101 to a protocol other than WebSocket', h2c, SWITCHING.replace('websocket', 'h2c')],
    ['101 with another protocol', HANDSHAKE, SWITCHING.replace('websocket', 'h2c')],
    ['101 with a wrong accept key', HANDSHAKE, SWITCHING.replace(ACCEPT, KEY)],
    [
      '101 with two accept keys',
      HANDSHAKE,
      SWITCHING.replace('Sec-', `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-`),
    ],
    ['101 to a handshake without key', HANDSHAKE.replace(/Sec-WebSocket-Key.*\r\n/, ''), SWITCHING],
    [
      '101 to a handshake with a body in chunks',
      HANDSHAKE.replace('Sec-', 'Transfer-Encoding: chunked\r\nSec-') + '0\r\n\r\n',
      SWITCHING,
    ],
    ['101 to a POST', HANDSHAKE.replace('GET', 'POST'), SWITCHING],
  ];
  for (const [title, request, answer] of refused) {
    test(`${title}: 502, and the rest goes nowhere`, async () => {
      origin.respondWith(() => `${answer}SECRET`);
      const client = await connectRaw(edge.port);
      client.send(request);
      const response = await client.response();
      assert.equal(response.status, 502);
      assert.match(response.body, /HG_UPSTREAM_MALFORMED/);
      client.send(GET);
      await client.response(1);
      assert.ok(!client.received().includes('SECRET'));
      client.close();
    });
  }
});
