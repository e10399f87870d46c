import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, beforeEach, suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  createRecordingOrigin,
  createSeededRandom,
  startStopwatch,
  waitFor,
  type OriginConnection,
  type OriginHandler,
  type RecordingOrigin,
} from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { createHttpClient, runMany } from './support/http-client.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET, HOST_LINE, OK } from './support/plain-messages.ts';
import { connectRaw, requestOnce, type RawClient } from './support/raw-client.ts';
import { targetOf, valuesOf } from './support/recorded-head.ts';
import { stalled } from './support/stalled.ts';
import { rssBytes, workerPids } from './support/worker-pids.ts';

const TOTAL_TIMEOUT_MS = 3000;
/** Stalled connections per direction, and what each may cost the worker. */
const STALLED = 40;
const STALLED_BYTES_MAX = 1_048_576;
/** More than the buffers of the kernel on the way can take; 33 MB is a common bound of a receive buffer. */
const FLOOD = Buffer.alloc(100_000_000);

let origin: RecordingOrigin;
/** Beside `origin`, for requests that may be sent again. */
let second: RecordingOrigin;
/** Accepts connections, and leaves it to each test what to do with them. */
let stuck: Server;
const stuckSockets: Socket[] = [];
const openStuck = (): Socket[] => stuckSockets.filter((socket) => !socket.destroyed);
let onStuck: (socket: Socket) => void = () => undefined;
let edge: TestEdge;

before(async () => {
  [origin, second] = await Promise.all([createRecordingOrigin(), createRecordingOrigin()]);
  stuck = createServer({ pauseOnConnect: true }, (socket) => {
    stuckSockets.push(socket);
    socket.on('error', () => undefined);
    onStuck(socket);
  });
  stuck.listen(0, '127.0.0.1');
  await once(stuck, 'listening');
  const { port } = stuck.address() as AddressInfo; // a TCP server that listens
  const upstreams = {
    pair: { endpoints: endpointsAt(origin.port, second.port) },
    main: { endpoints: endpointsAt(origin.port) },
    stuck: { endpoints: endpointsAt(port), connectionsMax: 1000 },
  };
  const timed = { totalTimeoutMs: TOTAL_TIMEOUT_MS, retries: 3 };
  const routes = {
    rest: { upstreamId: 'main' },
    pair: routeTo('pair', '/pair', { retries: 1 }),
    small: routeTo('main', '/small', { requestBodyBytesMax: 1000 }),
    total: routeTo('main', '/total', timed),
    tries: routeTo('pair', '/tries', { ...timed, perTryTimeoutMs: 1000 }),
    stuck: routeTo('stuck', '/stuck', { requestBodyBytesMax: 1_000_000_000 }),
  };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await edge.stop();
  for (const socket of stuckSockets) socket.destroy();
  stuck.close();
  await Promise.all([origin.close(), second.close()]);
});

beforeEach(() => {
  origin.respondWith(() => OK);
  for (const socket of stuckSockets) socket.destroy();
});

function respondWith(handler: OriginHandler): void {
  origin.respondWith(handler);
  second.respondWith(handler);
}

