import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SharedUpstream, Upstream, type HealthState } from '@headgate/model';
import { DeadlineSweeper, systemClock, systemRandom } from '@headgate/runtime';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import { HeldClock } from '../io/held-clock.ts';
import { ReadBuffers } from '../io/read-buffers.ts';
import { ConnectionBudget } from '../upstream/connection-budget.ts';
import { ResponseReaders } from '../upstream/response-readers.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import { UpstreamRegistry } from './upstream-registry.ts';
import type { UpstreamUser } from './upstream-user.ts';

function createRegistry(budget = new ConnectionBudget(Infinity)): UpstreamRegistry {
  const clock = new HeldClock(systemClock);
  return new UpstreamRegistry({
    buffers: new ReadBuffers(),
    sweeper: new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: assert.ifError }),
    clock,
    readers: new ResponseReaders(),
    budget,
    random: systemRandom,
  });
}

function upstream(ports: readonly number[], settings: object = {}): Upstream {
  const endpoints = ports.map((port) => ({ host: '127.0.0.1', port }));
  return Upstream.parse({ id: 'main', endpoints, ...settings });
}

function put(registry: UpstreamRegistry, tenantId: string, spec: Upstream) {
  const built = registry.build(tenantId, [spec]);
  registry.commit(tenantId, built, [spec]);
  const main = built.own.get('main');
  assert.ok(main !== undefined);
  return main;
}

/** Sends one GET on each connection it gets and notes what happens. */
class Probe implements UpstreamUser {
  readonly requestMethod = 'GET';
  readonly events: string[] = [];
  connection: UpstreamConnection | null = null;

