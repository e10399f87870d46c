import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { createHttpOrigin, waitFor, type HttpOrigin } from '@headgate/testkit';
import { planDocument, tenantDocument, type TestEdge } from './support/edge-process.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import type { HttpClient, HttpOutcome } from './support/http-client.ts';
import { createLimitsBench } from './support/limits-bench.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { openTunnel } from './support/open-tunnel.ts';
import { connectRaw } from './support/raw-client.ts';

const LIMIT = 1_000_000;
const STEP = 40_000;
const PACE = 60_000;

const bench = await createLimitsBench();
const tunnels = bench.origin;
let origin: HttpOrigin;
/** Bytes of request bodies that the endpoint got, by path. */
const got = new Map<string, number>();
/** Answers under way. */
const open: ServerResponse[] = [];
let edge: TestEdge;
let http: HttpClient;

before(async () => {
  origin = await createHttpOrigin(answer);
  tunnels.respondWith(() => SWITCHING);
  const upstreams = {
    main: { endpoints: endpointsAt(origin.port) },
    tunnels: { endpoints: endpointsAt(tunnels.port) },
  };
  const routes = {
    rest: { upstreamId: 'main', idleTimeoutMs: 3000 },
    sockets: routeTo('tunnels', '/ws'),
  };
  const limit = (unit: string, changes: object = {}) => {
    return { name: 'bytes', unit, limit: LIMIT, windowMs: 60_000, reserveBytes: STEP, ...changes };
  };
  const tenant = (id: string, limits: readonly object[]) =>
    tenantDocument({ id, hosts: [`${id}.test`], limits, upstreams, routes });
  const uploads = ['known', 'chunked', 'small', 'over', 'gone', 'sockets'];
  const downloads = ['plain', 'large', 'cut', 'abandoned', 'broken'];
  const documents = [
    planDocument(),
    ...uploads.map((id) => tenant(id, [limit('request-bytes')])),
    ...downloads.map((id) => tenant(id, [limit('response-bytes')])),
    tenant('month', [
      { name: 'bytes', kind: 'quota', unit: 'response-bytes', limit: LIMIT, period: 'month' },
    ]),
    tenant('paced', [limit('response-bytes', { limit: PACE, windowMs: 400 })]),
    tenant('mixed', [{ name: 'calls', limit: 3, windowMs: 60_000 }, limit('request-bytes')]),
  ];
  ({ edge, http } = await bench.startEdge(documents, { workers: 1 }));
});

after(() => origin.close());

/** Counts what it gets; answers with as many bytes as the path says, in pieces, or not to the end. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '';
  request.on('data', (chunk: Buffer) => got.set(path, (got.get(path) ?? 0) + chunk.length));
  request.on('error', () => undefined);
  const [, bytes] = /\/bytes\/(\d+)/.exec(path) ?? [];
  if (bytes !== undefined) response.write(bodyOf(Number(bytes)));
  if (path.endsWith('/open')) open.push(response);
  else request.on('end', () => response.end());
}

/** Bytes that differ by their place. */
function bodyOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => 33 + ((at * 7 + (at >> 8)) % 90)));
}

const get = (tenant: string, path = '/'): Promise<HttpOutcome> =>
  http.send({ host: `${tenant}.test`, path });

const put = (tenant: string, path: string, body: string): Promise<HttpOutcome> => {
  const headers = { 'Content-Length': String(body.length) };
  return http.send({ method: 'PUT', host: `${tenant}.test`, path, headers, body });
};

/** Bytes that count, as the answer to a further request tells. It has no body, but takes a step of the response's. */
async function used(tenant: string, reserved: number): Promise<number> {
  const { headers } = await get(tenant, '/used');
  const [, left] = /"bytes";r=(\d+)/.exec(String(headers['ratelimit'])) ?? [];
  assert.ok(left !== undefined, String(headers['ratelimit']));
  return LIMIT - Number(left) - reserved;
}

/** What is given back is told with a call of its own. */
const usedWillBe = (tenant: string, bytes: number, reserved: number): Promise<unknown> =>
  waitFor(async () => (await used(tenant, reserved)) === bytes, {
    message: `${bytes} bytes to be used by ${tenant}`,
  });

