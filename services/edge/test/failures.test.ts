import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  createRecordingOrigin,
  createSeededRandom,
  freePort,
  startStopwatch,
  waitFor,
  type OriginHandler,
  type RecordingOrigin,
} from '@headgate/testkit';
import { readMetrics } from './support/edge-metrics.ts';
import type { TestEdge } from './support/edge-process.ts';
import { createHttpClient, runMany, type HttpClient } from './support/http-client.ts';
import { endpointsAt, routeTo, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { HOST, HOST_LINE, OK } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';
import { targetOf } from './support/recorded-head.ts';

/** What a faulty endpoint does with a request. */
const FAULTS: Readonly<Record<string, OriginHandler>> = {
  reset: (_request, connection) => void connection.reset(),
  close: (_request, connection) => void connection.end(),
  hang: () => undefined,
  garbage: () => 'HTTP/1.1 banana\r\n\r\n',
  hint: (_request, connection) => {
    connection.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
    connection.end();
  },
};

let good: RecordingOrigin;
const bad = new Map<string, RecordingOrigin>();
let edge: TestEdge;
let http: HttpClient;

/** An upstream per fault: the faulty endpoint beside a good one, and the faulty one alone. */
before(async () => {
  good = await createRecordingOrigin();
  const refusing = await freePort();
  const upstreams: Record<string, object> = {};
  const routes: Record<string, object> = {};
  const add = (name: string, ports: readonly number[], settings: object = {}): void => {
    upstreams[name] = { endpoints: endpointsAt(...ports), picker: 'round_robin', ...settings };
    const perTryTimeoutMs = name.startsWith('hang') ? 300 : 5000;
    routes[name] = routeTo(name, `/${name}`, { perTryTimeoutMs, idleTimeoutMs: 800 });
  };
  add('refuse', [refusing, good.port]);
  add('refuse-alone', [refusing]);
  for (const [name, handler] of Object.entries(FAULTS)) {
    const origin = await createRecordingOrigin({ handler });
    bad.set(name, origin);
    add(name, [origin.port, good.port]);
    add(`${name}-alone`, [origin.port]);
  }
  for (const name of ['moody', 'stale', 'body', 'busy', 'abort']) {
    const origin = await createRecordingOrigin();
    bad.set(name, origin);
    add(name, [origin.port], name === 'busy' ? { connectionsMax: 1, pendingMax: 1 } : {});
  }
  edge = await startOneTenantEdge({ upstreams, routes });
  http = createHttpClient(edge.port);
});

after(async () => {
  await Promise.all([good, ...bad.values()].map((origin) => origin.close()));
  await edge.stop();
  http.close();
});

function originOf(name: string): RecordingOrigin {
  const origin = bad.get(name);
  assert.ok(origin !== undefined, name);
  return origin;
}

suite('an endpoint that fails before a byte of its answer', () => {
  for (const name of ['refuse', 'reset', 'close', 'hang']) {
    test(`${name}: GET, HEAD, PUT, DELETE and OPTIONS go to the other endpoint`, async () => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'GET']) {
        const body = method === 'PUT' ? 'hello' : '';
        const outcome = await http.send({ method, path: `/${name}`, host: HOST, body });
        assert.equal(outcome.status, 200, `${method}: ${outcome.error ?? outcome.body}`);
      }
    });
  }

  const alone: readonly [string, number, string][] = [
    ['refuse', 503, 'HG_UPSTREAM_NONE_AVAILABLE'],
    ['reset', 502, 'HG_UPSTREAM_RESET'],
    ['close', 502, 'HG_UPSTREAM_RESET'],
    ['garbage', 502, 'HG_UPSTREAM_MALFORMED'],
    ['hang', 504, 'HG_UPSTREAM_TIMEOUT'],
  ];
  for (const [name, status, code] of alone) {
    test(`${name} with no other endpoint: ${status}, and the connection goes on`, async () => {
      const client = createHttpClient(edge.port, 1);
      for (let round = 0; round < 2; round += 1) {
        const outcome = await client.send({ path: `/${name}-alone`, host: HOST });
        assert.equal(outcome.status, status);
        assert.match(outcome.body, new RegExp(code));
        assert.equal(outcome.headers['connection'], undefined);
        if (status === 503) assert.equal(outcome.headers['retry-after'], '1');
      }
      client.close();
    });
  }

  test('garbage is not retried: the endpoint has done the work', async () => {
    const before = originOf('garbage').requests.length + good.requests.length;
    for (let round = 0; round < 4; round += 1) await http.send({ path: '/garbage', host: HOST });
    assert.equal(originOf('garbage').requests.length + good.requests.length - before, 4);
  });

  test('a request whose client has been told something is not retried', async () => {
    const before = originOf('hint').requests.length + good.requests.length;
    const statuses: number[][] = [];
    for (let round = 0; round < 2; round += 1) {
      const client = await connectRaw(edge.port);
      client.send(`GET /hint HTTP/1.1\r\n${HOST_LINE}Connection: close\r\n\r\n`);
      await client.closed();
      statuses.push(client.responses().map(({ status }) => status));
    }
    // In turn, each endpoint once: what one has hinted at the other does not answer.
    assert.deepEqual(statuses.sort(), [[103, 502], [200]]);
    assert.equal(originOf('hint').requests.length + good.requests.length - before, 2);
  });

  test('a POST is sent on if nothing of it was sent, else never twice', async () => {
    const refused = await http.send({ method: 'POST', path: '/refuse', host: HOST, body: 'x' });
    assert.equal(refused.status, 200);
    const before = originOf('hang').requests.length + good.requests.length;
    for (let round = 0; round < 2; round += 1) {
      await http.send({ method: 'POST', path: '/hang', host: HOST, body: 'x' });
    }
    assert.equal(originOf('hang').requests.length + good.requests.length - before, 2);
  });

  test('all endpoints down is answered at once, not queued', async () => {
    await http.send({ path: '/refuse-alone', host: HOST });
    const stopwatch = startStopwatch();
    for (let round = 0; round < 50; round += 1) {
      assert.equal((await http.send({ path: '/refuse-alone', host: HOST })).status, 503);
    }
    assert.ok(stopwatch.stop() / 50 < 50, 'each within 50 ms');
  });
});