  onConnecting(connection: UpstreamConnection): void {
    this.connection = connection;
    this.events.push('connecting');
  }
  onConnection(connection: UpstreamConnection): void {
    this.connection = connection;
    this.events.push('connection');
    connection.bytes.writeText('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    connection.completeRequest();
    connection.bytes.flush();
  }
  onResponseHead(): void {
    this.events.push('head');
  }
  onResponseData(): void {
    this.events.push('data');
  }
  onResponseEnd(): void {
    this.events.push('end');
  }
  onTunnelData(): void {
    this.events.push('tunnel');
  }
  onTunnelEnd(): void {
    this.events.push('tunnel end');
  }
  onUpstreamDrain(): void {
    this.events.push('drain');
  }
  onUpstreamFailure(failure: string, reusedStale: boolean): void {
    this.events.push(reusedStale ? `${failure} stale` : failure);
  }
  onBug(error: unknown): void {
    this.events.push(String(error));
  }
  flush(): void {
    this.connection?.bytes.flush();
  }
}

async function withOrigin(work: (origin: RecordingOrigin) => Promise<void>): Promise<void> {
  const origin = await createRecordingOrigin();
  try {
    await work(origin);
  } finally {
    await origin.close();
  }
}

async function use(pool: { acquire(user: UpstreamUser, fresh: boolean): void }, fresh = false) {
  const probe = new Probe();
  pool.acquire(probe, fresh);
  await waitFor(() => probe.events.includes('end'), { message: 'the response' });
  return probe;
}

suite('upstream registry', () => {
  test('a revision picks nobody before it is in force', () => {
    const registry = createRegistry();
    const spec = upstream([9]);
    const main = registry.build('a', [spec]).own.get('main');
    assert.equal(main?.picker.pick(null), null);
    assert.equal(put(registry, 'a', spec).picker.pick(null)?.id, '127.0.0.1:9');
  });

  test('endpoints, their connections and the retry budget survive a revision', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const first = put(registry, 'a', upstream([origin.port]));
      const [endpoint] = first.endpoints;
      assert.ok(endpoint !== undefined);
      await use(endpoint.pool);
      const second = put(registry, 'a', upstream([origin.port, 9], { connectionsMax: 7 }));
      assert.equal(second.endpoints[0], endpoint);
      assert.equal(second.retryBudget, first.retryBudget);
      assert.equal(endpoint.pool.settings.connectionsMax, 7);
      assert.deepEqual(registry.countConnections(), { open: 1, idle: 1, waiting: 0 });
      await use(endpoint.pool);
      assert.equal(origin.connections.length, 1);
      registry.remove('a');
    });
  });

  test('an endpoint that is removed closes its idle connections; a busy one ends its exchange first', async () => {
    await withOrigin(async (origin) => {
      let release: (bytes: string) => void = () => assert.fail('no request');
      origin.respondWith(() => new Promise((resolve) => (release = resolve)));
      const registry = createRegistry();
      const [endpoint] = put(registry, 'a', upstream([origin.port])).endpoints;
      assert.ok(endpoint !== undefined);
      const probe = new Probe();
      endpoint.pool.acquire(probe, false);
      await waitFor(() => origin.requests.length === 1, { message: 'the request' });
      put(registry, 'a', upstream([9]));
      release('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      await waitFor(() => probe.events.includes('end'), { message: 'the response' });
      await waitFor(() => origin.connections[0]?.ended, { message: 'the close' });
      assert.equal(endpoint.pool.openCount, 0);
    });
  });

  test('tenants share nothing, not even for the same address', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const pools = ['a', 'b'].map(
        (id) => put(registry, id, upstream([origin.port])).endpoints[0]?.pool,
      );
      for (const pool of pools) if (pool !== undefined) await use(pool);
      assert.equal(origin.connections.length, 2);
      registry.remove('a');
      registry.remove('b');
      await waitFor(() => origin.connections.every((one) => one.ended), { message: 'the close' });
    });
  });

  test('idle connections of all tenants together are within the budget; the oldest one goes', async () => {
    await withOrigin(async (origin) => {
      const budget = new ConnectionBudget(8);
      const registry = createRegistry(budget);
      const pools = Array.from({ length: 100 }, (_, index) => {
        const pool = put(registry, `t${index}`, upstream([origin.port])).endpoints[0]?.pool;
        assert.ok(pool !== undefined);
        return pool;
      });
      for (const pool of pools) {
        await use(pool);
        assert.ok(registry.countConnections().open <= 8);
      }
      assert.deepEqual(
        pools.map((pool) => pool.openCount),
        [...Array<number>(92).fill(0), ...Array<number>(8).fill(1)],
      );
      assert.equal(budget.evicted, 92);
      await waitFor(() => origin.connections.filter(({ ended }) => !ended).length === 8, {
        message: 'the others to close',
      });
      await use(pools[92] ?? assert.fail()); // has its connection still, and is the newest now
      await use(pools[0] ?? assert.fail());
      assert.deepEqual([pools[92]?.openCount, pools[93]?.openCount], [1, 0]);
      assert.equal(origin.connections.length, 101);
      registry.remove('t92');
      assert.equal(registry.countConnections().open, 7);
      for (const index of pools.keys()) registry.remove(`t${index}`);
    });
  });

  test('health that came before the upstream is applied to it', () => {
    const registry = createRegistry();
    const state = (verdict: 'healthy' | 'unhealthy'): HealthState =>
      ({
        tenantId: 'a',
        upstreamId: 'main',
        endpoints: [{ id: '127.0.0.1:9', state: verdict }],
      }) as unknown as HealthState; // the fields that the registry reads
    registry.receiveHealth(state('unhealthy'));
    const [endpoint] = put(registry, 'a', upstream([9])).endpoints;
    assert.equal(endpoint?.isAvailable(), false);
    registry.receiveHealth(state('healthy'));
    assert.equal(endpoint.isAvailable(), true);
  });
});

/** Sets a shared upstream whose endpoints are these ports. */
function share(registry: UpstreamRegistry, ports: readonly number[], settings: object = {}): void {
  const rest = upstream(ports, settings);
  registry.setShared(SharedUpstream.parse({ ...rest, id: 'mail' }));
}

