import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantId, UpstreamId, type EndpointHealth, type HealthState } from '@headgate/model';
import { createFakeClock, createSeededRandom } from '@headgate/testkit';
import { HealthPublisher, type HealthReading } from './publisher.ts';
import type { UpstreamTarget } from './targets.ts';

const healthy: EndpointHealth = { id: 'e:1', state: 'healthy', since: 1, reason: 'status 200' };

function upstream(id: string): UpstreamTarget {
  const tenantId = TenantId.parse('t1');
  return { key: `t1/${id}`, tenantId, upstreamId: UpstreamId.parse(id), probes: [] };
}

/** A publisher whose sink stores what it is given while `online`. */
function setUp(options: { inFlightMax?: number } = {}) {
  const clock = createFakeClock();
  const world = {
    online: true,
    reading: { endpoints: [healthy], complete: true } as HealthReading | null,
    stored: [] as HealthState[],
    removed: [] as string[],
    attempts: 0,
    inFlight: 0,
    inFlightPeak: 0,
  };
  const send = async (store: () => void): Promise<boolean> => {
    world.attempts += 1;
    world.inFlight += 1;
    world.inFlightPeak = Math.max(world.inFlightPeak, world.inFlight);
    await new Promise(setImmediate);
    world.inFlight -= 1;
    if (world.online) store();
    return world.online;
  };
  const publisher = new HealthPublisher(
    {
      sink: {
        publish: (state) => send(() => world.stored.push(state)),
        remove: (_, upstreamId) => send(() => world.removed.push(upstreamId)),
      },
      read: () => world.reading,
      clock,
      random: createSeededRandom(1),
      onOutcome: () => undefined,
    },
    { refreshMs: 15_000, ...options },
  );
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      publisher.tick();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
  };
  return { publisher, world, pass, clock };
}

test('publisher: a change goes out once, with the next tick', async () => {
  const { publisher, world, pass, clock } = setUp();
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  publisher.markChanged('t1/web');
  await pass(50);
  const observedAt = clock.nowMs();
  assert.deepEqual(world.stored, [
    { v: 1, tenantId: 't1', upstreamId: 'web', observedAt, endpoints: [healthy] },
  ]);
  await pass(10_000);
  assert.equal(world.stored.length, 1);
});

test('publisher: without change it publishes again every refresh interval', async () => {
  const { publisher, world, pass } = setUp();
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(60_000);
  assert.ok(world.stored.length >= 4 && world.stored.length <= 6, `${world.stored.length}`);
});

test('publisher: after a takeover it waits for every verdict, at most one refresh interval', async () => {
  const { publisher, world, pass } = setUp();
  world.reading = { endpoints: [healthy], complete: false };
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(14_000);
  assert.equal(world.stored.length, 0);
  await pass(2000);
  assert.equal(world.stored.length, 1);
  publisher.markChanged('t1/web');
  await pass(50);
  assert.equal(world.stored.length, 2, 'later changes go out at once');
});

test('publisher: says nothing of an upstream without any verdict', async () => {
  const { publisher, world, pass } = setUp();
  world.reading = { endpoints: [], complete: false };
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(60_000);
  assert.equal(world.attempts, 0);
});

test('publisher: what failed is tried again with back-off and the state of that time', async () => {
  const { publisher, world, pass } = setUp();
  world.online = false;
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(10_000);
  assert.ok(world.attempts >= 5 && world.attempts < 60, `${world.attempts} attempts in 10 s`);
  const unhealthy: EndpointHealth = { ...healthy, state: 'unhealthy', since: 2 };
  world.reading = { endpoints: [unhealthy], complete: true };
  world.online = true;
  await pass(2100);
  assert.deepEqual(
    world.stored.map(({ endpoints }) => endpoints),
    [[unhealthy]],
  );
  assert.equal(publisher.pending, 0);
});

test('publisher: at most inFlightMax publications are on their way', async () => {
  const { publisher, world, pass } = setUp({ inFlightMax: 8 });
  for (let index = 0; index < 100; index += 1) {
    publisher.add(upstream(`u${index}`));
    publisher.markChanged(`t1/u${index}`);
  }
  await pass(1000);
  assert.equal(world.inFlightPeak, 8);
  assert.equal(world.stored.length, 100);
});

test('publisher: a removed upstream is deleted, also when the first try fails; a released one stays', async () => {
  const { publisher, world, pass } = setUp();
  for (const id of ['web', 'api']) {
    publisher.add(upstream(id));
    publisher.markChanged(`t1/${id}`);
  }
  await pass(50);
  world.online = false;
  publisher.remove('t1/web');
  publisher.release('t1/api');
  await pass(1000);
  world.online = true;
  await pass(40_000);
  assert.deepEqual(world.removed, ['web']);
  assert.equal(world.stored.length, 2, 'neither is refreshed any more');
});

test('publisher: an upstream that is removed and comes back at once ends up published', async () => {
  const { publisher, world, pass } = setUp();
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(50);
  publisher.remove('t1/web');
  publisher.tick();
  publisher.add(upstream('web'));
  publisher.markChanged('t1/web');
  await pass(200);
  assert.equal(world.removed.length, 1);
  assert.equal(world.stored.length, 2);
  await pass(30_000);
  assert.ok(world.stored.length >= 3, 'it is refreshed');
});
