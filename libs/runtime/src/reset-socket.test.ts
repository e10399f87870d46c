import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { resetSocket } from './reset-socket.ts';

/** Both ends of a connection; the server's stays half open. */
async function withPair(use: (client: Socket, peer: Socket) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  const accepted = once(server, 'connection');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP listener has no other
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [peer] = (await accepted) as [Socket];
  try {
    await use(client, peer);
  } finally {
    peer.destroy();
    server.close();
    await once(server, 'close');
  }
}

const openHandles = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

suite('a socket that is reset', () => {
  test('tells its peer so', () =>
    withPair(async (client, peer) => {
      const failed = once(peer.resume(), 'error');
      resetSocket(client);
      const [error] = (await failed) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
    }));

  test('is closed without an error and leaves no handle while its FIN is on its way', () =>
    withPair(async (client, peer) => {
      const openBefore = openHandles();
      client.on('error', (error) => assert.fail(error));
      const ended = once(peer.resume(), 'end');
      client.end();
      resetSocket(client);
      await Promise.all([once(client, 'close'), ended]);
      peer.destroy();
      await once(peer, 'close');
      assert.equal(openHandles(), openBefore - 2);
    }));
});