/** A tenant with a route to it. */
function lead(registry: UpstreamRegistry, tenantId: string) {
  const built = registry.build(tenantId, [], ['mail']);
  registry.commit(tenantId, built, []);
  const mail = built.shared.get('mail');
  assert.ok(mail !== undefined);
  return mail;
}

/** What the health-service says of the shared upstream. */
function stateOfShared(port: number, verdict: 'healthy' | 'unhealthy'): HealthState {
  const endpoints = [{ id: `127.0.0.1:${port}`, state: verdict }];
  // The fields that the registry reads.
  return { tenantId: null, upstreamId: 'mail', endpoints } as unknown as HealthState;
}

suite('shared upstreams', () => {
  test('each tenant has connections, bounds and counts of its own', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      share(registry, [origin.port], { connectionsMax: 3 });
      const pools = ['a', 'b'].map((id) => lead(registry, id).endpoints[0]?.pool);
      for (const pool of pools) {
        assert.equal(pool?.settings.connectionsMax, 3);
        if (pool !== undefined) await use(pool);
      }
      assert.equal(origin.connections.length, 2);
      assert.deepEqual(registry.countConnections(), { open: 2, idle: 2, waiting: 0 });
      registry.remove('a');
      assert.equal(registry.countConnections().open, 1);
      registry.remove('b');
    });
  });

  test('a change keeps connections to endpoints that stay, and closes the others', async () => {
    await withOrigin(async (origin) => {
      await withOrigin(async (other) => {
        const registry = createRegistry();
        share(registry, [origin.port, other.port]);
        const mail = lead(registry, 'a');
        const [kept, gone] = mail.endpoints;
        for (const endpoint of mail.endpoints) await use(endpoint.pool);
        share(registry, [9, origin.port], { connectionsMax: 7 });
        assert.deepEqual(mail.endpoints, [kept, gone], 'before the next request');
        registry.refresh('a');
        assert.equal(mail.endpoints[1], kept);
        assert.equal(kept?.pool.settings.connectionsMax, 7);
        assert.deepEqual([kept.pool.openCount, gone?.pool.openCount], [1, 0]);
        registry.removeShared('mail');
        registry.refresh('a');
        assert.deepEqual(
          [mail.endpoints, mail.picker.pick(null), kept.pool.openCount],
          [[], null, 0],
        );
      });
    });
  });

  test('one message of the health-service is for all tenants, now and later', () => {
    const registry = createRegistry();
    registry.receiveHealth(stateOfShared(9, 'unhealthy'));
    share(registry, [9]);
    const [a, b] = ['a', 'b'].map((id) => lead(registry, id).endpoints[0]);
    assert.deepEqual([a?.isAvailable(), b?.isAvailable()], [false, false]);
    registry.receiveHealth(stateOfShared(9, 'healthy'));
    assert.deepEqual([a?.isAvailable(), b?.isAvailable()], [true, true]);
    registry.receiveHealth(stateOfShared(9, 'unhealthy'));
    assert.equal(lead(registry, 'c').endpoints[0]?.isAvailable(), false);
    share(registry, [9, 10]);
    registry.refresh('a');
    assert.equal(a?.isAvailable(), false, 'known still');
  });

  test('what one tenant sees of an endpoint ejects it for that tenant alone, until the probes see it recover', () => {
    const registry = createRegistry();
    share(registry, [9]);
    const [a, b] = ['a', 'b'].map((id) => lead(registry, id).endpoints[0]);
    const nowMs = systemClock.monotonicMs();
    a?.passive.recordFailure(nowMs, 'connect_refused');
    assert.deepEqual([a?.isHealthy(), b?.isHealthy()], [false, true]);
    registry.receiveHealth(stateOfShared(9, 'unhealthy'));
    registry.receiveHealth(stateOfShared(9, 'healthy'));
    assert.deepEqual([a?.isHealthy(), b?.isHealthy()], [true, true]);
  });

  test('an endpoint that was gone and came back hears of its health again', () => {
    const registry = createRegistry();
    share(registry, [9]);
    const mail = lead(registry, 'a');
    share(registry, [10]);
    share(registry, [9]); // no request of the tenant came in between
    registry.refresh('a');
    registry.receiveHealth(stateOfShared(9, 'unhealthy'));
    assert.equal(mail.endpoints[0]?.isAvailable(), false);
  });
});

