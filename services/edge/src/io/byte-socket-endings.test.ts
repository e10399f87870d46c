import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { ByteSocket, JOINED_WRITE_BYTES_MAX, type ByteReceiver } from './byte-socket.ts';
import { ReadBuffers } from './read-buffers.ts';
import { openStreamHandle } from './stream-handle.ts';

/** Notes what the socket reports. */
class Notes implements ByteReceiver {
  readonly events: string[] = [];
  bytesIn = 0;

  onBytes(_chunk: Buffer, length: number): void {
    this.bytesIn += length;
  }
  onEnd(): void {
    this.events.push('end');
  }
  onDrain(): void {
    this.events.push('drain');
  }
  onClose(error: Error | null): void {
    this.events.push(`close ${error === null ? 'in order' : error.message}`);
  }
  get closed(): boolean {
    return this.events.some((event) => event.startsWith('close'));
  }
}

/** Both ends of a connection: one as a byte socket, the other one that reads nothing before it is told to. */
interface Pair {
  readonly own: ByteSocket;
  readonly notes: Notes;
  readonly peer: Socket;
  /** How the connection ended for the peer; null while it lasts. */
  readonly peerEnd: () => string | null;
}

type OpenHandle = typeof openStreamHandle;
const WAYS: readonly (readonly [string, OpenHandle])[] = [
  ['on the handle', openStreamHandle],
  ['through net.Socket', () => null],
];

async function withPair(openHandle: OpenHandle, work: (pair: Pair) => Promise<void>) {
  const notes = new Notes();
  let own: ByteSocket | null = null;
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    own = ByteSocket.adopt(socket, new ReadBuffers(), notes, openHandle);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const peer = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  let ended: string | null = null;
  peer.on('end', () => (ended = 'FIN'));
  peer.on('error', (error: NodeJS.ErrnoException) => (ended = error.code ?? error.message));
  try {
    const accepted = await waitFor(() => own, { message: 'the connection' });
    await work({ own: accepted, notes, peer, peerEnd: () => ended });
  } finally {
    peer.destroy();
    server.close();
  }
}

/** Writes until the kernel takes no more. */
function congest(own: ByteSocket): void {
  const text = 'x'.repeat(JOINED_WRITE_BYTES_MAX);
  while (own.unsentBytes === 0) {
    own.writeText(text);
    own.flush();
  }
}

for (const [way, openHandle] of WAYS) {
  suite(`endings, ${way}`, () => {
    test('a reset after end() with writes pending closes, and the peer sees the cut', () =>
      withPair(openHandle, async ({ own, notes, peer, peerEnd }) => {
        congest(own);
        own.end();
        own.reset();
        await waitFor(() => notes.closed, { message: 'onClose' });
        assert.deepEqual(notes.events, ['close in order']);
        peer.resume();
        await waitFor(peerEnd, { message: 'the peer to see the end' });
        assert.equal(peerEnd(), 'ECONNRESET');
      }));

    test('a reset while FIN is on its way closes: the kernel has everything', () =>
      withPair(openHandle, async ({ own, notes, peer, peerEnd }) => {
        let received = '';
        peer.on('data', (chunk: Buffer) => (received += chunk.toString()));
        own.writeText('whole');
        own.end();
        own.reset();
        await waitFor(() => notes.closed, { message: 'onClose' });
        assert.deepEqual(notes.events, ['close in order']);
        await waitFor(peerEnd, { message: 'the peer to see the end' });
        assert.deepEqual([received, peerEnd()], ['whole', 'FIN']);
      }));

    test('a client that resets is noticed by the write that waits for it, though nothing is read', () =>
      withPair(openHandle, async ({ own, notes, peer }) => {
        peer.write('x'.repeat(1000));
        await waitFor(() => notes.bytesIn === 1000, { message: 'what the client sends' });
        own.pause();
        congest(own);
        peer.write('unread');
        peer.resetAndDestroy();
        await waitFor(() => notes.closed, { message: 'onClose' });
        assert.equal(notes.events.length, 1);
        assert.match(notes.events[0] ?? '', /^close (write|read) E(PIPE|CONNRESET)$/);
      }));

    test('FIN follows what was pending at end()', () =>
      withPair(openHandle, async ({ own, notes, peer, peerEnd }) => {
        congest(own);
        const unsent = own.unsentBytes;
        own.end();
        own.writeText('never sent');
        own.flush();
        assert.equal(own.unsentBytes, unsent);
        peer.resume();
        await waitFor(peerEnd, { message: 'FIN' });
        assert.equal(peerEnd(), 'FIN');
        assert.equal(own.unsentBytes, 0);
        peer.end();
        await waitFor(() => notes.closed, { message: 'onClose' });
        assert.equal(notes.events.at(-1), 'close in order');
      }));
  });
}

suite('a server that takes no more', () => {
  test('what it has sent before is read, then the socket closes', async () => {
    const notes = new Notes();
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.pause();
      sockets.push(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    let connected = false;
    const own = ByteSocket.connect({ host: '127.0.0.1', port }, new ReadBuffers(), notes, () => {
      connected = true;
    });
    await waitFor(() => connected && sockets[0] !== undefined, { message: 'the connection' });
    congest(own);
    own.pause();
    const [peer] = sockets;
    peer?.write('an early answer', () => peer.resetAndDestroy());
    await waitFor(() => own.unsentBytes === 0, { message: 'the write to fail' });
    assert.deepEqual([notes.bytesIn, notes.closed], [0, false], 'paused');
    own.resume();
    await waitFor(() => notes.closed, { message: 'onClose' });
    assert.equal(notes.bytesIn, 'an early answer'.length);
    assert.match(notes.events.at(-1) ?? '', /^close (write|read) E(PIPE|CONNRESET)$/);
    server.close();
  });
});
