import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHttpOrigin, waitFor } from '@headgate/testkit';
import { answers, hangs, startEndpoint, type TestEndpoint } from './endpoints.ts';
import { quickCheck, startHealthCluster, upstream, type HealthCluster } from './health-cluster.ts';

/** Interval with its jitter × threshold, the timer's ticks, and room for a busy machine. */
const DETECTION_MS = 1.1 * quickCheck.intervalMs * quickCheck.unhealthyThreshold + 100 + 1400;

let cluster: HealthCluster;
const endpoints: TestEndpoint[] = [];

async function endpoint(): Promise<TestEndpoint> {
  const started = await startEndpoint();
  endpoints.push(started);
  return started;
}

before(async () => {
  cluster = await startHealthCluster();
});
after(async () => {
  await cluster.stop();
  for (const started of endpoints) await started.stop();
});

test('a health-service in front of real endpoints', async (t) => {
  const replica = await cluster.startReplica();

  await t.test('is live at once and ready once the configuration has come', async () => {
    assert.equal((await replica.get('/livez')).status, 200);
    await waitFor(async () => (await replica.get('/readyz')).status === 200, {
      message: '/readyz to answer 200',
    });
    await waitFor(() => replica.log().some(({ msg }) => msg === 'ready'), {
      message: 'the ready line',
    });
  });

  await t.test(
    'publishes a killed endpoint as unhealthy and a revived one as healthy',
    async () => {
      const [a, b, c] = [await endpoint(), await endpoint(), await endpoint()];
      await cluster.putTenant('acme', [upstream('web', [a.port, b.port, c.port])]);
      for (const { port } of [a, b, c]) await cluster.waitForState('acme.web', port, 'healthy');
      await b.stop();
      const reason = await cluster.waitForState('acme.web', b.port, 'unhealthy', DETECTION_MS);
      assert.match(reason, /ECONNREFUSED|ECONNRESET/);
      assert.equal(cluster.endpoints('acme.web')?.[0]?.state, 'healthy');
      await b.start();
      await cluster.waitForState('acme.web', b.port, 'healthy', DETECTION_MS);
    },
  );

  await t.test('tells hanging, failing and refusing endpoints from good ones', async () => {
    const [good, hanging, failing, tcp] = [
      await endpoint(),
      await endpoint(),
      await endpoint(),
      await endpoint(),
    ];
    hanging.behave(hangs);
    failing.behave(answers(503));
    tcp.behave(hangs);
    await cluster.putTenant('mixed', [
      upstream('http', [good.port, hanging.port, failing.port]),
      upstream('teapot', [failing.port], { ...quickCheck, expectedStatuses: [503] }),
      upstream('tcp', [tcp.port], { ...quickCheck, type: 'tcp' }),
      { id: 'unchecked', endpoints: [{ host: '127.0.0.1', port: failing.port }] },
    ]);
    await cluster.waitForState('mixed.http', good.port, 'healthy');
    await cluster.waitForState('mixed.teapot', failing.port, 'healthy');
    await cluster.waitForState('mixed.tcp', tcp.port, 'healthy');
    assert.equal(
      await cluster.waitForState('mixed.http', hanging.port, 'unhealthy'),
      'timeout after 200 ms',
    );
    assert.equal(await cluster.waitForState('mixed.http', failing.port, 'unhealthy'), 'status 503');
    assert.equal(cluster.endpoints('mixed.unchecked'), undefined);
  });

  await t.test('one probe serves all upstreams with the same address and settings', async () => {
    const shared = await endpoint();
    const upstreams = Array.from({ length: 50 }, (_, index) =>
      upstream(`u${index}`, [shared.port], { ...quickCheck, intervalMs: 500 }),
    );
    await cluster.putTenant('shared', upstreams);
    for (let index = 0; index < 50; index += 1) {
      await cluster.waitForState(`shared.u${index}`, shared.port, 'healthy');
    }
    // One probe every 450 to 550 ms; unshared it would be 50 in that time.
    const since = performance.now();
    const before = shared.connections;
    await waitFor(() => shared.connections >= before + 3, { message: 'three more probes' });
    assert.ok(performance.now() - since > 800, 'probes come faster than their interval');
    await cluster.removeTenant('shared');
  });

  await t.test('a shared upstream is probed and published once, whoever uses it', async () => {
    const [shared, added] = [await endpoint(), await endpoint()];
    const mail = (...ports: number[]) => upstream('mail', ports);
    for (const id of ['user-1', 'user-2', 'user-3']) await cluster.putTenant(id, []);
    const owned = await replica.upstreams();
    await cluster.putShared('mail', mail(shared.port));
    await cluster.waitForState('_.mail', shared.port, 'healthy');
    assert.equal(await replica.upstreams(), owned + 1);
    await shared.stop();
    await cluster.waitForState('_.mail', shared.port, 'unhealthy', DETECTION_MS);
    await cluster.putShared('mail', mail(added.port));
    await cluster.waitForState('_.mail', added.port, 'healthy');
    await cluster.putShared('mail', { id: 'mail', endpoints: [] });
    await waitFor(async () => (await replica.get('/status')).body.includes('upstream.mail'), {
      message: 'the document to be reported',
    });
    await waitFor(() => cluster.endpoints('_.mail')?.[0]?.state === 'healthy', {
      message: 'what was there to stay',
    });
    await cluster.putShared('mail', null);
    await waitFor(() => cluster.endpoints('_.mail') === undefined, { message: 'the removal' });
  });

  await t.test('publishes changes, not probes', async () => {
    const steady = await endpoint();
    await cluster.putTenant('steady', [upstream('web', [steady.port])]);
    await cluster.waitForState('steady.web', steady.port, 'healthy');
    const before = cluster.messages();
    const probes = steady.connections;
    await waitFor(() => steady.connections >= probes + 8, { message: 'eight more probes' });
    // The refresh of an upstream of another test may fall into this time, not one per probe.
    assert.ok(cluster.messages() - before < 8, `${cluster.messages() - before} messages`);
  });

  await t.test(
    'a bad document is reported; its tenant keeps what it had, others go on',
    async () => {
      const [mine, other] = [await endpoint(), await endpoint()];
      await cluster.putTenant('bad', [upstream('web', [mine.port])]);
      await cluster.waitForState('bad.web', mine.port, 'healthy');
      await cluster.putTenant('bad', [], '{"tenant":{"id":"bad"},"upstreams":"none"}');
      await waitFor(async () => (await replica.get('/status')).body.includes('tenant.bad'), {
        message: 'the document to be reported',
      });
      await waitFor(
        () =>
          replica
            .log()
            .some((line) => line['document'] === 'tenant.bad' && line['level'] === 'warn'),
        { message: 'the document to be logged' },
      );
      await cluster.putTenant('good', [upstream('web', [other.port])]);
      await cluster.waitForState('good.web', other.port, 'healthy');
      await mine.stop();
      await cluster.waitForState('bad.web', mine.port, 'unhealthy');
      await cluster.putTenant('bad', [upstream('web', [other.port])]);
      await cluster.waitForState('bad.web', other.port, 'healthy');
      assert.ok(!(await replica.get('/status')).body.includes('tenant.bad'));
    },
  );

  await t.test('a removed tenant is unpublished and no longer probed', async () => {
    const removed = await endpoint();
    await cluster.putTenant('gone', [upstream('web', [removed.port])]);
    await cluster.waitForState('gone.web', removed.port, 'healthy');
    await cluster.removeTenant('gone');
    await waitFor(() => cluster.endpoints('gone.web') === undefined, { message: 'its removal' });
    const witness = endpoints[0];
    assert.ok(witness);
    const [probes, witnessed] = [removed.connections, witness.connections];
    await waitFor(() => witness.connections >= witnessed + 5, { message: 'probes of another' });
    assert.ok(removed.connections <= probes + 1, 'at most the probe that was on its way');
  });

  await t.test('counts probes, states and publications', async () => {
    const { body } = await replica.get('/metrics');
    for (const line of [
      /^headgate_probes_total\{.*outcome="success".*\} [1-9]/m,
      /^headgate_probes_total\{.*outcome="failure".*\} [1-9]/m,
      /^headgate_probes_total\{.*outcome="timeout".*\} [1-9]/m,
      /^headgate_endpoints\{.*state="healthy".*\} [1-9]/m,
      /^headgate_endpoints\{.*state="unhealthy".*\} [1-9]/m,
      /^headgate_probe_duration_seconds_count\{.*\} [1-9]/m,
      /^headgate_endpoint_transitions_total\{.*state="unhealthy".*\} [1-9]/m,
      /^headgate_health_published_total\{.*outcome="published".*\} [1-9]/m,
      /^headgate_bus_connected\{.*\} 1$/m,
    ]) {
      assert.match(body, line);
    }
  });

  await t.test('SIGTERM: says goodbye and ends with code 0', async () => {
    assert.deepEqual(await replica.process.stop(), { code: 0, signal: null });
    assert.equal(replica.log().at(-1)?.['msg'], 'stopped');
  });
});