suite('connection pool', () => {
  test('an idle connection that closes is not given to anybody', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const pool = put(registry, 'a', upstream([origin.port])).endpoints[0]?.pool;
      assert.ok(pool !== undefined);
      await use(pool);
      origin.connections[0]?.end();
      await waitFor(() => pool.idleCount === 0, { message: 'the pool to notice' });
      assert.equal(pool.openCount, 0);
      assert.deepEqual((await use(pool)).events.slice(0, 2), ['connecting', 'connection']);
      registry.remove('a');
    });
  });

  test('bytes on an idle connection close it: they must not answer the next request', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const pool = put(registry, 'a', upstream([origin.port])).endpoints[0]?.pool;
      assert.ok(pool !== undefined);
      await use(pool);
      origin.connections[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      await waitFor(() => pool.openCount === 0, { message: 'the close' });
      registry.remove('a');
    });
  });

  test('who cancels while connecting hears nothing; the connection serves the next one', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const pool = put(registry, 'a', upstream([origin.port])).endpoints[0]?.pool;
      assert.ok(pool !== undefined);
      const gone = new Probe();
      pool.acquire(gone, false);
      gone.connection?.cancel();
      await waitFor(() => pool.idleCount === 1, { message: 'the connection' });
      assert.deepEqual(gone.events, ['connecting']);
      assert.equal(origin.requests.length, 0);
      assert.deepEqual((await use(pool)).events[0], 'connection');
      registry.remove('a');
    });
  });

  test('a fresh connection is one even if another is idle, and the bound holds', async () => {
    await withOrigin(async (origin) => {
      const registry = createRegistry();
      const spec = upstream([origin.port], { connectionsMax: 1 });
      const pool = put(registry, 'a', spec).endpoints[0]?.pool;
      assert.ok(pool !== undefined);
      await use(pool);
      assert.deepEqual((await use(pool, true)).events.slice(0, 2), ['connecting', 'connection']);
      assert.equal(pool.openCount, 1);
      assert.equal(origin.connections.length, 2);
      registry.remove('a');
    });
  });

  test('waiting users are served in order when a connection fails or is free; those that left are not', async () => {
    await withOrigin(async (origin) => {
      const holding: ((bytes: string) => void)[] = [];
      origin.respondWith(() => new Promise((resolve) => holding.push(resolve)));
      const registry = createRegistry();
      const spec = upstream([origin.port], { connectionsMax: 1, pendingMax: 3 });
      const pool = put(registry, 'a', spec).endpoints[0]?.pool;
      assert.ok(pool !== undefined);
      const [first, left, second, third, excess] = Array.from({ length: 5 }, () => new Probe());
      for (const probe of [first, left, second, third, excess])
        if (probe) pool.acquire(probe, false);
      assert.deepEqual(excess?.events, ['overloaded']);
      if (left) pool.cancelWaiting(left);
      assert.equal(pool.waitingCount, 2);
      await waitFor(() => holding.length === 1, { message: 'the first request' });
      holding[0]?.('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      await waitFor(() => holding.length === 2, { message: 'the second request' });
      assert.ok(second?.events.includes('connection'));
      origin.connections[0]?.reset();
      await waitFor(() => holding.length === 3, { message: 'the third request' });
      assert.equal(second?.events.at(-1), 'reset stale');
      assert.ok(third?.events.includes('connection'));
      assert.deepEqual(left?.events, []);
      registry.remove('a');
    });
  });
});
