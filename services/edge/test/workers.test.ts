import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock, systemRandom } from '@headgate/runtime';
import { acceptedConnections, freePort, startStopwatch, waitFor } from '@headgate/testkit';
import type { WorkerSettings } from '../src/ipc/messages.ts';
import { WorkerPool } from '../src/primary/worker-pool.ts';
import type { WorkerProcess } from '../src/primary/worker-process.ts';
import { edited, tenantDocument } from './support/edge-process.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';
import { assertOthersServed, usedConnections } from './support/used-connections.ts';

const ENTRY = fileURLToPath(new URL('./support/faulty-worker.ts', import.meta.url));
/** Linux tells the environment of a process. */
const HAS_PROC = existsSync('/proc/self/environ');
const GET = 'GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n';
const GET_AND_CLOSE = GET.replace(/\r\n$/, 'Connection: close\r\n\r\n');

const settingsOf =
  (port: number, nodeId: string) =>
  (workerIndex: number): WorkerSettings => ({
    nodeId,
    workerIndex,
    version: '0',
    listen: { host: '127.0.0.1', port },
    tls: null,
    proxyProtocol: false,
    trustedProxies: [],
    allowedAddresses: [],
    accessRecords: true,
    overloadLagMs: 60_000, // a busy machine is none
    tenantHeader: 'x-tenant-id',
    ring: 'default',
    clients: {
      headerTimeoutMs: 120_000,
      keepAliveTimeoutMs: 60_000,
      bytesPerSecondMin: 500,
      bodyStallMs: 20_000,
      writeStallMs: 60_000,
      connectionsMax: 1000,
      connectionsPerAddressMax: 1000,
      requestsPerConnectionMax: 0,
    },
    redis: { host: '127.0.0.1', port: 1, tls: null },
    redisTimeoutMs: 25,
    leases: true,
    limitHeaders: 'ietf',
    logLevel: 'silent',
    tracing: {},
  });

/** A pool of two faulty workers, seen by what it reports. */
interface Scene {
  readonly port: number;
  readonly pool: WorkerPool;
  /** All that were ever started, in order. */
  readonly started: WorkerProcess[];
  readonly lost: { workerId: string; reason: string; atMs: number }[];
  /** Keys of the documents that workers have decided on, once for each worker. */
  readonly decided: string[];
}

let scene: Scene | null = null;

afterEach(async () => {
  await scene?.pool.stop(0);
  scene = null;
});

async function startPool(nodeId = 'test'): Promise<Scene> {
  const port = await freePort();
  const started: WorkerProcess[] = [];
  const lost: Scene['lost'] = [];
  const decided: string[] = [];
  const pool = new WorkerPool(
    {
      clock: systemClock,
      random: systemRandom,
      settingsOf: settingsOf(port, nodeId),
      prime: (worker) => started.push(worker),
      onOutcomes: (_workerId, outcomes) => decided.push(...outcomes.map(({ key }) => key)),
      onBarrier: () => undefined,
      onLost: ({ id: workerId }, reason) =>
        lost.push({ workerId, reason, atMs: performance.now() }),
      onListening: () => undefined,
      onFault: () => assert.fail('nothing was compiled'),
      onLimitUsage: () => undefined,
      onDemand: () => undefined,
      onQuotas: () => undefined,
      onNeverListened: (reason) => assert.fail(reason),
      program: { entry: ENTRY },
    },
    2,
  );
  pool.startAccepting();
  scene = { port, pool, started, lost, decided };
  return scene;
}

async function twoListening(pool: WorkerPool): Promise<void> {
  await waitFor(() => pool.listening === 2, { message: 'two workers that listen' });
}

/** A worker is replaced within ten seconds where one starts in two; a busy machine takes that much longer. */
const REPLACED_MS = 10_000;
const STARTED_MS = 2000;

/** Ends the first worker with a signal while connections are open; the others' must go on. */
async function loseOne(signal: NodeJS.Signals, withinMs: number): Promise<Scene> {
  const start = startStopwatch();
  const running = await startPool();
  await twoListening(running.pool);
  const lateMs = Math.max(0, start.stop() - STARTED_MS);
  const clients = await usedConnections(running.port, 24, GET);
  const victim = running.started[0]?.pid ?? 0;
  const owned = await acceptedConnections(victim, running.port);
  process.kill(victim, signal);
  const stopwatch = startStopwatch();
  await waitFor(() => running.lost.length === 1, { message: 'the loss' });
  const noticedMs = stopwatch.elapsedMs();
  assert.ok(noticedMs <= withinMs, `noticed after ${noticedMs} ms`);
  await assertOthersServed(clients, owned, GET, 404);
  await twoListening(running.pool);
  const tookMs = stopwatch.stop();
  assert.ok(tookMs <= REPLACED_MS + 2 * lateMs, `replaced after ${tookMs} ms, ${lateMs} ms late`);
  const later = await usedConnections(running.port, 8, GET);
  for (const client of [...clients, ...later]) client.close();
  return running;
}