suite('counts at the backend', () => {
  test('1,000 POSTs to an endpoint that resets and closes at random arrive at most once each', async () => {
    const random = createSeededRandom(7);
    const origin = originOf('moody');
    origin.respondWith((_request, connection) => {
      const draw = random.next();
      if (draw < 0.2) return void connection.reset();
      if (draw < 0.4) return void connection.end();
      if (draw < 0.6) setImmediate(() => connection.end());
      return OK;
    });
    let answered = 0;
    await runMany(1000, 16, async (index) => {
      const { status } = await http.send({
        method: 'POST',
        path: `/moody/${index}`,
        host: HOST,
        body: 'x',
      });
      assert.ok(status === 200 || status === 502, `${status}`);
      if (status === 200) answered += 1;
    });
    const counts = new Map<string, number>();
    for (const request of origin.requests) {
      const target = targetOf(request);
      counts.set(target, (counts.get(target) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts].filter(([, count]) => count > 1),
      [],
    );
    assert.ok(answered > 300, `${answered} answered`);
  });

  test('2,000 GETs while the endpoint closes each connection exactly when it is used again: none fails', async () => {
    const served = new Set<number>();
    originOf('stale').respondWith((_request, connection) => {
      if (!served.has(connection.index)) {
        served.add(connection.index);
        return OK;
      }
      return void (connection.index % 2 === 0 ? connection.end() : connection.reset());
    });
    const failed: number[] = [];
    await runMany(2000, 8, async () => {
      const { status } = await http.send({ path: '/stale', host: HOST });
      if (status !== 200) failed.push(status);
    });
    assert.deepEqual(failed, []);
  });
});

suite('an endpoint that fails within its answer', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n';
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const cuts: readonly [string, string, 'end' | 'reset'][] = [
    ['short body, then FIN', `${head}only this`, 'end'],
    ['short body, then RST', `${head}only this`, 'reset'],
    ['chunks without the last one, then FIN', `${chunked}5\r\nhello\r\n`, 'end'],
    ['a chunk that breaks off', `${chunked}ff\r\nhello`, 'end'],
    ['a chunk size that is none', `${chunked}5\r\nhello\r\nxyz\r\n`, 'end'],
    [
      'a body that lasts until the connection ends, then RST',
      'HTTP/1.1 200 OK\r\n\r\nhello',
      'reset',
    ],
  ];
  for (const [title, bytes, ending] of cuts) {
    for (const version of ['1.1', '1.0']) {
      test(`${title}: an HTTP/${version} client sees that it is not whole`, async () => {
        const client = await connectRaw(edge.port);
        originOf('body').respondWith(async (_request, connection) => {
          connection.write(bytes);
          // An RST may overtake what was sent before it.
          await waitFor(() => client.received() !== '' || client.state() === 'reset', {
            message: 'a part of the answer, or its end',
          });
          connection[ending]();
          return undefined;
        });
        client.send(`GET /body HTTP/${version}\r\n${HOST_LINE}\r\n`);
        assert.equal(await client.closed(), 'reset');
        client.close();
      });
    }
  }

  test('silence within a body ends at the idle timeout', async () => {
    originOf('body').respondWith(() => `${head}only this`);
    const client = await connectRaw(edge.port);
    client.send(`GET /body HTTP/1.1\r\n${HOST_LINE}\r\n`);
    assert.equal(await client.closed(), 'reset');
  });
});