suite('message forwarding (RFC 9110, 9112)', () => {
  test('a length goes on in its one canonical form, both ways (RFC 9110 section 8.6)', async () => {
    origin.respondWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok');
    const request = `POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 0005\r\n\r\nhello`;
    const response = await requestOnce(edge.port, request);
    assert.deepEqual(response.all('content-length'), ['2']);
    assert.deepEqual(valuesOf(origin.requests.at(-1), 'content-length'), ['5']);
  });

  test('a transfer coding is this hop only: neither extensions nor trailers go on (9112 section 7.1)', async () => {
    const client = await connectRaw(edge.port);
    client.send(
      `POST / HTTP/1.1\r\n${HOST_LINE}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n` +
        '5;sig=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\nHost: b.test\r\n\r\n',
    );
    assert.equal((await client.response()).status, 200);
    const raw = origin.requests.at(-1)?.raw.toString('latin1') ?? '';
    const body = raw.slice(raw.indexOf('\r\n\r\n') + 4);
    assert.equal(body.replace(/[0-9a-f]+\r\n(.*?)\r\n/g, '$1'), 'hello world');
    assert.ok(!/x-sum|sig|b\.test/i.test(raw));
    client.close();
  });

  test('content is not transformed (9110 section 7.7)', async () => {
    const body = gzipSync('the same bytes').toString('latin1');
    origin.respondWith(
      () =>
        'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nCache-Control: no-transform\r\n' +
        `ETag: "x"\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const response = await requestOnce(
      edge.port,
      `GET / HTTP/1.1\r\n${HOST_LINE}Accept-Encoding: gzip;q=1, br\r\nRange: bytes=0-\r\n\r\n`,
    );
    assert.equal(response.body, body);
    assert.deepEqual(
      ['content-encoding', 'cache-control', 'etag'].map((name) => response.get(name)),
      ['gzip', 'no-transform', '"x"'],
    );
    assert.deepEqual(valuesOf(origin.requests.at(-1), 'accept-encoding'), ['gzip;q=1, br']);
    assert.deepEqual(valuesOf(origin.requests.at(-1), 'range'), ['bytes=0-']);
  });

  const resent: readonly [string, boolean][] = [
    ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].map((method): [string, boolean] => [
      method,
      true,
    ]),
    ...['POST', 'PATCH'].map((method): [string, boolean] => [method, false]),
  ];
  for (const [method, again] of resent) {
    test(`${method} is ${again ? '' : 'not '}sent again when its connection is reset (9110 section 9.2.2)`, async () => {
      // Good ones pay for a retry, and tell that both endpoints are well.
      respondWith(() => OK);
      for (let good = 0; good < 10; good += 1) {
        await requestOnce(edge.port, `GET /pair HTTP/1.1\r\n${HOST_LINE}\r\n`);
      }
      let seen = 0;
      respondWith((_request, connection) => {
        seen += 1;
        if (seen > 1) return 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n';
        connection.reset();
        return undefined;
      });
      const request = `${method} /pair HTTP/1.1\r\n${HOST_LINE}Content-Length: 0\r\n\r\n`;
      const response = await requestOnce(edge.port, request);
      assert.deepEqual([response.status, seen], again ? [204, 2] : [502, 1]);
    });
  }

  for (const path of ['/malformed', '/small']) {
    test(`a client that goes on sending gets the whole answer to ${path}, and no RST (9112 section 9.6)`, async () => {
      const client = await connectRaw(edge.port);
      const head = path === '/small' ? 'Content-Length: 100000000\r\n' : 'Bad Name: x\r\n';
      client.send(`POST ${path} HTTP/1.1\r\n${HOST_LINE}${head}\r\n`);
      for (let piece = 0; piece < 100; piece += 1) {
        client.send(Buffer.alloc(20_000, 'x'));
        await nextTurn();
      }
      const response = await client.response();
      assert.equal(response.status, path === '/small' ? 413 : 400);
      assert.equal(response.get('connection'), 'close');
      assert.match(response.body, /"requestId":"[^"]+"\}\n$/);
      assert.equal(await client.closed(), 'ended');
      client.close();
    });
  }

  test('a client that has closed its half gets the answer that it waits for (9112 section 9.6)', async () => {
    origin.respondWith(
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    );
    const client = await connectRaw(edge.port);
    client.socket.end(`POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 5\r\n\r\nhello`);
    assert.equal((await client.response()).body, 'ok');
    assert.equal(await client.closed(), 'ended');
  });

  test('whoever closes in the middle of a request gets the answers to those before it', async () => {
    let release = (): void => undefined;
    origin.respondWith(() => new Promise((resolve) => (release = () => resolve(OK))));
    const seen = origin.requests.length;
    const client = await connectRaw(edge.port);
    client.socket.end(`${GET}POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 9\r\n\r\ncut`);
    await waitFor(() => origin.requests.length > seen, { message: 'the first request' });
    // The FIN was sent long before this: one more round trip, on another connection, has passed it.
    await requestOnce(edge.port, 'GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n');
    release();
    assert.equal((await client.response()).body, 'ok');
    assert.equal(await client.closed(), 'ended');
  });
});

suite('time', () => {
  const drip = (atOnce: string, bytes: string): OriginHandler => {
    return async (_request, connection) => {
      connection.write(atOnce);
      await connection.writeSlowly(bytes, { pieceBytes: 1, pauseMs: 100 });
      return undefined;
    };
  };
  const rows: readonly [string, string, OriginHandler, number | 'reset'][] = [
    ['an endpoint that hangs', '/total', () => undefined, 504],
    [
      'an endpoint that drips its head',
      '/total',
      drip('', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(90)}`),
      504,
    ],
    ['one that hangs on every try', '/tries', () => undefined, 504],
    [
      'an endpoint that drips its body',
      '/total',
      drip('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n', 'x'.repeat(90)),
      'reset',
    ],
  ];
  test('whatever an endpoint does, the request ends at its total timeout, give or take 10 %', async () => {
    respondWith((request, connection) => {
      const index = Number(targetOf(request).split('/').at(-1));
      return rows[index]?.[2](request, connection);
    });
    const outcomes = rows.map(async ([title, path, , wanted], index) => {
      const startMs = performance.now();
      const stopwatch = startStopwatch();
      const client = await connectRaw(edge.port);
      client.send(`GET ${path}/${index} HTTP/1.1\r\n${HOST_LINE}\r\n`);
      const seen = await endOf(client).finally(() => client.close());
      assert.equal(seen, wanted, title);
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs > 0.9 * TOTAL_TIMEOUT_MS, `${title}: ${tookMs}`);
      const busyMs = stopwatch.stop();
      assert.ok(busyMs < 1.1 * TOTAL_TIMEOUT_MS, `${title}: ${busyMs}`);
    });
    const failed = (await Promise.allSettled(outcomes)).filter(
      ({ status }) => status !== 'fulfilled',
    );
    assert.deepEqual(failed, []);
  });

  /** Status of the answer, or how the connection ended in one. */
  function endOf(client: RawClient): Promise<number | string> {
    return waitFor(
      () => client.responses()[0]?.status ?? (client.state() === 'open' ? null : client.state()),
      { message: 'the end', deadlineMs: TOTAL_TIMEOUT_MS * 5 },
    );
  }

  test('a client that leaves ends its request at the endpoint within a second: waiting, uploading, reading', async () => {
    const requests = [
      `GET /stuck HTTP/1.1\r\n${HOST_LINE}\r\n`,
      `PUT /stuck HTTP/1.1\r\n${HOST_LINE}Content-Length: 1000000\r\n\r\nsome`,
      `GET /stuck/read HTTP/1.1\r\n${HOST_LINE}\r\n`,
    ];
    onStuck = (socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes('/read'))
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nsome');
      });
      socket.resume();
    };
    for (const request of requests) {
      const before = stuckSockets.length;
      const client = await connectRaw(edge.port);
      client.send(request);
      const socket = await waitFor(() => stuckSockets[before], { message: 'the connection' });
      await waitFor(() => socket.bytesRead > 0, { message: 'the request' });
      if (request.includes('/read')) {
        await waitFor(() => client.received() !== '', { message: 'a part of the answer' });
      }
      const stopwatch = startStopwatch();
      client.socket.resetAndDestroy();
      await waitFor(() => socket.closed, { message: 'the end at the endpoint' });
      assert.ok(stopwatch.stop() < 1000);
    }
  });
});

