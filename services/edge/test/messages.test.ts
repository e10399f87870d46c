import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { HOST_LINE, OK } from './support/plain-messages.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';
import { targetOf } from './support/recorded-head.ts';
import { stalled } from './support/stalled.ts';
import { rssBytes, workerPids } from './support/worker-pids.ts';

const KEEP_ALIVE_GET = `GET /again HTTP/1.1\r\n${HOST_LINE}\r\n`;

let origin: RecordingOrigin;
let edge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = {
    rest: { upstreamId: 'main' },
    small: routeTo('main', '/small', { requestBodyBytesMax: 1000 }),
    keyed: routeTo('main', '/keyed', { auth: 'api_key' }),
  };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

beforeEach(() => origin.respondWith(() => OK));

suite('responses', () => {
  const bodiless: readonly [string, string, string][] = [
    ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'],
    ['HEAD of a chunked resource', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    [
      '304 with a length',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n',
    ],
  ];
  for (const [title, method, response] of bodiless) {
    test(`${title}: no body, and the connection goes on`, async () => {
      origin.respondWith(() => response);
      const client = await connectRaw(edge.port);
      client.send(`${method} / HTTP/1.1\r\n${HOST_LINE}\r\n`);
      const first = await client.response(0, [method]);
      assert.equal(first.get('content-length'), /Length: (\d+)/.exec(response)?.[1] ?? '');
      assert.equal(first.get('transfer-encoding'), '');
      origin.respondWith(() => OK);
      client.send(KEEP_ALIVE_GET);
      assert.equal((await client.response(1, [method])).body, 'ok');
      client.close();
    });
  }

  const framings: readonly [string, string, boolean][] = [
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n',
      false,
    ],
    ['close-delimited', 'HTTP/1.1 200 OK\r\n\r\nhello world', true],
    ['of an HTTP/1.0 backend', 'HTTP/1.0 200 OK\r\n\r\nhello world', true],
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world', false],
  ];
  for (const [title, response, end] of framings) {
    const serve = (): void =>
      origin.respondWith((_request, connection) => {
        connection.write(response);
        if (end) connection.end();
        return undefined;
      });
    test(`a body ${title} reaches an HTTP/1.1 client, whose connection goes on`, async () => {
      serve();
      const client = await connectRaw(edge.port);
      client.send(`GET / HTTP/1.1\r\n${HOST_LINE}\r\n`);
      const first = await client.response();
      assert.equal(first.body, 'hello world');
      assert.equal(first.get('x-t'), '', 'trailers are not merged');
      client.send(KEEP_ALIVE_GET);
      assert.equal((await client.response(1)).body, 'hello world');
      client.close();
    });
    test(`a body ${title} reaches an HTTP/1.0 client, never in chunks`, async () => {
      serve();
      const client = await connectRaw(edge.port);
      client.send(`GET / HTTP/1.0\r\n${HOST_LINE}Connection: keep-alive\r\n\r\n`);
      const first = await client.response();
      assert.equal(first.body, 'hello world');
      assert.equal(first.get('transfer-encoding'), '');
      const keeps = first.get('content-length') !== '';
      assert.equal(first.get('connection'), keeps ? 'keep-alive' : 'close');
      if (!keeps) await client.closed();
      client.close();
    });
  }

  test('a local reply to an HTTP/1.0 client that wants to go on says so', async () => {
    const request = `GET /keyed HTTP/1.0\r\n${HOST_LINE}Connection: keep-alive\r\n\r\n`;
    assert.equal((await requestOnce(edge.port, request)).get('connection'), 'keep-alive');
  });

  test('a malformed request behind a HEAD gets its whole answer', async () => {
    const client = await connectRaw(edge.port);
    client.send(`HEAD / HTTP/1.1\r\n${HOST_LINE}\r\n`);
    await client.response(0, ['HEAD']);
    client.send('\0\r\n\r\n');
    assert.match((await client.response(1, ['HEAD'])).body, /HG_HTTP_MALFORMED/);
    await client.closed();
  });
});

suite('interim responses', () => {
  test('100-continue end to end: the client waits, the backend asks for the body', async () => {
    const client = await connectRaw(edge.port);
    client.send(`POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    const backend = await waitFor(
      () => origin.connections.find((one) => one.received().includes('100-continue\r\n')),
      { message: 'the head at the backend' },
    );
    backend.write('HTTP/1.1 100 Continue\r\n\r\n');
    await waitFor(() => client.responses()[0]?.status === 100, { message: '100' });
    client.send('hello');
    assert.equal((await client.response()).status, 200);
    assert.equal(origin.requests.at(-1)?.body.toString(), 'hello');
    client.close();
  });

  test('an expectation that is refused by the edge: no body is awaited, the connection ends', async () => {
    const client = await connectRaw(edge.port);
    client.send(
      `POST /keyed HTTP/1.1\r\n${HOST_LINE}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
    );
    assert.equal((await client.response()).status, 401);
    assert.equal(await client.closed(), 'ended');
  });

  test('an expectation that the backend refuses: its answer comes through', async () => {
    const client = await connectRaw(edge.port);
    client.send(`POST / HTTP/1.1\r\n${HOST_LINE}Content-Length: 7\r\nExpect: 100-continue\r\n\r\n`);
    const backend = await waitFor(
      () =>
        origin.connections.find((one) => one.received().includes('Length: 7\r\n') && !one.ended),
      { message: 'the head at the backend' },
    );
    backend.write('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n');
    assert.equal((await client.response()).status, 417);
    assert.equal(await client.closed(), 'ended', 'nobody knows whether the body will come');
  });

  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
  test('103 is passed on to HTTP/1.1 and kept from HTTP/1.0', async () => {
    origin.respondWith(() => hints + OK);
    const client = await connectRaw(edge.port);
    client.send(`GET / HTTP/1.1\r\n${HOST_LINE}\r\n`);
    await client.response();
    const [first, second] = client.responses();
    assert.deepEqual(
      [first?.status, first?.get('link'), second?.status],
      [103, '</a.css>; rel=preload', 200],
    );
    client.close();
    const old = await connectRaw(edge.port);
    old.send(`GET / HTTP/1.0\r\n${HOST_LINE}\r\n`);
    await old.closed();
    assert.deepEqual(
      old.responses().map(({ status }) => status),
      [200],
    );
  });
});

