import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { createHttpOrigin, waitFor, type HttpOrigin } from '@headgate/testkit';
import type { Exchange } from '../src/request/exchange.ts';
import { localReply } from '../src/request/local-reply.ts';
import type { TestEdge } from './support/edge-process.ts';
import { metricValue } from './support/edge-metrics.ts';
import { HEADER_TIMEOUT_MS, withListener } from './support/listener-scene.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET } from './support/plain-messages.ts';
import { connectRaw, requestOnce, type RawClient } from './support/raw-client.ts';
import { whileSending } from './support/while-sending.ts';

suite('a connection of the listener', () => {
  test('has a deadline in all for each head, the second one too, however it drips', () =>
    withListener({ keepAliveTimeoutMs: 60_000 }, async ({ port, listener }) => {
      const client = await connectRaw(port);
      client.send(GET);
      await client.response();
      const startMs = performance.now();
      client.send('GET / HTTP/1.1\r\nX: ');
      await whileSending(client, 'X', 20, async () => {
        assert.equal((await client.response(1)).status, 408);
        // A deadline that each byte moves on would not be reached while bytes drip.
        assert.ok(performance.now() - startMs >= HEADER_TIMEOUT_MS);
        await client.closed();
      });
      client.close();
      assert.equal(listener.stats.cutHead, 1);
    }));

  test('is not idle while its answers wait for the client', () =>
    withListener({ keepAliveTimeoutMs: 200, writeStallMs: 10_000 }, async ({ port, listener }) => {
      const client = await connectRaw(port, { paused: true });
      const requests = 40_000; // more answers than the kernel keeps
      client.send(GET.repeat(requests));
      const startMs = performance.now();
      await waitFor(() => performance.now() - startMs > 1500, { message: 'the time to pass' });
      assert.equal(listener.openConnections, 1);
      let answers = 0;
      client.socket.on('data', (chunk: Buffer) => {
        answers += chunk.toString('latin1').split('"status":404').length - 1;
      });
      // Some words are cut by the ends of chunks.
      await waitFor(() => answers > requests * 0.99, { message: 'all answers' });
      client.close();
    }));

  test('that takes none of its answers ends after the time for that', () =>
    withListener({ writeStallMs: 300, clientBytesPerSecondMin: 0 }, async ({ port, listener }) => {
      const client = await connectRaw(port, { paused: true });
      client.send(GET.repeat(40_000));
      await waitFor(() => listener.openConnections === 0, { message: 'the end' });
      client.close();
    }));

  test('carries as many requests as it may; the last answer says close, and no request after it is served', () =>
    withListener({ requestsPerConnectionMax: 3 }, async ({ port, listener, records }) => {
      const client = await connectRaw(port);
      client.send(GET.repeat(5));
      await client.closed();
      const closing = client
        .responses()
        .map(({ headers }) => headers.some(([name]) => name.toLowerCase() === 'connection'));
      assert.deepEqual(closing, [false, false, true]);
      assert.deepEqual([records.length, listener.stats.endedRequests], [3, 1]);
      client.close();
    }));

  test('is let go with its answer when the worker wants room', () => {
    let asked = 0;
    return withListener({ letsGo: () => (asked += 1) === 2 }, async ({ port, listener }) => {
      const client = await connectRaw(port);
      client.send(GET.repeat(3));
      await client.closed();
      assert.deepEqual([client.responses().length, listener.stats.endedOverload], [2, 1]);
      client.close();
    });
  });
});

suite('a client that closes its half while it waits', () => {
  for (const [title, overloaded, status] of [
    ['gets its answer', false, 404],
    ['is taken to have given up in an overload', true, 0],
  ] as const) {
    test(title, () => {
      const waiting: Exchange[] = [];
      const handle = (exchange: Exchange) => void waiting.push(exchange);
      let asked = false; // which a connection does when the FIN has come
      const isOverloaded = (): boolean => {
        asked = true;
        return overloaded;
      };
      return withListener({ handle, overloaded: isOverloaded }, async ({ port, records }) => {
        const client = await connectRaw(port);
        client.socket.end(GET);
        await waitFor(() => asked, { message: 'the FIN' });
        const [exchange] = waiting;
        assert.equal(exchange?.active, !overloaded);
        if (exchange?.active === true) {
          exchange.answer(localReply('HG_TENANT_UNKNOWN'));
          exchange.flush();
        }
        await client.closed();
        assert.equal(client.responses()[0]?.status ?? 0, status);
        client.close();
        assert.deepEqual(
          records.map((record) => record['status']),
          [status],
        );
      });
    });
  }
});

