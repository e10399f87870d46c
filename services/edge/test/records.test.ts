import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import { hasMetrics, metricSum, readMetrics } from './support/edge-metrics.ts';
import type { TestEdge } from './support/edge-process.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { OK } from './support/plain-messages.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';

const SECRET = 'hgk_thesecret';
const LINE_CHARACTERS_MAX = 16_384;

let origin: RecordingOrigin;
let edge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin();
  const upstreams = {
    main: { endpoints: endpointsAt(origin.port) },
    dead: { endpoints: endpointsAt(1) },
  };
  const routes = {
    rest: { upstreamId: 'main' },
    dead: routeTo('dead', '/dead'),
    keyed: routeTo('main', '/keyed', { auth: 'api_key' }),
    small: routeTo('main', '/small', { requestBodyBytesMax: 10 }),
  };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

interface AccessLine {
  readonly [field: string]: unknown;
}

/** The records as they were written. */
const accessTexts = (): string[] =>
  edge.process.stdout().filter((line) => line.startsWith('{"type":"access"'));

const accessLines = (): AccessLine[] => accessTexts().map((line) => JSON.parse(line) as AccessLine);

/** Runs `work`, waits for `count` further records and returns them. */
async function recordsOf(count: number, work: () => Promise<unknown>): Promise<AccessLine[]> {
  const before = accessLines().length;
  await work();
  await waitFor(() => accessLines().length >= before + count, {
    message: `${count} records`,
    describe: () => accessLines().slice(before),
  });
  return accessLines().slice(before);
}

const head = (line: string, ...headers: string[]): string =>
  `${[line, 'Host: a.test', ...headers].join('\r\n')}\r\n\r\n`;

