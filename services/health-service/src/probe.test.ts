import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { HealthCheck } from '@headgate/model';
import { createGuardedLookup, type ResolveAll } from '@headgate/runtime';
import { createHttpOrigin, freePort, startStopwatch, waitFor } from '@headgate/testkit';
import { createHttpProbe } from './probe-http.ts';
import { createTcpProbe } from './probe-tcp.ts';
import { createProbe, type ProbeOutcome } from './probe.ts';
import type { ProbeTarget } from './targets.ts';

const probe = createProbe({ http: createHttpProbe(), tcp: createTcpProbe() });
const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers) await close();
});

function run(port: number, settings: object = {}, timeoutMs = 300): Promise<ProbeOutcome> {
  const target: ProbeTarget = {
    key: `127.0.0.1:${port}`,
    endpointId: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    check: HealthCheck.parse({ timeoutMs, ...settings }),
  };
  return probe(target, AbortSignal.timeout(timeoutMs));
}

/** A TCP server with these bytes for everybody; what it received stays readable. */
async function rawServer(greet: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
    greet(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets }; // a TCP listener has no other
}

async function httpPort(...args: Parameters<typeof createHttpOrigin>): Promise<number> {
  const origin = await createHttpOrigin(...args);
  closers.push(() => origin.close());
  return origin.port;
}

describe('HTTP probe', () => {
  const statuses: [status: number, expectedStatuses: number[], result: string][] = [
    [200, [], 'success'],
    [204, [], 'success'],
    [399, [], 'success'],
    [400, [], 'failure'],
    [503, [], 'failure'],
    [503, [200, 503], 'success'],
    [200, [204], 'failure'],
  ];
  for (const [status, expectedStatuses, result] of statuses) {
    test(`status ${status} with expectedStatuses [${expectedStatuses.join()}] is a ${result}`, async () => {
      const port = await httpPort((_, response) => void response.writeHead(status).end());
      assert.deepEqual(await run(port, { expectedStatuses }), {
        result,
        reason: `status ${status}`,
      });
    });
  }

  test('sends one GET with the path and host of the check and closes the connection', async () => {
    const heads: unknown[] = [];
    const port = await httpPort((request, response) => {
      heads.push([request.method, request.url, request.headers.host, request.headers.connection]);
      response.end('ok');
    });
    await run(port, { path: '/healthz', host: 'app.test' });
    await run(port);
    assert.deepEqual(heads, [
      ['GET', '/healthz', 'app.test', 'close'],
      ['GET', '/', `127.0.0.1:${port}`, 'close'],
    ]);
  });

  test('does not follow a redirect', async () => {
    let requests = 0;
    const port = await httpPort((_, response) => {
      requests += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    assert.equal((await run(port, { expectedStatuses: [200] })).reason, 'status 302');
    assert.equal(requests, 1);
  });

  test('drops an endless body after its bound and goes by the status', async () => {
    let sent = 0;
    let closed = false;
    const port = await httpPort((_, response) => {
      response.on('close', () => (closed = true));
      const chunk = Buffer.alloc(16 * 1024);
      const pump = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on('drain', pump);
      pump();
    });
    assert.equal((await run(port, {}, 5000)).result, 'success');
    await waitFor(() => closed, { message: 'the connection to be dropped' });
    // What lies in socket buffers counts as sent; an endless body would be far beyond.
    assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes`);
  });

  const silent: [what: string, greet: (socket: Socket) => void][] = [
    ['an endpoint that accepts and says nothing', () => undefined],
    ['a head that never ends', (socket) => socket.write('HTTP/1.1 200 OK\r\nX-A: ')],
    [
      'a body that never ends',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
    ],
  ];
  for (const [what, greet] of silent) {
    test(`${what} is a timeout, and the connection is closed`, async () => {
      const { port, sockets } = await rawServer(greet);
      const stopwatch = startStopwatch();
      assert.deepEqual(await run(port), { result: 'timeout', reason: 'timeout after 300 ms' });
      assert.ok(stopwatch.stop() < 1000);
      await waitFor(() => sockets.size === 0, { message: 'the connection to close' });
    });
  }

  const broken: [what: string, greet: (socket: Socket) => void][] = [
    ['a reply that is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['a connection closed without a reply', (socket) => socket.once('data', () => socket.end())],
    ['a reset', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    [
      'a head over 16 KiB',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`),
    ],
    [
      'a truncated body',
      (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')),
    ],
  ];
  for (const [what, greet] of broken) {
    test(`${what} is a failure with a reason`, async () => {
      const { port } = await rawServer(greet);
      const outcome = await run(port, {}, 2000);
      assert.equal(outcome.result, 'failure', outcome.reason);
      assert.ok(outcome.reason.length > 0 && outcome.reason.length <= 200, outcome.reason);
    });
  }

  test('a refused connection says so', async () => {
    assert.deepEqual(await run(await freePort()), {
      result: 'failure',
      reason: 'connect ECONNREFUSED',
    });
  });
});

describe('TCP probe', () => {
  test('a connection is a success; no byte is sent and it is closed', async () => {
    const received: Buffer[] = [];
    let ended = false;
    const { port } = await rawServer((socket) => {
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.on('close', () => (ended = true));
    });
    assert.deepEqual(await run(port, { type: 'tcp' }), { result: 'success', reason: 'connected' });
    await waitFor(() => ended, { message: 'the connection to close' });
    assert.deepEqual(received, []);
  });

  test('a refused connection is a failure', async () => {
    assert.deepEqual(await run(await freePort(), { type: 'tcp' }), {
      result: 'failure',
      reason: 'connect ECONNREFUSED',
    });
  });

  test('a connection that takes longer than the timeout is a timeout', async () => {
    const { port } = await rawServer(() => undefined);
    const check = HealthCheck.parse({ type: 'tcp', timeoutMs: 100 });
    const target = { key: '', endpointId: '', host: '127.0.0.1', port, check };
    // Already over: nothing on a loopback interface is slow enough to connect to.
    const over = AbortSignal.abort(new DOMException('', 'TimeoutError'));
    assert.deepEqual(await probe(target, over), {
      result: 'timeout',
      reason: 'timeout after 100 ms',
    });
  });
});

test('a name that leads to a refused address is down, and nothing is sent there', async () => {
  let connections = 0;
  const { port } = await rawServer(() => (connections += 1));
  const resolve: ResolveAll = (_name, _options, done) =>
    setImmediate(done, null, [{ address: '127.0.0.1', family: 4 }]);
  const lookup = createGuardedLookup(resolve, (address) => address === '127.0.0.1');
  const guarded = createProbe({ http: createHttpProbe(lookup), tcp: createTcpProbe(lookup) });
  for (const type of ['http', 'tcp'] as const) {
    const endpointId = `inside.example:${port}`;
    const target: ProbeTarget = {
      ...{ key: endpointId, endpointId, host: 'inside.example', port },
      check: HealthCheck.parse({ type }),
    };
    assert.deepEqual(await guarded(target, AbortSignal.timeout(5000)), {
      result: 'failure',
      reason: 'lookup ADDRESS_REFUSED',
    });
  }
  assert.equal(connections, 0);
});