test('2,000 probes never exceed the bound on concurrency, and each gets its turn', async () => {
  let open = 0;
  let peak = 0;
  const paths = new Set<string>();
  const origin = await createHttpOrigin(async (request, response) => {
    open += 1;
    peak = Math.max(peak, open);
    paths.add(request.url ?? '');
    await new Promise(setImmediate);
    open -= 1;
    response.end();
  });
  const replica = await cluster.startReplica({ HEADGATE_HEALTH_CONCURRENCY_MAX: '8' });
  for (const tenant of ['many-1', 'many-2']) {
    const upstreams = Array.from({ length: 1000 }, (_, index) =>
      upstream(`u${index}`, [origin.port], {
        path: `/${tenant}/${index}`,
        intervalMs: 4000,
        timeoutMs: 2000,
      }),
    );
    await cluster.putTenant(tenant, upstreams);
  }
  await waitFor(() => paths.size === 2000, { message: 'every probe', deadlineMs: 15_000 });
  assert.ok(peak > 1 && peak <= 8, `${peak} at once`);
  await waitFor(
    () =>
      ['many-1', 'many-2'].every((tenant) =>
        Array.from({ length: 1000 }, (_, index) => cluster.endpoints(`${tenant}.u${index}`)).every(
          (states) => states?.[0]?.state === 'healthy',
        ),
      ),
    { message: 'every upstream to be published', deadlineMs: 10_000 },
  );
  assert.match(
    (await replica.get('/metrics')).body,
    /headgate_endpoints\{.*state="healthy".*\} 2\d{3}/,
  );
  await replica.process.stop();
  await origin.close();
});
