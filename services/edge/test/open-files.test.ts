import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { createRecordingOrigin, waitFor } from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { metricSum, metricValue, readMetrics } from './support/edge-metrics.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET } from './support/plain-messages.ts';
import { connectRaw, requestOnce, type RawClient } from './support/raw-client.ts';
import { workerPids } from './support/worker-pids.ts';

const LIMIT = 256;

/** Replaces the worker of an edge by one that may have {@link LIMIT} open files. */
async function limitOpenFiles(edge: TestEdge): Promise<void> {
  // The next worker inherits the limit of its primary.
  execFileSync('prlimit', [`--pid=${edge.process.pid}`, `--nofile=${LIMIT}:${LIMIT}`]);
  const [first = 0] = await workerPids(edge.process.pid);
  process.kill(first, 'SIGKILL');
  await waitFor(
    async () => (await accepts(edge)) && !(await workerPids(edge.process.pid)).includes(first),
    { message: 'a worker with the limit' },
  );
}

async function accepts(edge: TestEdge): Promise<boolean> {
  return (await metricValue(edge.admin, 'headgate_accepting')) === 1;
}

test('with 256 open files an edge pauses accepting, serves every connection it has, and recovers', async () => {
  const origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = { all: { upstreamId: 'main' } };
  // Whose connections are not held to half of what open files allow.
  const env = { HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.1' };
  const edge = await startOneTenantEdge({ upstreams, routes }, { env });
  const clients: RawClient[] = [];
  try {
    await limitOpenFiles(edge);
    const pauses = (): Promise<number> =>
      metricValue(edge.admin, 'headgate_accept_pauses_total{cause="open_files"}');
    await waitFor(
      async () => {
        try {
          clients.push(await connectRaw(edge.port));
          return false;
        } catch {
          // A busy machine can refuse for a moment as well.
          return (await pauses()) > 0;
        }
      },
      { message: 'accepting to pause' },
    );
    assert.equal(await pauses(), 1);
    const open = await metricValue(edge.admin, 'headgate_downstream_connections');
    assert.ok(open > 50 && open < LIMIT / 2, `${open} connections`);
    for (const client of clients) client.send(GET); // all at once: each needs a connection to the endpoint
    const served = await Promise.allSettled(clients.map((client) => client.response()));
    const answered = served.filter((one) => one.status === 'fulfilled').length;
    assert.equal(answered, open);
    for (const client of clients) client.close();
    await waitFor(() => accepts(edge), { message: 'accepting to resume' });
    assert.equal((await requestOnce(edge.port, GET)).status, 200);
  } finally {
    for (const client of clients) client.close();
    await edge.stop();
    await origin.close();
  }
});

test('with 256 open files idle connections to many endpoints leave room for others', async () => {
  const origins = await Promise.all(Array.from({ length: 150 }, () => createRecordingOrigin()));
  const endpoints = endpointsAt(...origins.map(({ port }) => port));
  const upstreams = { main: { endpoints, picker: 'round_robin', idleTimeoutMs: 3_600_000 } };
  const edge = await startOneTenantEdge({ upstreams, routes: { all: { upstreamId: 'main' } } });
  const clients: RawClient[] = [];
  try {
    await limitOpenFiles(edge);
    const client = await connectRaw(edge.port);
    clients.push(client);
    for (let request = 0; request < endpoints.length; request += 1) {
      client.send(GET);
      assert.equal((await client.response(request)).status, 200);
    }
    const used = origins.filter((origin) => origin.requests.length > 0).length;
    assert.equal(used, endpoints.length);
    const idle = await metricValue(edge.admin, 'headgate_upstream_connections{state="idle"}');
    assert.ok(idle > 0 && idle <= LIMIT / 2, `${idle} idle connections`);
    assert.equal(await metricValue(edge.admin, 'headgate_upstream_evictions_total'), used - idle);
  } finally {
    for (const client of clients) client.close();
    await edge.stop();
    await Promise.all(origins.map((origin) => origin.close()));
  }
});

test('an edge without a file descriptor for a connection answers 503 and ejects no endpoint', async () => {
  const origins = await Promise.all([createRecordingOrigin(), createRecordingOrigin()]);
  const upstreams = { main: { endpoints: endpointsAt(...origins.map(({ port }) => port)) } };
  const routes = { all: { upstreamId: 'main' } };
  const edge = await startOneTenantEdge({ upstreams, routes });
  const client = await connectRaw(edge.port);
  try {
    const [worker = 0] = await workerPids(edge.process.pid);
    const limitTo = (files: string): void =>
      void execFileSync('prlimit', [`--pid=${worker}`, `--nofile=${files}:`]);
    await waitFor(
      async () => (await metricValue(edge.admin, 'headgate_downstream_connections')) === 1,
      { message: 'the connection to be accepted' },
    );
    limitTo('3');
    client.send(GET);
    const refused = await client.response();
    limitTo('1024');
    assert.equal(refused.status, 503);
    assert.match(refused.body, /HG_EDGE_OVERLOADED/);
    client.send(GET);
    assert.equal((await client.response(1)).status, 200);
    const metrics = await readMetrics(edge.admin);
    assert.equal(metricSum(metrics, 'headgate_outlier_ejections_total'), 0);
    assert.match(metrics, /^headgate_upstream_attempts_total\{outcome="edge_exhausted"\} 2$/m);
  } finally {
    client.close();
    await edge.stop();
    await Promise.all(origins.map((origin) => origin.close()));
  }
});
