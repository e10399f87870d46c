import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  acceptedConnections,
  createRecordingOrigin,
  startRedis,
  waitFor,
  type RecordingOrigin,
  type RedisServer,
} from '@headgate/testkit';
import { hasMetrics } from './support/edge-metrics.ts';
import type { TestEdge } from './support/edge-process.ts';
import { gracefulExitMs } from './support/graceful-exit.ts';
import { createHttpClient, type HttpOutcome } from './support/http-client.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET, OK } from './support/plain-messages.ts';
import { connectRaw } from './support/raw-client.ts';
import { assertOthersServed, usedConnections } from './support/used-connections.ts';
import { workerPids } from './support/worker-pids.ts';

let redis: RedisServer;
let origin: RecordingOrigin;
let edge: TestEdge | null = null;

before(async () => {
  [redis, origin] = await Promise.all([startRedis(), createRecordingOrigin()]);
});

after(async () => {
  await Promise.all([redis.stop(), origin.close()]);
  await edge?.stop();
});

async function startEdge(options: { drainMs: number; workers?: number }): Promise<TestEdge> {
  await edge?.stop();
  origin.respondWith(() => OK);
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = { rest: { upstreamId: 'main' } };
  edge = await startOneTenantEdge(
    { upstreams, routes },
    {
      workers: options.workers ?? 1,
      env: {
        HEADGATE_REDIS_URL: redis.url,
        HEADGATE_EDGE_DRAIN_MS: String(options.drainMs),
      },
    },
  );
  return edge;
}

suite('SIGTERM', () => {
  test('nothing fails: in flight, uploading, idle, new, pipelined and late requests', async () => {
    const running = await startEdge({ drainMs: 8000 });
    const release: (() => void)[] = [];
    origin.respondWith((request) =>
      request.head.startsWith('GET /held')
        ? new Promise((resolve) => release.push(() => resolve(OK)))
        : OK,
    );
    const held = await connectRaw(running.port);
    held.send(GET.replace('/', '/held'));
    const uploading = await connectRaw(running.port);
    uploading.send('PUT /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello');
    const idle = await connectRaw(running.port);
    idle.send(GET);
    await idle.response();
    const late = await connectRaw(running.port);
    late.send(GET);
    await late.response();
    const fresh = await connectRaw(running.port);
    await waitFor(() => release.length === 1, { message: 'the held request' });

    running.process.kill('SIGTERM');
    await waitFor(async () => !(await accepts(running.port)), { message: 'the port to close' });
    const readiness = await fetch(`${running.admin}/readyz`);
    assert.equal(readiness.status, 503);
    late.send(GET + GET); // the first answer ends the connection
    fresh.send(GET);
    for (const [client, index] of [
      [late, 1],
      [fresh, 0],
    ] as const) {
      const response = await client.response(index);
      assert.equal(response.status, 200);
      assert.equal(response.get('connection'), 'close');
      assert.equal(await client.closed(), 'ended');
    }
    assert.equal(await idle.closed(), 'ended');
    uploading.send('world');
    assert.equal((await uploading.response()).status, 200);
    assert.equal(await uploading.closed(), 'ended');
    release[0]?.();
    assert.equal((await held.response()).status, 200);
    assert.equal(await held.closed(), 'ended');
    for (const client of [held, uploading, idle, late, fresh]) client.close();
    assert.ok((await gracefulExitMs(running)) < 2500, 'ends once all connections have ended');
  });

  test('what does not end is cut at the deadline', async () => {
    const running = await startEdge({ drainMs: 800 });
    origin.respondWith(() => undefined);
    const client = await connectRaw(running.port);
    client.send(GET);
    await waitFor(() => origin.requests.length > 0, { message: 'the request' });
    running.process.kill('SIGTERM');
    assert.ok((await gracefulExitMs(running)) < 1800);
    assert.notEqual(client.state(), 'open');
  });

  test('a second signal ends at once', async () => {
    const running = await startEdge({ drainMs: 60_000 });
    origin.respondWith(() => undefined);
    const client = await connectRaw(running.port);
    client.send(GET);
    await waitFor(() => origin.connections.some((one) => !one.ended), { message: 'the request' });
    running.process.kill('SIGTERM');
    await waitFor(async () => !(await accepts(running.port)), { message: 'the port to close' });
    running.process.kill('SIGINT');
    const exit = await waitFor(() => running.process.exit(), { message: 'the exit' });
    assert.equal(exit.code, 1);
    client.close();
  });

  test('requests on kept-alive connections throughout a drain: none fails', async () => {
    const running = await startEdge({ drainMs: 5000, workers: 2 });
    const http = createHttpClient(running.port, 8);
    const outcomes: HttpOutcome[] = [];
    const load = Array.from({ length: 8 }, async () => {
      for (;;) {
        const outcome = await http.send({ path: '/', host: 'a.test' });
        if (outcome.error === 'ECONNREFUSED') return; // a load balancer would be elsewhere by now
        outcomes.push(outcome);
      }
    });
    await waitFor(() => outcomes.length > 200, { message: 'load' });
    running.process.kill('SIGTERM');
    await Promise.all(load);
    assert.deepEqual(
      outcomes.filter(({ status }) => status !== 200),
      [],
    );
    http.close();
    await gracefulExitMs(running, 6000);
  });
});

suite('SIGKILL of a worker', () => {
  test('only its connections suffer; another takes its place', async () => {
    const running = await startEdge({ drainMs: 500, workers: 2 });
    await waitFor(async () => (await listeningWorkers(running)) === 2, { message: 'two workers' });
    const pids = await workerPids(running.process.pid);
    const clients = await usedConnections(running.port, 16, GET);
    const victim = pids[0] ?? 0;
    const owned = await acceptedConnections(victim, running.port);
    process.kill(victim, 'SIGKILL');
    await assertOthersServed(clients, owned, GET, 200);
    await waitFor(
      () =>
        hasMetrics(
          running.admin,
          'headgate_workers 2',
          'headgate_worker_restarts_total{cause="killed"} 1',
        ),
      { message: 'a worker in its place' },
    );
    for (const client of clients) client.close();
  });
});

/** How many workers of an edge accept connections. */
async function listeningWorkers(running: TestEdge): Promise<number> {
  const described = (await (await fetch(`${running.admin}/config`)).json()) as {
    workers: { listening: number };
  };
  return described.workers.listening;
}

/** Whether anybody accepts connections on the port. */
async function accepts(port: number): Promise<boolean> {
  try {
    const client = await connectRaw(port);
    client.close();
    return true;
  } catch {
    return false;
  }
}