suite('caps of the listener', () => {
  test('all connections together are capped exactly; who ends makes room', () =>
    withListener({ connectionsMax: 2 }, async ({ port, listener }) => {
      const first = await connectRaw(port);
      const second = await connectRaw(port);
      await waitFor(() => listener.openConnections === 2, { message: 'two connections' });
      const excess = await connectRaw(port);
      await excess.closed();
      assert.deepEqual([listener.stats.accepted, listener.stats.refusedTotal], [2, 1]);
      first.close();
      await waitFor(() => listener.openConnections === 1, { message: 'room' });
      assert.equal((await requestOnce(port, GET)).status, 404);
      for (const client of [second, excess]) client.close();
    }));

  test('behind a load balancer the addresses in the PROXY headers are capped, not its own', () =>
    withListener({ proxyProtocol: true, connectionsPerAddressMax: 2 }, async (scene) => {
      const { port, listener } = scene;
      const from = (lastByte: string): Buffer =>
        Buffer.concat([
          Buffer.from(`0d0a0d0a000d0a515549540a2111000cc00002${lastByte}c63364011f9001bb`, 'hex'),
          Buffer.from(GET),
        ]);
      const clients = [];
      for (const lastByte of ['01', '01', '02']) {
        const client = await connectRaw(port);
        client.send(from(lastByte));
        assert.equal((await client.response()).status, 404);
        clients.push(client);
      }
      const excess = await connectRaw(port);
      excess.send(from('01'));
      await excess.closed();
      assert.deepEqual([excess.received(), listener.stats.refusedAddress], ['', 1]);
      for (const client of [...clients, excess]) client.close();
    }));

  test('near the limit of open files accepting pauses, what is open is served, and it resumes', () =>
    withListener({ connectionsWithinFds: 3, keepAliveTimeoutMs: 60_000 }, async (scene) => {
      const { port, listener } = scene;
      const clients: RawClient[] = [];
      // One address alone would not get as many.
      for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
        const client = await connectRaw(port, { localAddress });
        client.send(GET);
        await client.response();
        clients.push(client);
      }
      assert.deepEqual([listener.accepting, listener.stats.pausedFds], [false, 1]);
      await assert.rejects(connectRaw(port), { code: 'ECONNREFUSED' });
      clients[0]?.send(GET);
      assert.equal((await clients[0]?.response(1))?.status, 404);
      clients[0]?.close();
      await waitFor(() => listener.accepting, { message: 'the listener to accept again' });
      assert.equal((await requestOnce(port, GET)).status, 404);
      for (const client of clients) client.close();
    }));

  test('pauses of two causes end with the later one', () =>
    withListener({}, async ({ port, listener }) => {
      listener.pause('overload');
      listener.pause('fds');
      listener.resume('fds');
      assert.equal(listener.accepting, false);
      await assert.rejects(connectRaw(port), { code: 'ECONNREFUSED' });
      listener.resume('overload');
      await waitFor(async () => (await requestOnce(port, GET)).status === 404, {
        message: 'the listener to accept again',
      });
    }));
});

