import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import { ByteSocket, type ByteReceiver } from './byte-socket.ts';
import { openStreamHandle } from './stream-handle.ts';
import { ReadBuffers } from './read-buffers.ts';

/** Copies what one socket reads to another, in slices of random size, with backpressure. */
class Relay implements ByteReceiver {
  source: ByteSocket | null = null;
  sink: ByteSocket | null = null;
  readonly #random: () => number;
  #large = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  onBytes(chunk: Buffer, length: number): void {
    const { source, sink } = this;
    assert.ok(source !== null && sink !== null);
    for (let at = 0; at < length;) {
      const end = Math.min(length, at + 1 + Math.floor(this.#random() ** 3 * 65_536));
      sink.writeSlice(chunk, at, end, source);
      at = end;
    }
    sink.flush();
    // Bodies of all kinds follow each other on a connection.
    if (this.#random() < 0.1) {
      this.#large = !this.#large;
      if (this.#large) source.usePrivateBuffer();
      else source.useSharedBuffer();
    }
    if (sink.congested) source.pause();
  }
  onEnd(): void {
    this.sink?.end();
  }
  onDrain(): void {
    assert.fail('nothing is written back');
  }
  onClose(): void {
    this.sink?.destroy();
  }
}

/** The writing side of a relay. */
class Sink implements ByteReceiver {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  onBytes(): void {
    assert.fail('nothing comes back');
  }
  onEnd(): void {
    this.#relay.source?.end();
  }
  onDrain(): void {
    this.#relay.source?.resume();
  }
  onClose(): void {
    this.#relay.source?.destroy();
  }
}

async function listen(onSocket: (socket: Socket) => void, pauseOnConnect: boolean) {
  const server = createServer({ pauseOnConnect, allowHalfOpen: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port }; // it listens on TCP
}

/** Sends random data through relays to receivers that stop now and then; returns checksums of both ends. */
async function relayAll(
  take: (socket: Socket, buffers: ReadBuffers, relay: Relay) => ByteSocket,
  connections: number,
  openHandle = openStreamHandle,
): Promise<void> {
  const random = createSeededRandom(5);
  const buffers = new ReadBuffers();
  const received: { bytes: number; checksum: number }[] = [];
  const target = await listen((socket) => {
    const total = { bytes: 0, checksum: 0 };
    socket.on('data', (chunk: Buffer) => {
      total.bytes += chunk.length;
      total.checksum = crc32(chunk, total.checksum);
      if (random.next() < 0.05) {
        socket.pause();
        setTimeout(() => socket.resume(), 2);
      }
    });
    socket.on('end', () => {
      received.push(total);
      socket.end();
    });
  }, false);
  const relays = await listen((socket) => {
    const relay = new Relay(() => random.next());
    relay.sink = ByteSocket.connect(
      { host: '127.0.0.1', port: target.port },
      buffers,
      new Sink(relay),
      () => {
        relay.source = take(socket, buffers, relay);
      },
      openHandle,
    );
  }, true);
  const sent: { bytes: number; checksum: number }[] = [];
  for (let index = 0; index < connections; index += 1) {
    const total = { bytes: 0, checksum: 0 };
    const client = connect({ host: '127.0.0.1', port: relays.port, allowHalfOpen: true });
    client.on('error', assert.ifError);
    client.resume();
    const block = Buffer.from(Uint8Array.from({ length: 1_048_576 }, () => random.next() * 256));
    for (let piece = 0; piece < 12; piece += 1) {
      const start = Math.floor(random.next() * 500_000);
      const slice = block.subarray(start, start + Math.floor(random.next() * 500_000));
      total.bytes += slice.length;
      total.checksum = crc32(slice, total.checksum);
      client.write(slice);
    }
    client.end();
    sent.push(total);
  }
  await waitFor(() => received.length === connections, { message: 'all data' });
  const byChecksum = (a: { checksum: number }, b: { checksum: number }): number =>
    a.checksum - b.checksum;
  assert.deepEqual(received.sort(byChecksum), sent.sort(byChecksum));
  relays.server.close();
  target.server.close();
}

suite('byte socket', () => {
  test('what is written keeps its buffer until the kernel has it: 16 relays under backpressure', () =>
    relayAll((socket, buffers, relay) => ByteSocket.adopt(socket, buffers, relay), 16));

  test('without stream handles the same goes through the methods of net.Socket', () => {
    const none = (): null => null;
    return relayAll(
      (socket, buffers, relay) => ByteSocket.adopt(socket, buffers, relay, none),
      8,
      none,
    );
  });

  test('this Node has stream handles: sockets are read and written below net.Socket', async () => {
    const { server, port } = await listen((socket) => socket.resume(), false);
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const events = {
      onHandleRead: (): undefined => assert.fail(),
      onHandleWritten: () => assert.fail(),
    };
    assert.notEqual(openStreamHandle(socket, events), null);
    socket.destroy();
    server.close();
  });

  test('a private buffer that was taken and given back before the next read changes nothing', async () => {
    const buffers = new ReadBuffers();
    const given: (Uint8Array | undefined)[] = [];
    const steps = ['usePrivateBuffer', 'useSharedBuffer', 'useSharedBuffer'] as const;
    const reads: number[] = [];
    const { server, port } = await listen((socket) => {
      const receiver: ByteReceiver = {
        onBytes(_chunk, length) {
          reads.push(length);
          for (const step of steps.slice(0, reads.length)) own[step]();
        },
        onEnd: () => own.end(),
        onDrain: () => assert.fail('nothing is written back'),
        onClose: () => undefined,
      };
      const own: ByteSocket = ByteSocket.adopt(socket, buffers, receiver, (inner, events) =>
        openStreamHandle(inner, {
          onHandleRead: (length) => given[given.push(events.onHandleRead(length)) - 1],
          onHandleWritten: (status) => events.onHandleWritten(status),
        }),
      );
    }, true);
    const client = connect({ host: '127.0.0.1', port });
    for (const count of [1, 2, 3, 4]) {
      client.write('x');
      await waitFor(() => reads.length === count, { message: `read ${count}` });
    }
    // Read 1 takes one; read 2 takes none, as the private one is in use, and goes back.
    assert.equal(given[0]?.length, buffers.shared.length);
    assert.notEqual(given[0], buffers.shared);
    assert.deepEqual(
      given.slice(1).map((buffer) => buffer === buffers.shared || buffer),
      [true, undefined, undefined],
    );
    client.end();
    await once(client, 'close');
    server.close();
  });

  test('a private buffer goes back after eight small reads, and is taken again for a large one', async () => {
    const buffers = new ReadBuffers();
    const shared: boolean[] = [];
    const ready = Promise.withResolvers<void>();
    let bytes = 0;
    const sinks: ByteSocket[] = [];
    const ignored = { onEnd: () => undefined, onDrain: () => undefined, onClose: () => undefined };
    const target = await listen((socket) => socket.resume(), false);
    const { server, port } = await listen((socket) => {
      const source: ByteSocket = ByteSocket.adopt(socket, buffers, {
        ...ignored,
        onBytes(chunk, length) {
          shared.push(chunk === buffers.shared);
          bytes += length;
          for (const sink of sinks) {
            sink.writeSlice(chunk, 0, length, source);
            sink.flush();
          }
        },
      });
      const sink = ByteSocket.connect(
        { host: '127.0.0.1', port: target.port },
        buffers,
        { ...ignored, onBytes: () => assert.fail('nothing comes back') },
        () => ready.resolve(),
      );
      sinks.push(sink);
    }, true);
    const client = connect({ host: '127.0.0.1', port, noDelay: true });
    await ready.promise;
    let sent = 0;
    const send = async (length: number): Promise<void> => {
      client.write(Buffer.alloc(length));
      sent += length;
      await waitFor(() => bytes === sent, { message: `${sent} bytes` });
    };
    const readsOf = async (lengths: readonly number[]): Promise<boolean[]> => {
      shared.length = 0;
      for (const length of lengths) await send(length);
      return shared;
    };
    const small = Array<number>(7).fill(100);
    await send(1_000_000);
    assert.deepEqual(await readsOf(small), Array(7).fill(false));
    await send(1_000_000); // counted anew from here on
    assert.deepEqual(await readsOf([...small, 100, 100, 100]), [
      ...Array<boolean>(8).fill(false),
      ...[true, true],
    ]);
    await send(1_000_000);
    assert.deepEqual(await readsOf([100]), [false]);
    client.destroy();
    for (const sink of sinks) sink.destroy();
    server.close();
    target.server.close();
  });

  test("the fallback on 'data' events relays the same", () =>
    relayAll((socket, buffers, relay) => ByteSocket.listen(socket, buffers, relay), 8));
});

test('a read that took long is the last one of its turn', async () => {
  const accepted = Promise.withResolvers<Socket>();
  const { server, port } = await listen(accepted.resolve, true);
  const sender = connect({ host: '127.0.0.1', port });
  const bytes = 1_048_576;
  await once(sender, 'connect');
  sender.end(Buffer.alloc(bytes)); // the kernel has a part of it before the first read
  let received = 0;
  let [readsInTurn, readsInTurnMax] = [0, 0];
  const receiver = ByteSocket.adopt(await accepted.promise, new ReadBuffers(), {
    onBytes(_chunk, length) {
      received += length;
      if (readsInTurn === 0) setImmediate(() => (readsInTurn = 0));
      readsInTurn += 1;
      readsInTurnMax = Math.max(readsInTurnMax, readsInTurn);
      const startMs = performance.now();
      while (performance.now() - startMs < 10); // work
    },
    onEnd: () => receiver.end(),
    onDrain: () => undefined,
    onClose: () => undefined,
  });
  await waitFor(() => received === bytes, { message: 'all bytes' });
  assert.equal(readsInTurnMax, 1);
  sender.destroy();
  server.close();
});