test(
  'a worker has threads for lookups of names that hang, and for others',
  { skip: !HAS_PROC },
  async () => {
    const { pool, started } = await startPool();
    await twoListening(pool);
    const environment = readFileSync(`/proc/${started[0]?.pid}/environ`, 'latin1').split('\0');
    const expected = process.env['UV_THREADPOOL_SIZE'] ?? '16';
    assert.ok(environment.includes(`UV_THREADPOOL_SIZE=${expected}`));
  },
);

suite('a worker of two is replaced and takes only its own connections along', () => {
  test('when it is killed', async () => {
    const { pool, lost } = await loseOne('SIGKILL', 1000);
    assert.deepEqual(pool.restarts, { exited: 0, killed: 1, blocked: 0, failed: 0 });
    assert.match(lost[0]?.reason ?? '', /SIGKILL/);
  });

  test('when its event loop is blocked, within ten seconds and not before five', async () => {
    const startMs = performance.now();
    const { pool, lost } = await loseOne('SIGHUP', 9000);
    assert.deepEqual(pool.restarts, { exited: 0, killed: 0, blocked: 1, failed: 0 });
    assert.ok((lost[0]?.atMs ?? 0) - startMs >= 5000);
  });
});

test('workers that an exception hits, all in one moment, serve until others have taken over; the reason names the place', async () => {
  const { port, pool, started, lost } = await startPool();
  await twoListening(pool);
  const client = await connectRaw(port);
  client.send('GET / HTTP/1.1\r\n'); // a request on its way is served to its end
  for (const { pid = 0 } of started) process.kill(pid, 'SIGALRM');
  let asked = 0;
  await waitFor(
    async () => {
      assert.equal((await requestOnce(port, GET_AND_CLOSE)).status, 404);
      asked += 1;
      return started.length === 4 && pool.listening === 2;
    },
    { message: 'successors' },
  );
  client.send('Host: nobody.test\r\n\r\n');
  assert.equal((await client.response()).status, 404);
  client.close();
  await Promise.all(started.slice(0, 2).map(({ exited }) => exited));
  assert.ok(asked > 0);
  assert.deepEqual(pool.restarts, { exited: 0, killed: 0, blocked: 0, failed: 2 });
  assert.deepEqual(
    pool.ids().toSorted(),
    started
      .slice(2)
      .map(({ id }) => id)
      .toSorted(),
  );
  for (const { reason } of lost)
    assert.match(reason, /a bug outside of any request[^]*faulty-worker\.ts/);
  assert.equal(lost.length, 2);
});

test('workers that end as soon as they start are tried again more and more rarely', async () => {
  const { started, lost } = await startPool('crash-at-start');
  await waitFor(() => lost.length >= 6, { message: 'six losses' });
  const perWorker = lost.filter(({ workerId }) => workerId.startsWith('0.'));
  assert.ok(perWorker.length >= 2);
  const startMs = performance.now();
  const before = started.length;
  await waitFor(() => performance.now() - startMs >= 2000, { message: 'two seconds' });
  assert.ok(started.length - before <= 20, `${started.length - before} starts in two seconds`);
});

test('workers that are told to stop do so at once, whatever documents they have yet to compile', async () => {
  const { pool, decided } = await startPool();
  await twoListening(pool);
  const upstreams = { main: { endpoints: endpointsAt(1) } };
  const paths = Array.from({ length: 200 }, (_, index) => [
    `r${index}`,
    routeTo('main', `/${index}`),
  ]);
  const routes = Object.fromEntries(paths) as Record<string, ReturnType<typeof routeTo>>; // as they were made
  const tenant = tenantDocument({ id: 'large', upstreams, routes });
  const documents = Array.from({ length: 500 }, (_, index) => {
    const id = `tenant-${index}`;
    const body = tenant.body.replace('"large"', `"${id}"`);
    return edited(tenant, { header: { id }, body }).text;
  });
  pool.broadcast({ type: 'documents', compileNow: true, documents });
  await waitFor(() => decided.length > 0, { message: 'the first documents', intervalMs: 1 });
  await pool.stop(0, 60_000);
  assert.ok(decided.length < 2 * documents.length, `${decided.length} decided`);
});
