import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { createHttpOrigin, createSeededRandom, type HttpOrigin } from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { HOST, HOST_LINE } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';
import { stalled } from './support/stalled.ts';
import { whileSending } from './support/while-sending.ts';
import { rssBytes, workerPids } from './support/worker-pids.ts';

const BODY_BYTES = 256 * 1024 * 1024;
/** What the worker may grow by while it passes such a body on. */
const GROWTH_BYTES_MAX = 48 * 1024 * 1024;
const random = createSeededRandom(11);
const BLOCK = Buffer.from(Uint8Array.from({ length: 1_048_576 }, () => random.next() * 256));

let origin: HttpOrigin;
let edge: TestEdge;
let handler: Parameters<typeof createHttpOrigin>[0] = (_request, response) => void response.end();

before(async () => {
  origin = await createHttpOrigin((incoming, response) => handler(incoming, response));
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = { rest: { upstreamId: 'main', idleTimeoutMs: 5000 } };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

/** Writes `bytes` bytes in slices of random size, as fast as the receiver takes them; returns their checksum. */
async function writeBody(target: Writable, bytes: number): Promise<number> {
  let checksum = 0;
  for (let sent = 0; sent < bytes;) {
    const start = Math.floor(random.next() * BLOCK.length);
    const slice = BLOCK.subarray(start, start + Math.ceil(random.next() * (BLOCK.length - start)));
    const piece = slice.subarray(0, bytes - sent);
    checksum = crc32(piece, checksum);
    sent += piece.length;
    if (!target.write(piece)) await new Promise((resolve) => target.once('drain', resolve));
  }
  target.end();
  return checksum;
}

/** Reads a body to its end; returns its length and checksum. */
async function readBody(source: IncomingMessage): Promise<{ bytes: number; checksum: number }> {
  let bytes = 0;
  let checksum = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    checksum = crc32(chunk, checksum);
  }
  return { bytes, checksum };
}

/** The most that the worker grew by meanwhile, in bytes. */
async function growthOf(work: () => Promise<void>): Promise<number> {
  const [pid = 0] = await workerPids(edge.process.pid);
  const beforeBytes = rssBytes(pid);
  let highest = beforeBytes;
  const timer = setInterval(() => (highest = Math.max(highest, rssBytes(pid))), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return highest - beforeBytes;
}

suite('large bodies', () => {
  for (const framing of ['a length', 'chunks']) {
    test(`256 MiB down in ${framing} to a client that stops for a while: whole, in bounded memory`, async () => {
      let sent: Promise<number> = Promise.resolve(0);
      let stall: Promise<void> = Promise.resolve();
      handler = (_incoming, response) => {
        if (framing === 'a length') response.setHeader('content-length', BODY_BYTES);
        sent = writeBody(response, BODY_BYTES);
        stall = stalled(() => [response]);
      };
      const growth = await growthOf(async () => {
        const outgoing = request({ host: '127.0.0.1', port: edge.port, headers: { Host: HOST } });
        outgoing.end();
        const response = await new Promise<IncomingMessage>((resolve) =>
          outgoing.once('response', resolve),
        );
        await stall; // nobody reads until now
        const { bytes, checksum } = await readBody(response);
        assert.equal(bytes, BODY_BYTES);
        assert.equal(checksum, await sent);
      });
      assert.ok(growth < GROWTH_BYTES_MAX, `grew by ${growth}`);
    });

    test(`256 MiB up in ${framing} to a backend that stops for a while: whole, in bounded memory`, async () => {
      let received: ReturnType<typeof readBody> = Promise.resolve({ bytes: 0, checksum: 0 });
      const headers: Record<string, string> = { Host: HOST };
      if (framing === 'a length') headers['Content-Length'] = String(BODY_BYTES);
      const growth = await growthOf(async () => {
        const outgoing = request({ host: '127.0.0.1', port: edge.port, method: 'PUT', headers });
        handler = async (incoming, response) => {
          await stalled(() => [outgoing]);
          received = readBody(incoming);
          await received;
          response.end('thanks');
        };
        const answered = new Promise<IncomingMessage>((resolve) =>
          outgoing.once('response', resolve),
        );
        const checksum = await writeBody(outgoing, BODY_BYTES);
        await readBody(await answered);
        assert.deepEqual(await received, { bytes: BODY_BYTES, checksum });
      });
      assert.ok(growth < GROWTH_BYTES_MAX, `grew by ${growth}`);
    });
  }

  test('many bodies at once, mixed sizes and framings, both ways: each whole', async () => {
    handler = async (incoming, response) => {
      const { bytes, checksum } = await readBody(incoming);
      response.setHeader('x-checksum', String(checksum));
      if (bytes % 2 === 0) response.setHeader('content-length', bytes);
      response.setHeader('x-sent', String(crc32(BLOCK.subarray(0, bytes))));
      response.end(BLOCK.subarray(0, bytes));
    };
    const exchange = async (bytes: number): Promise<void> => {
      const headers: Record<string, string> = { Host: HOST };
      if (bytes % 3 !== 0) headers['Content-Length'] = String(bytes);
      const outgoing = request({ host: '127.0.0.1', port: edge.port, method: 'PUT', headers });
      const answered = new Promise<IncomingMessage>((resolve) =>
        outgoing.once('response', resolve),
      );
      const checksum = await writeBody(outgoing, bytes);
      const response = await answered;
      const answer = await readBody(response);
      assert.equal(Number(response.headers['x-checksum']), checksum, `${bytes} up`);
      assert.deepEqual(
        answer,
        { bytes, checksum: Number(response.headers['x-sent']) },
        `${bytes} down`,
      );
    };
    const sizes = [
      1, 2, 3, 16_383, 16_384, 16_385, 32_768, 32_769, 65_535, 65_536, 65_537, 400_000,
    ];
    const rounds = [0, 1, 2, 3].flatMap((round) => sizes.map((size) => size + round));
    await Promise.all(rounds.map(exchange));
  });
});

suite('an answer that overtakes its request', () => {
  const head = `PUT / HTTP/1.1\r\n${HOST_LINE}Content-Length: 100000000\r\n\r\n`;

  test('it is relayed whole while the client uploads, then the connection ends without RST', async () => {
    handler = (_incoming, response) => {
      response.statusCode = 403;
      response.end('x'.repeat(100_000));
    };
    const client = await connectRaw(edge.port);
    client.send(head);
    await whileSending(client, BLOCK.subarray(0, 10_000), 5, async () => {
      const response = await client.response();
      assert.equal(response.status, 403);
      assert.equal(response.body.length, 100_000);
      assert.equal(response.get('connection'), 'close');
      assert.equal(await client.closed(), 'ended');
    });
    client.close();
  });

  test('a client that goes on sending after the answer is heard out for a while', async () => {
    handler = (_incoming, response) => void response.writeHead(413).end();
    const client = await connectRaw(edge.port);
    client.send(head);
    await client.response();
    assert.equal(await client.closed(), 'ended');
    let reset = false;
    client.socket.on('error', () => (reset = true));
    for (let piece = 0; piece < 50; piece += 1) {
      client.send(BLOCK.subarray(0, 20_000));
      await nextTurn();
    }
    assert.equal(reset, false);
    client.close();
  });
});
