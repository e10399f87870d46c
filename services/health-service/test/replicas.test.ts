import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  createHttpOrigin,
  freePort,
  startProcess,
  startStopwatch,
  waitFor,
} from '@headgate/testkit';
import { startEndpoint } from './endpoints.ts';
import { startHealthCluster, upstream, type Replica } from './health-cluster.ts';

const closers: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

async function startCluster() {
  const cluster = await startHealthCluster();
  closers.push(() => cluster.stop());
  return cluster;
}

async function startTestEndpoint() {
  const endpoint = await startEndpoint();
  closers.push(() => endpoint.stop());
  return endpoint;
}

async function waitForShares(replicas: readonly Replica[], total: number): Promise<number[]> {
  const shares = () => Promise.all(replicas.map((replica) => replica.upstreams()));
  await waitFor(
    async () => {
      const counts = await shares();
      return counts.every((count) => count > 0) && counts.reduce((a, b) => a + b) === total;
    },
    { message: `${replicas.length} replicas to share ${total} upstreams` },
  );
  return shares();
}

test('replicas share the upstreams, and a killed one hands its share over', async () => {
  const cluster = await startCluster();
  const endpoint = await startTestEndpoint();
  const ids = Array.from({ length: 30 }, (_, index) => `u${index}`);
  await cluster.putTenant(
    'acme',
    ids.map((id) => upstream(id, [endpoint.port])),
  );
  const first = await cluster.startReplica({ HEADGATE_NODE_ID: 'health-1' });
  await waitForShares([first], 30);
  const second = await cluster.startReplica({ HEADGATE_NODE_ID: 'health-2' });
  const third = await cluster.startReplica({ HEADGATE_NODE_ID: 'health-3' });
  await waitForShares([first, second, third], 30);
  for (const id of ids) await cluster.waitForState(`acme.${id}`, endpoint.port, 'healthy');

  third.process.kill('SIGKILL');
  await third.process.exited;
  await endpoint.stop();
  // Heartbeats of 1 s and a time to live of 3 s, then the thresholds of the new owner.
  for (const id of ids) {
    await cluster.waitForState(`acme.${id}`, endpoint.port, 'unhealthy', 10_000);
  }
  await waitForShares([first, second], 30);

  // A goodbye needs no time to live, which is 3 s.
  const stopwatch = startStopwatch();
  await second.process.stop();
  await waitFor(async () => (await first.upstreams()) === 30, {
    message: 'the last replica to take over',
  });
  const takenOverMs = stopwatch.stop();
  assert.ok(takenOverMs < 2000, `${takenOverMs} ms`);
  assert.equal((await first.get('/readyz')).status, 200);
});

test('NATS away: probing goes on, and what changed meanwhile is published after it is back', async () => {
  const cluster = await startCluster();
  const [stays, dies] = [await startTestEndpoint(), await startTestEndpoint()];
  await cluster.putTenant('acme', [upstream('web', [stays.port, dies.port])]);
  const replica = await cluster.startReplica();
  await cluster.waitForState('acme.web', dies.port, 'healthy');

  await cluster.nats.kill();
  await dies.stop();
  const probes = stays.connections;
  await waitFor(() => stays.connections >= probes + 5, { message: 'probes without NATS' });
  await waitFor(() => replica.log().some((line) => line['state'] === 'unhealthy'), {
    message: 'the verdict without NATS',
  });
  assert.equal((await replica.get('/readyz')).status, 200, 'the last configuration stands');

  await cluster.nats.restart();
  await cluster.waitForState('acme.web', dies.port, 'unhealthy', 10_000);
  await dies.start();
  await cluster.waitForState('acme.web', dies.port, 'healthy', 5000);
});

test('a health-service started before NATS waits for it and then serves', async () => {
  const cluster = await startCluster();
  const endpoint = await startTestEndpoint();
  await cluster.putTenant('acme', [upstream('web', [endpoint.port])]);
  await cluster.nats.kill();
  const replica = await cluster.startReplica();
  const { status, body } = await replica.get('/readyz');
  assert.equal(status, 503);
  assert.match(body, /the configuration has not arrived yet/);
  await cluster.nats.restart();
  await cluster.waitForState('acme.web', endpoint.port, 'healthy', 15_000);
});

test('spans of probes reach an OTLP receiver', async () => {
  const bodies: string[] = [];
  const receiver = await createHttpOrigin(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
    bodies.push(`${request.url} ${Buffer.concat(chunks).toString()}`);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  closers.push(() => receiver.close());
  const cluster = await startCluster();
  const endpoint = await startTestEndpoint();
  await cluster.putTenant('acme', [upstream('web', [endpoint.port])]);
  await cluster.startReplica({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
  });
  await waitFor(() => bodies.some((body) => body.includes('probe http')), {
    message: 'a span',
  });
  const [first] = bodies;
  assert.match(first ?? '', /^\/v1\/traces .*headgate\.probe\.result/s);
});

const badStarts: [what: string, env: (port: number) => object, message: RegExp][] = [
  [
    'a bad environment',
    () => ({ HEADGATE_HEALTH_CONCURRENCY_MAX: 'many' }),
    /HEADGATE_HEALTH_CONCURRENCY_MAX="many"/,
  ],
  [
    'an admin port in use',
    (port) => ({ HEADGATE_ADMIN_LISTEN: `127.0.0.1:${port}` }),
    /cannot listen on 127\.0\.0\.1:\d+ .*port is in use/,
  ],
];

for (const [what, env, message] of badStarts) {
  test(`${what} ends the start with a clear message and code 1`, async () => {
    const endpoint = await startTestEndpoint();
    const started = await startProcess({
      command: 'node',
      args: [new URL('../src/main.ts', import.meta.url).pathname],
      env: { HEADGATE_NATS_URL: `nats://127.0.0.1:${await freePort()}`, ...env(endpoint.port) },
    });
    assert.deepEqual(await started.exited, { code: 1, signal: null });
    assert.match(started.stderr().join('\n'), message);
  });
}