suite('access records', () => {
  const once: readonly [string, string, AccessLine][] = [
    [
      'an answer of the backend',
      head('GET /x?key=secret HTTP/1.1'),
      {
        method: 'GET',
        host: 'a.test',
        path: '/x',
        status: 200,
        code: null,
        proxyStatus: null,
        tenantId: 'a',
        routeId: 'rest',
        upstreamId: 'main',
        attempts: 1,
        bytesOut: 2,
      },
    ],
    ['a body', `${head('POST / HTTP/1.1', 'Content-Length: 5')}hello`, { status: 200, bytesIn: 5 }],
    [
      'an unknown tenant',
      head('GET / HTTP/1.1').replace('a.test', 'n.test'),
      {
        status: 404,
        code: 'HG_TENANT_UNKNOWN',
        proxyStatus: 'headgate; error=destination_not_found',
        tenantId: null,
      },
    ],
    ['no key', head('GET /keyed HTTP/1.1'), { status: 401, code: 'HG_AUTH_REQUIRED', attempts: 0 }],
    [
      'a body too large',
      `${head('POST /small HTTP/1.1', 'Transfer-Encoding: chunked')}ff\r\n${'x'.repeat(255)}`,
      { status: 413, code: 'HG_HTTP_BODY_TOO_LARGE' },
    ],
    [
      'a malformed request',
      'GET / HTTP/1.1\r\nHost : a.test\r\n\r\n',
      { status: 400, code: 'HG_HTTP_MALFORMED', method: '', host: '', path: '' },
    ],
    [
      'binary noise',
      '\x16\x03\x01\x1b[31m\xe2\x80\xa8',
      { status: 400, code: 'HG_HTTP_MALFORMED' },
    ],
    [
      'a dead upstream',
      head('GET /dead HTTP/1.1'),
      {
        status: 503,
        code: 'HG_UPSTREAM_NONE_AVAILABLE',
        proxyStatus: 'headgate; error=connection_refused',
        endpoint: '127.0.0.1:1',
      },
    ],
  ];
  for (const [title, request, fields] of once) {
    test(`${title}: one`, async () => {
      let id = '';
      const lines = await recordsOf(1, async () => {
        id = (await requestOnce(edge.port, request)).get('x-request-id');
      });
      assert.equal(lines.length, 1);
      assert.equal(lines[0]?.['requestId'], id);
      for (const [field, value] of Object.entries(fields))
        assert.equal(lines[0]?.[field], value, field);
    });
  }

  test('a client that leaves: one, without a status; within the answer: one, with it', async () => {
    origin.respondWith(() => undefined);
    const [waiting] = await recordsOf(1, async () => {
      const seen = origin.requests.length;
      const client = await connectRaw(edge.port);
      client.send(head('GET / HTTP/1.1'));
      await waitFor(() => origin.requests.length > seen, { message: 'the request' });
      client.socket.resetAndDestroy();
    });
    assert.deepEqual([waiting?.['status'], waiting?.['code']], [0, null]);
    origin.respondWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
    const [reading] = await recordsOf(1, async () => {
      const client = await connectRaw(edge.port);
      client.send(head('GET / HTTP/1.1'));
      await waitFor(() => client.received().endsWith('some'), { message: 'a part of the answer' });
      client.socket.resetAndDestroy();
    });
    assert.deepEqual([reading?.['status'], reading?.['bytesOut']], [200, 4]);
    origin.respondWith(() => OK);
  });

  test('an answer that is cut: its status, and in Proxy-Status what was received and why it ended', async () => {
    origin.respondWith((_request, connection) => {
      connection.write('HTTP/1.1 201 Made\r\nContent-Length: 100\r\n\r\nsome');
      connection.end();
      return undefined;
    });
    const [cut] = await recordsOf(1, async () => {
      const client = await connectRaw(edge.port);
      client.send(head('GET / HTTP/1.1'));
      assert.equal(await client.closed(), 'reset');
    });
    assert.deepEqual(
      [cut?.['status'], cut?.['code'], cut?.['proxyStatus']],
      [201, 'HG_UPSTREAM_RESET', 'headgate; error=http_response_incomplete; received-status=201'],
    );
    origin.respondWith(() => OK);
  });

  test('hostile text cannot break a line or leave its field; secrets are not in it', async () => {
    const agent = `${'A'.repeat(9000)}"\\\x9b\xe2\x80\xa8\${jndi:ldap://x}`;
    const lines = await recordsOf(2, async () => {
      await requestOnce(
        edge.port,
        head(
          'GET /p?api_key=hgk_thesecret HTTP/1.1',
          `User-Agent: ${agent}`,
          `Authorization: Bearer ${SECRET}`,
        ),
      );
      await requestOnce(edge.port, head(`GET /"}{"type":"access" HTTP/1.1`));
    });
    assert.equal(lines.length, 2);
    for (const line of accessTexts()) {
      assert.ok(line.length <= LINE_CHARACTERS_MAX);
      assert.ok(/^[\x20-\x7e]*$/.test(line), 'visible ASCII only');
      assert.ok(!line.includes(SECRET));
    }
  });

  test('pipelined requests: one each, in order', async () => {
    const lines = await recordsOf(50, async () => {
      const client = await connectRaw(edge.port);
      client.send(
        Array.from({ length: 50 }, (_, index) => head(`GET /n/${index} HTTP/1.1`)).join(''),
      );
      await client.response(49);
      client.close();
    });
    assert.deepEqual(
      lines.map((line) => line['path']),
      Array.from({ length: 50 }, (_, index) => `/n/${index}`),
    );
  });

  test('no line on standard output is anything but JSON', () => {
    for (const line of edge.process.stdout())
      assert.doesNotThrow(() => void JSON.parse(line), line);
  });
});

suite('metrics', () => {
  test('they add up to the records, and nothing is left active', async () => {
    const records = accessLines();
    await waitFor(() => hasMetrics(edge.admin, 'headgate_active_requests 0'), {
      message: 'no active requests',
    });
    const metrics = await readMetrics(edge.admin);
    assert.equal(metricSum(metrics, 'headgate_requests_total'), records.length);
    assert.equal(
      metricSum(metrics, 'headgate_local_replies_total'),
      records.filter((record) => record['code'] !== null).length,
    );
    const attempts = records.reduce((sum, record) => sum + Number(record['attempts']), 0);
    assert.equal(metricSum(metrics, 'headgate_upstream_attempts_total'), attempts);
    const bytesOut = records.reduce((sum, record) => sum + Number(record['bytesOut']), 0);
    assert.equal(metricSum(metrics, 'headgate_response_bytes_total'), bytesOut);
    assert.equal(metricSum(metrics, 'headgate_access_records_dropped_total'), 0);
  });

  test('connections of clients that left are not counted', async () => {
    await waitFor(
      async () => {
        const metrics = await readMetrics(edge.admin);
        return metricSum(metrics, 'headgate_downstream_connections') === 0;
      },
      { message: 'no open connections' },
    );
  });
});
