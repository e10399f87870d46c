import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { closeServer, listenLocally } from '../src/listen.ts';
import { createFaultProxy, waitFor, type FaultProxy } from '../src/index.ts';

const sockets = new Set<Socket>();
const echo = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
let proxy: FaultProxy;

before(async () => {
  proxy = await createFaultProxy({ port: await listenLocally(echo) });
});
after(async () => {
  await proxy.close();
  await closeServer(echo, sockets);
});

function openClient() {
  const socket = connect(proxy.port, '127.0.0.1').setEncoding('latin1');
  let received = '';
  socket.on('data', (chunk: string) => (received += chunk));
  // Events are awaited after the fault that causes them, so remember the error.
  const failure = once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code);
  const receives = (text: string) =>
    waitFor(() => received === text, { message: `echo of ${text}`, describe: () => received });
  return { socket, failure, receives, received: () => received };
}

test('bytes pass both ways and a large transfer arrives whole', async () => {
  const client = openClient();
  const large = 'x'.repeat(3_000_000);
  client.socket.write(large);
  await client.receives(large);
  client.socket.destroy();
});

test('cut() resets existing connections, new ones are served', async () => {
  const client = openClient();
  client.socket.write('a');
  await client.receives('a');
  proxy.cut();
  assert.equal(await client.failure, 'ECONNRESET');
  const next = openClient();
  next.socket.write('b');
  await next.receives('b');
  next.socket.destroy();
});

test('refuseNew() resets new connections only; resume() lets them in', async () => {
  const old = openClient();
  old.socket.write('a');
  await old.receives('a');
  proxy.refuseNew();
  const refused = openClient();
  refused.socket.write('b');
  assert.match((await refused.failure) ?? '', /ECONNRESET|EPIPE/);
  old.socket.write('c');
  await old.receives('ac');
  proxy.resume();
  const admitted = openClient();
  admitted.socket.write('d');
  await admitted.receives('d');
  old.socket.destroy();
  admitted.socket.destroy();
});

test('partition() ends everything until resume()', async () => {
  const client = openClient();
  client.socket.write('a');
  await client.receives('a');
  proxy.partition();
  assert.equal(await client.failure, 'ECONNRESET');
  await waitFor(() => proxy.connectionCount === 0, { message: 'no connection' });
  const acceptedBefore = proxy.acceptedCount;
  const refused = openClient();
  await refused.failure;
  assert.equal(proxy.acceptedCount, acceptedBefore + 1);
  assert.equal(proxy.connectionCount, 0);
  proxy.resume();
});

test('pause() holds everything back without closing, resume() delivers it', async () => {
  const client = openClient();
  client.socket.write('a');
  await client.receives('a');
  proxy.pause();
  const during = openClient();
  client.socket.write('b');
  during.socket.write('c');
  await waitFor(() => proxy.connectionCount >= 2, { message: 'both connections' });
  assert.equal(client.received() + during.received(), 'a');
  proxy.resume();
  await client.receives('ab');
  await during.receives('c');
  client.socket.destroy();
  during.socket.destroy();
});

test('delay() adds its time in each direction and keeps the order', async () => {
  const client = openClient();
  client.socket.write('0');
  await client.receives('0');
  proxy.delay(30);
  const begun = performance.now();
  for (const digit of '123456789') client.socket.write(digit);
  await client.receives('0123456789');
  assert.ok(performance.now() - begun >= 59, 'two times 30 ms, less a rounding millisecond');
  proxy.resume();
  client.socket.destroy();
});
