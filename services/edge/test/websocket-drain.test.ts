import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import { WebSocket, WebSocketServer } from 'ws';
import type { TestEdge } from './support/edge-process.ts';
import { gracefulExitMs } from './support/graceful-exit.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { openTunnel, type OpenTunnel } from './support/open-tunnel.ts';

const DRAIN_MS = 600;
/** What a drain may take beyond its deadline. */
const GRACE_MS = 1000;
const GOING_AWAY = 1001;
const ABNORMAL = 1006;

let origin: RecordingOrigin;
let server: WebSocketServer;
let edge: TestEdge | null = null;
/** Codes with which the server's sockets closed. */
let serverCodes: number[] = [];

before(async () => {
  origin = await createRecordingOrigin({ handler: () => SWITCHING });
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', (code) => serverCodes.push(code));
  });
});

afterEach(async () => {
  await edge?.stop();
  edge = null;
  serverCodes = [];
});

after(async () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
  await origin.close();
});

async function startEdge(): Promise<TestEdge> {
  const { port } = server.address() as AddressInfo; // a TCP server that listens
  const upstreams = {
    echo: { endpoints: endpointsAt(port) },
    raw: { endpoints: endpointsAt(origin.port) },
  };
  const routes = {
    rest: { upstreamId: 'echo' },
    raw: routeTo('raw', '/raw'),
  };
  const env = { HEADGATE_EDGE_DRAIN_MS: String(DRAIN_MS) };
  edge = await startOneTenantEdge({ upstreams, routes }, { env });
  return edge;
}

async function openSocket(running: TestEdge): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${running.port}/`, { headers: { Host: 'a.test' } });
  socket.on('error', () => undefined); // a cut socket says so by its code
  await once(socket, 'open');
  return socket;
}

async function echo(socket: WebSocket, text: string): Promise<void> {
  socket.send(text);
  const [data] = (await once(socket, 'message')) as [Buffer];
  assert.equal(data.toString(), text);
}

const codeOf = async (socket: WebSocket): Promise<number> => {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
};

/** Opens a tunnel to the recording origin, which sends no frame of its own. */
const openRaw = (running: TestEdge): Promise<OpenTunnel> =>
  openTunnel(running.port, origin, HANDSHAKE.replace('/ws', '/raw'));

/** The close frame 1001 of a server. */
const GOODBYE = '\x88\x02\x03\xe9';

/** Whether the bytes are the close frame 1001 of a client, whatever its masking key. */
function isMaskedGoodbye(bytes: Buffer): boolean {
  const [first, second, key0 = 0, key1 = 0, , , code0 = 0, code1 = 0] = bytes;
  const code = ((code0 ^ key0) << 8) | (code1 ^ key1);
  return bytes.length === 8 && first === 0x88 && second === 0x82 && code === GOING_AWAY;
}

suite('WebSocket at the end of a drain', () => {
  test('works until the deadline; then client and endpoint get 1001, and the edge is gone', async () => {
    const running = await startEdge();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => openSocket(running)));
    running.process.kill('SIGTERM');
    const startMs = performance.now();
    const codes = Promise.all(sockets.map(codeOf));
    await waitFor(async () => (await fetch(`${running.admin}/readyz`)).status === 503, {
      message: 'the drain to begin',
    });
    for (const socket of sockets) await echo(socket, 'during the drain');
    const exit = gracefulExitMs(running);
    assert.deepEqual(await codes, Array(5).fill(GOING_AWAY));
    assert.ok(performance.now() - startMs > DRAIN_MS * 0.9, 'not before the deadline');
    assert.ok((await exit) < DRAIN_MS + GRACE_MS);
    await waitFor(() => serverCodes.length === 5, { message: 'the ends at the endpoint' });
    assert.deepEqual(serverCodes, Array(5).fill(GOING_AWAY));
  });

  test('in the middle of a frame it is only cut: no byte is put into it', async () => {
    const running = await startEdge();
    const { client, link, toClient, toEndpoint } = await openRaw(running);
    link.write('\x82\x7e\x10\x00half of it');
    client.send('\x82\xfe\x10\x00KEY!half of it');
    await waitFor(() => toClient().length > 4 && toEndpoint().length > 8, { message: 'halves' });
    running.process.kill('SIGTERM');
    await client.closed();
    await waitFor(() => link.ended, { message: 'the end at the endpoint' });
    assert.equal(toClient(), '\x82\x7e\x10\x00half of it');
    assert.equal(toEndpoint().toString('latin1'), '\x82\xfe\x10\x00KEY!half of it');
    assert.ok((await gracefulExitMs(running)) < DRAIN_MS + GRACE_MS);
    client.close();
  });

  test('a frame that ends within the grace is followed by the close frame, and by nothing else', async () => {
    const running = await startEdge();
    const { client, link, toClient, toEndpoint } = await openRaw(running);
    link.write('\x82\x05hel');
    await waitFor(() => toClient().length > 0, { message: 'a part of a frame' });
    running.process.kill('SIGTERM');
    // The direction that is between frames tells that the deadline has come.
    await waitFor(() => isMaskedGoodbye(toEndpoint()), { message: 'the close frame upstream' });
    link.write('lo\x82\x03bye');
    await waitFor(() => toClient().endsWith(GOODBYE), { message: 'the close frame' });
    client.send('\x81\x81KEY!x');
    client.send('\x88\x82\x00\x00\x00\x00\x03\xe9');
    link.write(GOODBYE);
    assert.equal(await client.closed(), 'ended');
    await waitFor(() => link.ended, { message: 'the end at the endpoint' });
    assert.equal(toClient(), `\x82\x05hello${GOODBYE}`);
    assert.ok(isMaskedGoodbye(toEndpoint()));
    client.close();
    await gracefulExitMs(running);
  });

  test('a closing handshake that is under way is left alone', async () => {
    const running = await startEdge();
    const { client, link, toClient, toEndpoint } = await openRaw(running);
    const close = '\x88\x82\x00\x00\x00\x00\x03\xe8';
    client.send(close);
    await waitFor(() => toEndpoint().length === 8, { message: 'the close frame of the client' });
    running.process.kill('SIGTERM');
    await waitFor(() => toClient() === GOODBYE, { message: 'the answer in place of the endpoint' });
    await client.closed();
    assert.equal(toEndpoint().toString('latin1'), close);
    await waitFor(() => link.ended, { message: 'the end at the endpoint' });
    client.close();
    await gracefulExitMs(running);
  });

  test('peers that do not answer the close frame cannot hold the edge', async () => {
    const running = await startEdge();
    const { client, toClient, toEndpoint } = await openRaw(running);
    const socket = await openSocket(running);
    socket.pause(); // never reads its close frame
    running.process.kill('SIGTERM');
    await waitFor(() => toClient() === GOODBYE && isMaskedGoodbye(toEndpoint()), {
      message: 'the close frames',
    });
    assert.ok((await gracefulExitMs(running)) < DRAIN_MS + GRACE_MS);
    const code = codeOf(socket);
    socket.resume();
    assert.ok([GOING_AWAY, ABNORMAL].includes(await code));
    client.close();
  });
});