suite('bounds of an upstream', () => {
  test('a full connection pool queues up to its bound, then answers 503; the queue is served', async () => {
    const origin = originOf('busy');
    const release: (() => void)[] = [];
    origin.respondWith(() => new Promise((resolve) => release.push(() => resolve(OK))));
    const send = (path: string) => http.send({ path: `/busy${path}`, host: HOST });
    // The edge has read what was sent before once it has answered what was sent after.
    const roundTrip = () => http.send({ path: '/', host: 'nobody.test' });
    const first = send('/1');
    await waitFor(() => release.length === 1, { message: 'the first request' });
    const gone = await connectRaw(edge.port);
    gone.send('GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n'); // so that the edge has accepted it
    await gone.response();
    gone.send(`GET /busy/gone HTTP/1.1\r\n${HOST_LINE}\r\n`);
    await roundTrip();
    const overflow = await send('/overflow');
    assert.deepEqual([overflow.status, overflow.headers['retry-after']], [503, '1']);
    assert.match(overflow.body, /HG_UPSTREAM_OVERLOADED/);
    gone.socket.resetAndDestroy(); // who gives up makes room
    await roundTrip();
    const second = send('/2');
    await roundTrip();
    assert.equal((await send('/overflow')).status, 503);
    release[0]?.();
    assert.equal((await first).status, 200);
    await waitFor(() => release.length === 2, { message: 'the second request' });
    release[1]?.();
    assert.equal((await second).status, 200);
    assert.deepEqual(origin.requests.map(targetOf), ['/busy/1', '/busy/2']);
    assert.equal(origin.connections.length, 1);
  });

  test("a client's abort cancels its request at the endpoint and is no failure of it", async () => {
    const origin = originOf('abort');
    const failuresBefore = await failedAttempts();
    origin.respondWith(() => undefined);
    for (let round = 0; round < 10; round += 1) {
      const seen = origin.requests.length;
      const client = await connectRaw(edge.port);
      client.send(`GET /abort HTTP/1.1\r\n${HOST_LINE}\r\n`);
      await waitFor(() => origin.requests.length > seen, { message: 'the request' });
      client.socket.resetAndDestroy();
      const link = origin.connections.at(-1);
      await waitFor(() => link?.ended, { message: 'the edge to close the connection' });
    }
    origin.respondWith(() => OK);
    assert.equal((await http.send({ path: '/abort', host: HOST })).status, 200);
    assert.equal(await failedAttempts(), failuresBefore);
  });
});

/** Attempts that ended in anything but success, from the metrics. */
async function failedAttempts(): Promise<number> {
  const metrics = await readMetrics(edge.admin);
  let failed = 0;
  for (const [, outcome, count] of metrics.matchAll(/attempts_total\{outcome="(\w+)"\} (\d+)/g)) {
    if (outcome !== 'ok') failed += Number(count);
  }
  return failed;
}