suite('backpressure', () => {
  /** What the worker has grown by once the work is done, in bytes; its clients are reset then. */
  async function growthOf(work: () => Promise<RawClient[]>): Promise<number> {
    const [pid = 0] = await workerPids(edge.process.pid);
    const before = rssBytes(pid);
    const clients = await work();
    const growth = rssBytes(pid) - before;
    for (const client of clients) client.socket.resetAndDestroy();
    return growth;
  }

  test(`${STALLED} clients that do not read their answers cost at most 1 MiB each`, async () => {
    onStuck = (socket) => {
      socket.resume();
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${FLOOD.length}\r\n\r\n`);
        socket.write(FLOOD);
      });
    };
    const growth = await growthOf(async () => {
      const clients = await Promise.all(
        Array.from({ length: STALLED }, async () => {
          const client = await connectRaw(edge.port, { paused: true });
          client.socket.pause();
          client.send(`GET /stuck HTTP/1.1\r\n${HOST_LINE}\r\n`);
          return client;
        }),
      );
      await waitFor(() => openStuck().length === STALLED, { message: 'the connections' });
      await stalled(openStuck);
      return clients;
    });
    assert.ok(growth <= STALLED * STALLED_BYTES_MAX, `grew by ${growth}`);
  });

  test(`${STALLED} endpoints that do not read their requests cost at most 1 MiB each`, async () => {
    onStuck = () => undefined; // paused since it was accepted
    const growth = await growthOf(async () => {
      const clients = await Promise.all(
        Array.from({ length: STALLED }, async () => {
          const client = await connectRaw(edge.port);
          client.send(`PUT /stuck HTTP/1.1\r\n${HOST_LINE}Content-Length: ${FLOOD.length}\r\n\r\n`);
          client.send(FLOOD);
          return client;
        }),
      );
      await waitFor(() => openStuck().length === STALLED, { message: 'the connections' });
      await stalled(() => clients.map((client) => client.socket));
      return clients;
    });
    assert.ok(growth <= STALLED * STALLED_BYTES_MAX, `grew by ${growth}`);
  });
});

suite('kept-alive connections that end at the worst moment', () => {
  /** Ends each connection after a few answers: at once, or in one of the next turns, when it may be in use again. */
  function endAtRandom(seed: number): OriginHandler {
    const random = createSeededRandom(seed);
    const ended = new Set<OriginConnection>(); // a socket that was ended cannot be reset any more
    return (_request, connection) => {
      if (random.next() > 0.3 || ended.has(connection)) return OK;
      ended.add(connection);
      connection.write(OK);
      const end = random.next() < 0.5 ? () => connection.end() : () => connection.reset();
      if (random.next() < 0.3) end();
      else setTimeout(end, random.next() * 3);
      return undefined;
    };
  }

  test('4,000 GETs: none fails', async () => {
    origin.respondWith(endAtRandom(21));
    const http = createHttpClient(edge.port, 16);
    const failed: (number | string)[] = [];
    await runMany(4000, 16, async () => {
      const { status, error } = await http.send({ path: '/', host: 'a.test' });
      if (status !== 200) failed.push(error ?? status);
    });
    http.close();
    assert.deepEqual(failed, []);
  });

  test('1,500 POSTs: none arrives twice', async () => {
    origin.respondWith(endAtRandom(22));
    const seenBefore = origin.requests.length;
    const http = createHttpClient(edge.port, 16);
    let answered = 0;
    await runMany(1500, 16, async (index) => {
      const path = `/post/${index}`;
      const { status } = await http.send({ method: 'POST', path, host: 'a.test', body: 'x' });
      assert.ok(status === 200 || status === 502, `${status}`);
      if (status === 200) answered += 1;
    });
    http.close();
    const targets = origin.requests.slice(seenBefore).map(targetOf);
    assert.equal(new Set(targets).size, targets.length);
    assert.ok(answered > 1000, `${answered} answered`);
  });
});