suite('pipelining', () => {
  test('answers come in order, those of the edge between those of the backend', async () => {
    origin.respondWith((request) => {
      const path = targetOf(request);
      return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
    });
    const client = await connectRaw(edge.port);
    const wanted: string[] = [];
    let bytes = '';
    for (let index = 0; index < 100; index += 1) {
      const kind = index % 4;
      const path = kind === 1 ? `/keyed/${index}` : `/${index}`;
      const body =
        kind < 2 ? '' : kind === 2 ? 'GET /no HTTP/1.1\r\n\r\n' : '3\r\nabc\r\n0\r\n\r\n';
      const framing =
        kind === 3 ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.length}\r\n`;
      bytes += `POST ${path} HTTP/1.1\r\n${HOST_LINE}${framing}\r\n${body}`;
      wanted.push(kind === 1 ? 'HG_AUTH_REQUIRED' : path);
    }
    client.send(bytes);
    await client.response(99);
    client.responses().forEach((response, index) => {
      const expected = wanted[index] ?? '';
      assert.ok(response.body === expected || response.body.includes(expected), `answer ${index}`);
    });
    client.close();
  });

  test('requests before a half-close are all answered, then the connection ends', async () => {
    const client = await connectRaw(edge.port);
    client.send(KEEP_ALIVE_GET.repeat(3) + `GET /keyed HTTP/1.1\r\n${HOST_LINE}\r\n`.repeat(2));
    client.socket.end();
    assert.equal(await client.closed(), 'ended');
    assert.deepEqual(
      client.responses().map(({ status }) => status),
      [200, 200, 200, 401, 401],
    );
    assert.equal(client.responses()[4]?.get('connection'), 'close');
  });

  test('an unread body of a refused request is never read as a request', async () => {
    const client = await connectRaw(edge.port);
    const smuggled = `GET /smuggled HTTP/1.1\r\n${HOST_LINE}\r\n`;
    const before = origin.requests.length;
    client.send(`POST /keyed HTTP/1.1\r\n${HOST_LINE}Content-Length: ${smuggled.length}\r\n\r\n`);
    assert.equal((await client.response()).status, 401);
    client.send(smuggled);
    client.send(KEEP_ALIVE_GET);
    assert.equal((await client.response(1)).status, 200);
    assert.deepEqual(origin.requests.slice(before).map(targetOf), ['/again']);
    client.close();
  });

  test('a connection whose small body came before its backend connection goes on', async () => {
    // The first POST of an edge finds no idle connection: its body waits while one is opened.
    const client = await connectRaw(edge.port);
    for (let index = 0; index < 20; index += 1) {
      origin.respondWith((_request, connection) => {
        connection.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
        connection.end();
        return undefined;
      });
      client.send(`POST /${index} HTTP/1.1\r\n${HOST_LINE}Content-Length: 5\r\n\r\nhello`);
      assert.equal((await client.response(index)).status, 200);
    }
    client.close();
  });

  test('a client that sends requests and never reads answers does not fill the memory', async () => {
    const [pid = 0] = await workerPids(edge.process.pid);
    const rssBefore = rssBytes(pid);
    const client = await connectRaw(edge.port, { paused: true });
    client.socket.pause();
    const batch = Buffer.from(`GET /keyed HTTP/1.1\r\n${HOST_LINE}\r\n`.repeat(20_000));
    for (let sent = 0; sent < 100; sent += 1) client.send(batch); // 80 MB: more than the kernel takes
    await stalled(() => [client.socket]);
    // Others are served meanwhile.
    for (let index = 0; index < 50; index += 1) await requestOnce(edge.port, KEEP_ALIVE_GET);
    assert.ok(rssBytes(pid) - rssBefore < 64_000_000, `grew by ${rssBytes(pid) - rssBefore}`);
    client.close();
  });
});

suite('body bounds', () => {
  const assertTooLarge = async (head: string, body: string): Promise<void> => {
    const client = await connectRaw(edge.port);
    client.send(`POST /small HTTP/1.1\r\n${HOST_LINE}${head}\r\n${body}`);
    const response = await client.response();
    assert.equal(response.status, 413);
    assert.match(response.body, /HG_HTTP_BODY_TOO_LARGE/);
    client.close();
  };
  test('announced', () => assertTooLarge('Content-Length: 1001\r\n', ''));
  test('in one chunk', () =>
    assertTooLarge('Transfer-Encoding: chunked\r\n', `3e9\r\n${'x'.repeat(1001)}\r\n`));
  test('in many chunks', () =>
    assertTooLarge('Transfer-Encoding: chunked\r\n', '1\r\nx\r\n'.repeat(1001)));
  test('exactly the bound passes, in both framings', async () => {
    const body = 'x'.repeat(1000);
    for (const message of [
      `Content-Length: 1000\r\n\r\n${body}`,
      `Transfer-Encoding: chunked\r\n\r\n3e8\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      const response = await requestOnce(
        edge.port,
        `POST /small HTTP/1.1\r\n${HOST_LINE}${message}`,
      );
      assert.equal(response.status, 200);
    }
  });
});