suite('the pace of clients', () => {
  const BIG_BYTES = 64 * 1024 * 1024;
  let origin: HttpOrigin;
  let edge: TestEdge;

  before(async () => {
    const big = Buffer.alloc(BIG_BYTES);
    origin = await createHttpOrigin((request, response) => {
      if (request.url === '/never-reads') return; // the body stays where it is
      request.resume();
      if (request.url === '/big') response.end(big);
      else if (request.url === '/early') response.write('early');
      else request.on('end', () => response.end('ok'));
    });
    const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
    const routes = { all: { upstreamId: 'main' } };
    const env = {
      HEADGATE_EDGE_CLIENT_RATE_MIN: '10000',
      HEADGATE_EDGE_BODY_STALL_MS: '800',
      HEADGATE_EDGE_WRITE_STALL_MS: '1000',
    };
    edge = await startOneTenantEdge({ upstreams, routes }, { env });
  });

  after(async () => {
    await edge.stop();
    await origin.close();
  });

  const cuts = (cause: string): Promise<number> =>
    metricValue(edge.admin, `headgate_downstream_cut_total{cause="${cause}"}`);

  /** Sends `bytes` every 20 ms until the edge closes; returns how long that took. */
  async function drip(head: string, bytes: string): Promise<{ ms: number; received: string }> {
    const client = await connectRaw(edge.port);
    const startMs = performance.now();
    client.send(head);
    try {
      await whileSending(client, bytes, 20, () => client.closed());
      return { ms: performance.now() - startMs, received: client.received() };
    } finally {
      client.close();
    }
  }

  for (const [title, head, bytes] of [
    ['Content-Length', 'Content-Length: 1000000\r\n\r\n', 'x'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
  ] as const) {
    test(`a body with ${title} that drips gets 408 and the connection closes`, async () => {
      const before = await cuts('body_rate');
      const { ms, received } = await drip(`POST / HTTP/1.1\r\nHost: a.test\r\n${head}`, bytes);
      assert.match(received, /^HTTP\/1\.1 408 .*Connection: close/s);
      assert.ok(ms >= 800, `${ms} ms`);
      assert.equal(await cuts('body_rate'), before + 1);
    });
  }

  test('a body that drips behind an answer that has begun: the answer is cut', async () => {
    const before = await cuts('body_rate');
    const { received } = await drip(
      'POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n',
      'x',
    );
    assert.match(received, /^HTTP\/1\.1 200 .*early/s);
    assert.equal(await cuts('body_rate'), before + 1);
  });

  test('a body at twice the least rate is served, however long it takes', async () => {
    const client = await connectRaw(edge.port);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40000\r\n\r\n');
    let sent = 0;
    const timer = setInterval(() => {
      if (sent < 40) client.send('x'.repeat(1000));
      sent += 1;
    }, 50);
    const response = await client.response();
    clearInterval(timer);
    assert.equal(response.status, 200);
    client.close();
  });

  test('a body that the endpoint does not read is not the fault of the client', async () => {
    const before = await cuts('body_rate');
    const client = await connectRaw(edge.port);
    client.send('POST /never-reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60000000\r\n\r\n');
    client.socket.write(Buffer.alloc(50_000_000));
    const startMs = performance.now();
    await waitFor(() => performance.now() - startMs >= 2500, { message: 'three times the stall' });
    assert.deepEqual([client.state(), client.received()], ['open', '']);
    client.close();
    assert.equal(await cuts('body_rate'), before);
  });

  test('a client that takes nothing of its answer is cut, and what it kept is free', async () => {
    const before = await cuts('write_rate');
    const client = await connectRaw(edge.port, { paused: true });
    client.send('GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await waitFor(async () => (await cuts('write_rate')) === before + 1, { message: 'the cut' });
    client.socket.resume();
    await client.closed();
    client.close();
  });

  test('a client that takes its answer slowly, but at the least rate, gets all of it', async () => {
    const client = await connectRaw(edge.port, { paused: true });
    client.send('GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n');
    let taken = 0;
    // A pause after each 8 MiB: longer than a look, shorter than the stall.
    client.socket.on('data', (chunk: Buffer) => {
      const pauseDue =
        Math.floor(taken / 8_388_608) !== Math.floor((taken + chunk.length) / 8_388_608);
      taken += chunk.length;
      if (!pauseDue) return;
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 300);
    });
    client.socket.resume();
    await waitFor(() => taken > BIG_BYTES, { message: 'the answer' });
    client.socket.end();
    await once(client.socket, 'close');
  });
});