const chunked = (tenant: string, path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: ${tenant}.test\r\nTransfer-Encoding: chunked\r\n\r\n`;
const chunkOf = (length: number): string => `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`;

suite('limits of request bytes', () => {
  test('an upload of known length takes just that, or gets 429 before the endpoint hears of it', async () => {
    assert.equal((await put('known', '/known/1', 'x'.repeat(600_000))).status, 200);
    assert.equal(await used('known', 0), 600_000);
    const refused = await put('known', '/known/2', 'x'.repeat(400_001));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['ratelimit-policy'], '"bytes";q=1000000;qu="content-bytes";w=60');
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.equal((await put('known', '/known/3', 'x'.repeat(400_000))).status, 200);
    assert.equal(await used('known', 0), LIMIT);
    assert.equal((await get('known', '/known/4')).status, 200); // without a body it takes nothing
    assert.equal(got.get('/known/2'), undefined);
  });

  test('an upload above the limit never passes; a small body counts as any other', async () => {
    const refused = await put('small', '/small', 'x'.repeat(LIMIT + 1));
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, undefined]);
    assert.equal((await put('small', '/small', 'x'.repeat(10))).status, 200);
    assert.equal(await used('small', 0), 10);
  });

  test('a request that one limit refuses takes nothing of another', async () => {
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await put('mixed', '/mixed', 'x'.repeat(400_000))).status, 200);
    }
    assert.equal((await put('mixed', '/mixed', 'x'.repeat(400_000))).status, 429);
    const { status, headers } = await put('mixed', '/mixed', 'x'.repeat(200_000));
    assert.equal(status, 200);
    assert.match(String(headers['ratelimit']), /"calls";r=0;t=\d+, "bytes";r=0/);
    assert.equal((await get('mixed')).status, 429);
  });

  test('a chunked upload takes steps, arrives whole, and what it did not use is given back', async () => {
    const client = await connectRaw(edge.port);
    client.send(chunked('chunked', '/chunked'));
    for (const length of [1, 39_999, 100_000, 5, 130_000, 1234]) client.send(chunkOf(length));
    client.send('0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.equal(got.get('/chunked'), 271_239);
    await usedWillBe('chunked', 271_239, 0);
    client.send(`GET / HTTP/1.1\r\nHost: chunked.test\r\n\r\n`);
    assert.equal((await client.response(1)).status, 200); // the connection goes on
    client.close();
  });

  test('a chunked upload gets 429 where the limit ends: the endpoint has what was allowed', async () => {
    const client = await connectRaw(edge.port);
    client.send(chunked('over', '/over'));
    for (let count = 0; count < 11; count += 1) client.send(chunkOf(100_000));
    const { status, body } = await client.response();
    assert.equal(status, 429);
    assert.match(body, /The limit \\?"bytes\\?" is exceeded/);
    assert.ok((got.get('/over') ?? 0) <= LIMIT);
    await usedWillBe('over', LIMIT, 0);
    client.close();
  });

  test('a client that gives up halfway is charged what passed', async () => {
    const client = await connectRaw(edge.port);
    client.send(chunked('gone', '/gone'));
    client.send(chunkOf(50_000));
    await waitFor(() => got.get('/gone') === 50_000, { message: 'the bytes at the endpoint' });
    assert.equal(await used('gone', 0), 2 * STEP);
    client.close();
    await usedWillBe('gone', 50_000, 0);
    const known = await connectRaw(edge.port);
    known.send('PUT /gone/2 HTTP/1.1\r\nHost: gone.test\r\nContent-Length: 500000\r\n\r\n');
    known.send('x'.repeat(20_000));
    await waitFor(() => got.get('/gone/2') === 20_000, { message: 'the bytes at the endpoint' });
    assert.equal(await used('gone', 0), 550_000);
    known.close();
    await usedWillBe('gone', 70_000, 0);
  });

  test('frames of a WebSocket count as bytes of the request', async () => {
    const handshake = HANDSHAKE.replace(/Host: .*\r\n/, 'Host: sockets.test\r\n');
    const { client, toEndpoint } = await openTunnel(edge.port, tunnels, handshake);
    const sent = bodyOf(90_000);
    client.send(sent);
    await waitFor(() => toEndpoint().length === 90_000, { message: 'the bytes at the endpoint' });
    assert.ok(toEndpoint().equals(sent));
    client.socket.resetAndDestroy();
    await usedWillBe('sockets', 90_000, 0);
  });
});

suite('limits of response bytes', () => {
  test('a response is charged what passed of it, whatever was taken in advance', async () => {
    assert.equal((await get('plain', '/bytes/1')).body.length, 1);
    await usedWillBe('plain', 1, STEP);
    assert.equal((await get('plain', '/bytes/39999')).body.length, 39_999);
    await usedWillBe('plain', STEP, STEP);
  });

  test('a large response of unknown length arrives whole', async () => {
    const { status, body } = await get('large', '/bytes/900001');
    assert.equal(status, 200);
    const digest = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
    assert.equal(digest(Buffer.from(body, 'latin1')), digest(bodyOf(900_001)));
    await usedWillBe('large', 900_001, STEP);
  });

  test('a response beyond the limit is cut there, and cannot be taken for a whole one', async () => {
    const client = await connectRaw(edge.port);
    client.send('GET /bytes/1200000 HTTP/1.1\r\nHost: cut.test\r\n\r\n');
    assert.equal(await client.closed(), 'reset');
    const received = client.received();
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.ok(received.length <= LIMIT + 10_000);
    const refused = await get('cut');
    assert.equal(refused.status, 429);
    assert.match(refused.body, /The limit \\"bytes\\" is exceeded/);
  });

  test('a client that gives up, and an endpoint that does, leave what passed', async () => {
    const client = await connectRaw(edge.port);
    client.send('GET /bytes/50000/open HTTP/1.1\r\nHost: abandoned.test\r\n\r\n');
    await waitFor(() => client.received().length > 50_000, { message: 'the body' });
    client.socket.resetAndDestroy();
    await usedWillBe('abandoned', 50_000, STEP);
    const broken = get('broken', '/bytes/70000/open');
    await waitFor(() => open.length === 2, { message: 'the second answer' });
    await waitFor(async () => (await used('broken', STEP)) === 2 * STEP, { message: 'two steps' });
    open[1]?.destroy();
    assert.notEqual((await broken).error, null);
    await usedWillBe('broken', 70_000, STEP);
  });

  test('a quota counts bytes as a window does', async () => {
    const { headers } = await get('month', '/bytes/300000');
    assert.equal(headers['ratelimit-policy'], '"bytes";q=1000000;qu="content-bytes";period=month');
    await usedWillBe('month', 300_000, 65_536);
    assert.equal((await get('month', '/bytes/690000')).body.length, 690_000);
    assert.equal((await get('month')).status, 429);
  });

  test('a response that outruns a short window waits for it, and keeps it', async () => {
    const startMs = performance.now();
    const { status, body } = await get('paced', '/bytes/150000');
    const tookMs = performance.now() - startMs;
    assert.deepEqual([status, body.length], [200, 150_000]);
    assert.ok(tookMs >= 800, `${tookMs} ms`); // the third window begins then
  });
});
