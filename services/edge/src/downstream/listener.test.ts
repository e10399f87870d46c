import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { HEADER_TIMEOUT_MS, withListener } from '../../test/support/listener-scene.ts';
import { connectRaw, requestOnce } from '../../test/support/raw-client.ts';
import type { Exchange } from '../request/exchange.ts';
import { localReply } from '../request/local-reply.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

suite('timeouts', () => {
  test('a head has one deadline in all, however it drips: 408, then closed', () =>
    withListener({}, async ({ port, records }) => {
      const client = await connectRaw(port);
      const startMs = performance.now();
      const drip = setInterval(() => client.send('X'), 20);
      client.send('GET / HTTP/1.1\r\nX: ');
      assert.equal((await client.response()).status, 408);
      // A deadline that each byte moves on would not be reached while bytes drip.
      assert.ok(performance.now() - startMs >= HEADER_TIMEOUT_MS);
      await client.closed();
      clearInterval(drip);
      client.close();
      assert.equal(records[0]?.['code'], 'HG_HTTP_TIMEOUT');
    }));

  test('a connection without a request closes silently, a new one and a kept-alive one', () =>
    withListener({}, async ({ port, records }) => {
      const silent = await connectRaw(port);
      const used = await connectRaw(port);
      used.send(GET);
      await used.response();
      await Promise.all([silent.closed(), used.closed()]);
      assert.equal(silent.received(), '');
      assert.equal(used.responses().length, 1);
      assert.equal(records.length, 1);
      for (const client of [silent, used]) client.close();
    }));

  test('the rest of a refused body has a deadline', () =>
    withListener({}, async ({ port }) => {
      const client = await connectRaw(port);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nsome');
      assert.equal((await client.response()).status, 404);
      await client.closed();
      client.close();
    }));

  test('half a head and FIN: closed without a record', () =>
    withListener({}, async ({ port, records }) => {
      const client = await connectRaw(port);
      client.socket.end('GET / HT');
      await client.closed();
      assert.deepEqual([client.received(), records], ['', []]);
    }));
});

suite('caps', () => {
  test('connections of one address, and of all, are capped exactly and counted', () =>
    withListener(
      { connectionsPerAddressMax: 3, connectionsMax: 100 },
      async ({ port, listener }) => {
        const clients = [];
        for (let count = 0; count < 3; count += 1) {
          const client = await connectRaw(port);
          client.send(GET);
          await client.response();
          clients.push(client);
        }
        const excess = await connectRaw(port);
        await excess.closed();
        assert.deepEqual([listener.stats.accepted, listener.stats.refusedAddress], [3, 1]);
        clients[0]?.close();
        await waitFor(() => listener.openConnections === 2, { message: 'a place' });
        assert.equal((await requestOnce(port, GET)).status, 404);
        for (const client of [...clients, excess]) client.close();
      },
    ));
});

suite('caps within open files', () => {
  test('one address gets half of the connections that open files allow, and others the rest', () =>
    withListener({ connectionsWithinFds: 8 }, async ({ port, listener }) => {
      const clients = [];
      for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
        for (let count = 0; count < 3; count += 1) {
          clients.push(await connectRaw(port, { localAddress }));
        }
      }
      await waitFor(() => listener.openConnections === 6, { message: 'six connections' });
      clients.push(await connectRaw(port), await connectRaw(port));
      await clients.at(-1)?.closed();
      assert.deepEqual([listener.stats.accepted, listener.stats.refusedAddress], [7, 1]);
      assert.deepEqual([listener.openConnections, listener.accepting], [7, true]);
      for (const client of clients) client.close();
    }));
});

suite('bugs', () => {
  test('an exception in the request path is answered with 500 and ends its connection, nothing else', () => {
    const handle = (exchange: Exchange): void => {
      if (exchange.context.path === '/bug') throw new Error('a bug');
      exchange.answer(localReply('HG_TENANT_UNKNOWN'));
    };
    return withListener({ handle }, async ({ port, bugs, records }) => {
      const other = await connectRaw(port);
      other.send(GET);
      await other.response();
      const client = await connectRaw(port);
      client.send(GET + GET.replace('/', '/bug') + GET);
      await client.closed();
      const statuses = client.responses().map(({ status }) => status);
      assert.deepEqual(statuses, [404, 500], 'nothing after it is looked at');
      assert.deepEqual(bugs.map(String), ['Error: a bug']);
      assert.deepEqual(
        records.map((record) => record['status']),
        [404, 404, 500],
      );
      other.send(GET);
      assert.equal((await other.response(1)).status, 404);
      for (const one of [client, other]) one.close();
    });
  });
});

suite('PROXY protocol', () => {
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
  const header = (rest: string): Buffer => Buffer.concat([signature, Buffer.from(rest, 'hex')]);
  const fromClient = header('2111000cc0000201c63364011f9001bb');
  const local = header('20000000');

  test('gives the address of the client, by which trust is decided, however it is split', () =>
    withListener({ proxyProtocol: true }, async ({ port, records }) => {
      for (const cut of [fromClient.length, 1, 13, 20]) {
        const client = await connectRaw(port);
        const bytes = Buffer.concat([fromClient, Buffer.from(GET)]);
        await client.sendPieces([
          bytes.subarray(0, cut),
          bytes.subarray(cut, cut + 1),
          bytes.subarray(cut + 1),
        ]);
        await client.response();
        client.close();
      }
      assert.deepEqual(
        records.map((record) => record['clientIp']),
        Array(4).fill('192.0.2.1'),
      );
    }));

  test('LOCAL keeps the address of the load balancer', () =>
    withListener({ proxyProtocol: true }, async ({ port, records }) => {
      const client = await connectRaw(port);
      client.send(Buffer.concat([local, Buffer.from(GET)]));
      await client.response();
      client.close();
      assert.equal(records[0]?.['clientIp'], '127.0.0.1');
    }));

  test('without it, or with half of it, nothing is answered', () =>
    withListener({ proxyProtocol: true }, async ({ port, records }) => {
      const plain = await connectRaw(port);
      plain.send(GET);
      const half = await connectRaw(port);
      half.send(fromClient.subarray(0, 20));
      await Promise.all([plain.closed(), half.closed()]);
      assert.deepEqual([plain.received(), half.received(), records], ['', '', []]);
      for (const client of [plain, half]) client.close();
    }));
});

suite('drain', () => {
  test('idle connections close after two seconds of silence, never earlier; others at the deadline', () =>
    withListener(
      { keepAliveTimeoutMs: 60_000, headerTimeoutMs: 60_000 },
      async ({ port, listener }) => {
        const idle = await connectRaw(port);
        idle.send(GET);
        await idle.response();
        const fresh = await connectRaw(port);
        const half = await connectRaw(port);
        half.send('GET / HTTP');
        await waitFor(() => listener.openConnections === 3, { message: 'three connections' });
        const startMs = performance.now();
        await listener.stopAccepting();
        const drained = listener.drain(systemClock.monotonicMs() + 2600);
        await Promise.all([idle.closed(), fresh.closed()]);
        assert.ok(performance.now() - startMs >= 1900);
        assert.equal(half.state(), 'open');
        await drained;
        assert.ok(performance.now() - startMs >= 2600);
        for (const client of [idle, fresh, half]) client.close();
      },
    ));
});
