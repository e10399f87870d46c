import assert from 'node:assert/strict';
import type { Msg, NatsConnection, SubscriptionOptions } from 'nats';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { freePort, startNats, waitFor, type NatsServer } from '@headgate/testkit';
import { CONFIG_BUCKET, subjects, type Bus } from '../src/index.ts';
import { encodeMessage } from '../src/parse-message.ts';
import {
  createMemoryConfigService,
  createRecordingFeed,
  openBus,
  openConnectedBus,
  tenantKey,
} from './config-cluster.ts';

const RESTARTS = Number(process.env['HEADGATE_BUS_RESTARTS'] ?? 5);

let nats: NatsServer;
let open: { close(): Promise<unknown> }[] = [];

before(async () => {
  nats = await startNats();
});
after(() => nats.stop());
beforeEach(async () => {
  await nats.restartEmpty();
  open = [];
});
afterEach(async () => {
  for (const item of open.reverse()) await item.close();
});

async function bus(name: string): Promise<Bus> {
  const connected = await openConnectedBus(nats.url, name);
  open.push(connected);
  return connected;
}

function follow(onBus: Bus, options: Parameters<typeof createRecordingFeed>[1] = {}) {
  const recording = createRecordingFeed(onBus, options);
  open.push(recording.feed);
  return recording;
}

/** The same bus, but the nth message that a JetStream consumer delivers to it is lost. */
function dropOneDelivery(onBus: Bus, nth: number): Bus {
  let deliveries = 0;
  return interceptDeliveries(onBus, (deliver) => {
    deliveries += 1;
    if (deliveries !== nth) deliver();
  });
}

function interceptDeliveries(onBus: Bus, intercept: (deliver: () => void) => void): Bus {
  const isDelivery = (message: Msg) => message.reply?.startsWith('$JS.ACK.') === true;
  const lossy = (client: NatsConnection): NatsConnection =>
    new Proxy(client, {
      get(target, property) {
        if (property !== 'subscribe') return Reflect.get(target, property, target) as unknown;
        return (subject: string, options: SubscriptionOptions) =>
          target.subscribe(subject, {
            ...options,
            callback: (error, message) => {
              const deliver = () => options.callback?.(error, message);
              if (error === null && isDelivery(message)) intercept(deliver);
              else deliver();
            },
          });
      },
    });
  return new Proxy(onBus, {
    get(target, property) {
      if (property === 'connection') {
        const client = target.connection();
        return () => (client === null ? null : lossy(client));
      }
      const value = Reflect.get(target, property, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The same bus, but what JetStream consumers deliver to it waits until it is released. */
function holdDeliveries(onBus: Bus): { readonly bus: Bus; readonly release: () => void } {
  let held: (() => void)[] | null = [];
  const bus = interceptDeliveries(onBus, (deliver) => {
    if (held === null) deliver();
    else held.push(deliver);
  });
  return {
    bus,
    release() {
      const waiting = held ?? [];
      held = null;
      for (const deliver of waiting) deliver();
    },
  };
}

async function stream(onBus: Bus) {
  const client = onBus.connection();
  assert.ok(client !== null);
  return {
    streams: (await client.jetstreamManager()).streams,
    name: `KV_${CONFIG_BUCKET}`,
    client,
  };
}

test('a new feed receives every document once and reports synced once', async () => {
  const service = createMemoryConfigService(await bus('service'));
  for (let number = 0; number < 500; number++) service.write(tenantKey(number), `{"n":${number}}`);
  service.write('plan.gold', '{}');
  service.write(tenantKey(3), null);
  await service.putAll();
  const edge = follow(await bus('edge'));
  const ms = await edge.converges(service);
  assert.ok(ms < 3000, `took ${ms} ms`);
  assert.ok([...edge.revisions.values()].every(({ length }) => length === 1));
  assert.equal(edge.syncedCalls(), 1);
  assert.deepEqual(edge.rejections, []);
  assert.equal(edge.feed.status().revision, 502);
});

test('a feed that is still reading the bucket asks for nothing that comes anyway', async () => {
  const service = createMemoryConfigService(await bus('service'));
  const server = service.serve();
  open.push({ close: () => Promise.resolve(server.unsubscribe()) });
  for (let number = 0; number < 100; number++) service.write(tenantKey(number), `{"n":${number}}`);
  await service.putAll();
  const { bus: slow, release } = holdDeliveries(await bus('edge'));
  const edge = follow(slow, { checkJitterMs: 60_000 });
  await waitFor(() => edge.events.some(({ type }) => type === 'watch-started'), {
    message: 'the watch to start',
  });
  // Each check compares, and cuts the waits of a repair short.
  for (let check = 0; check < 5; check++) await edge.feed.checkDigest();
  assert.equal(edge.documents.size, 0);
  release();
  await edge.converges(service);
  assert.deepEqual(
    edge.events.filter(({ type }) => type === 'behind'),
    [],
  );
  assert.ok([...edge.revisions.values()].every(({ length }) => length === 1));
});

test('a feed whose watch brings nothing asks for the digest, and for what it lacks', async () => {
  const service = createMemoryConfigService(await bus('service'));
  const server = service.serve();
  open.push({ close: () => Promise.resolve(server.unsubscribe()) });
  for (let number = 0; number < 5; number++) service.write(tenantKey(number), `{"n":${number}}`);
  await service.putAll();
  const { bus: stuck, release } = holdDeliveries(await bus('edge'));
  open.push({ close: () => Promise.resolve(release()) });
  const edge = follow(stuck, { checkJitterMs: 3000 });
  await edge.converges(service, 15_000);
});

test('a live update arrives within 50 ms in the median', async () => {
  const service = createMemoryConfigService(await bus('service'));
  service.serve();
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  const latencies: number[] = [];
  for (let number = 0; number < 50; number++) {
    service.write(tenantKey(number), `{"n":${number}}`);
    const begun = performance.now();
    assert.deepEqual(await service.publish(tenantKey(number)), { ok: true });
    await waitFor(() => edge.documents.has(tenantKey(number)), {
      message: 'the update',
      intervalMs: 1,
    });
    latencies.push(performance.now() - begun);
  }
  const median = latencies.sort((a, b) => a - b)[25] ?? Infinity;
  assert.ok(median < 50, `median ${median} ms`);
});

test('any lost message is repaired from the config-service', async () => {
  const service = createMemoryConfigService(await bus('service'));
  const server = service.serve();
  for (let number = 0; number < 20; number++) service.write(tenantKey(number), `{"n":${number}}`);
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  // Each kind of change in turn is never published.
  const lost: (readonly [key: string, body: string | null])[] = [
    [tenantKey(100), '{"created":true}'],
    [tenantKey(5), '{"updated":true}'],
    [tenantKey(7), null],
  ];
  for (const [key, body] of lost) {
    service.write(key, body);
    service.publisher.broadcastDigest(service.digest());
    await edge.converges(service);
  }
  assert.deepEqual(edge.removals, [`${tenantKey(7)} absent`]);
  assert.ok(server.counts.answered >= 6);
});

test('what tenants need is repaired before them, whatever it is called', async () => {
  const service = createMemoryConfigService(await bus('service'));
  const server = service.serve();
  open.push({ close: () => Promise.resolve(server.unsubscribe()) });
  await service.putAll();
  const edge = follow(await bus('edge'));
  await waitFor(() => edge.feed.status().synced, { message: 'the feed to be in sync' });
  const needed = ['plan.gold', 'plan.silver', 'upstream.mail'];
  for (let number = 0; number < 200; number++) service.write(tenantKey(number), '{}');
  for (const key of needed) service.write(key, '{}');
  service.publisher.broadcastDigest(service.digest());
  await edge.converges(service);
  assert.deepEqual([...edge.documents.keys()].slice(0, needed.length).sort(), needed);
});

test('an answer that is older than a digest heard meanwhile does not hide that digest', async () => {
  const service = createMemoryConfigService(await bus('service'));
  let overtake = false;
  service.serve(() => {
    const answer = service.digest();
    if (overtake) {
      overtake = false;
      service.write(tenantKey(2), '{}');
      // On one connection, so the feed hears it before the answer.
      service.publisher.broadcastDigest(service.digest());
    }
    return answer;
  });
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  await edge.feed.checkDigest();
  overtake = true;
  service.write(tenantKey(1), '{}');
  service.publisher.broadcastDigest(service.digest());
  await waitFor(() => edge.documents.size === 2, { message: 'both documents' });
  await edge.converges(service);
});

test('without a config-service, a difference makes the feed read the whole bucket again', async () => {
  const service = createMemoryConfigService(await bus('service'));
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  service.write(tenantKey(1), '{}');
  service.publisher.broadcastDigest(service.digest());
  const rescans = () => edge.events.filter((event) => 'fromStart' in event && event.fromStart);
  await waitFor(() => rescans().length >= 2, { message: 'a second reading from the start' });
  assert.ok(
    edge.events.some((event) => event.type === 'repaired' && event.outcome === 'no-answer'),
  );
  assert.equal(edge.feed.status().synced, false);
  await service.publish(tenantKey(1));
  await edge.converges(service);
});

test('a message that is dropped on its way to the watch is noticed and read again', async () => {
  const service = createMemoryConfigService(await bus('service'));
  for (let number = 0; number < 10; number++) service.write(tenantKey(number), '{}');
  await service.putAll();
  const lossy = dropOneDelivery(await bus('edge'), 4);
  const edge = follow(lossy);
  await edge.converges(service);
  assert.ok(edge.events.some((event) => event.type === 'watch-ended' && event.end === 'gap'));
});

test('duplicated and reordered messages never take a document back', async () => {
  const publisherBus = await bus('service');
  const service = createMemoryConfigService(publisherBus);
  service.serve();
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  const versions: Uint8Array[] = [];
  for (let version = 0; version < 5; version++) {
    service.write(tenantKey(1), `{"version":${version}}`);
    versions.push(service.encoded(tenantKey(1)));
  }
  service.write(tenantKey(1), null);
  const deletion = service.encoded(tenantKey(1));
  const { client } = await stream(publisherBus);
  const put = (bytes: Uint8Array | undefined) =>
    client.jetstream().publish(`$KV.${CONFIG_BUCKET}.${tenantKey(1)}`, bytes);
  for (const index of [2, 2, 0, 4, 1, 4, 3]) await put(versions[index]);
  await put(deletion);
  for (const index of [4, 0]) await put(versions[index]);
  await service.put(tenantKey(2), '{}');
  await edge.converges(service);
  assert.deepEqual(edge.revisions.get(tenantKey(1)), [3, 5]);
  assert.deepEqual(edge.removals, [`${tenantKey(1)} deleted`]);
});

test('a bucket that is purged, deleted and created again removes nothing', async () => {
  const publisherBus = await bus('service');
  const service = createMemoryConfigService(publisherBus);
  service.serve();
  for (let number = 0; number < 50; number++) service.write(tenantKey(number), `{"n":${number}}`);
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);

  const { streams, name } = await stream(publisherBus);
  await streams.purge(name);
  await streams.delete(name);
  await waitFor(
    () => edge.events.some((event) => event.type === 'watch-ended' && event.end === 'missing'),
    { message: 'the feed to miss the bucket' },
  );
  assert.equal(edge.documents.size, 50);
  // The new bucket begins at sequence 1 again and holds only what changes from now on.
  await service.publisher.ensureBucket();
  service.write(tenantKey(0), '{"changed":true}');
  await service.publish(tenantKey(0));
  await waitFor(() => edge.documents.get(tenantKey(0)) === '{"changed":true}', {
    message: 'a change through the new bucket',
  });
  await service.publisher.putDigest(service.digest());
  await edge.converges(service);
  assert.deepEqual(edge.removals, []);
});

test('a feed that is started before the server and before the bucket catches up', async () => {
  await nats.kill();
  const early = openBus(nats.url, 'edge');
  open.push(early);
  const edge = follow(early);
  assert.equal(early.connected, false);
  assert.equal(early.publish('x', new Uint8Array()), 'disconnected');
  assert.deepEqual(await early.request('x', new Uint8Array(), 100), {
    ok: false,
    reason: 'disconnected',
  });
  await nats.restart();
  await waitFor(() => edge.feed.status().connected, { message: 'the connection' });
  const service = createMemoryConfigService(await bus('service'));
  service.write(tenantKey(1), '{}');
  await service.putAll();
  await edge.converges(service);
});

test(`${RESTARTS} server restarts during updates: all converge`, async (context) => {
  const service = createMemoryConfigService(await bus('service'));
  service.serve();
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  const slowest: number[] = [];
  for (let restart = 0; restart < RESTARTS; restart++) {
    const restarting = restart % 2 === 0 ? nats.restart() : nats.kill().then(() => nats.restart());
    for (let number = 0; number < 10; number++) {
      const key = tenantKey(restart * 10 + number);
      service.write(key, `{"restart":${restart}}`);
      // As the outbox does: publish until it is confirmed.
      await waitFor(async () => (await service.publish(key)).ok, { message: 'a confirmation' });
    }
    await restarting;
    await waitFor(async () => (await service.publisher.putDigest(service.digest())).ok, {
      message: 'a confirmed digest',
    });
    slowest.push(await edge.converges(service, 10_000));
  }
  context.diagnostic(`slowest convergence after a restart: ${Math.max(...slowest).toFixed(0)} ms`);
  assert.equal(edge.documents.size, RESTARTS * 10);
  assert.ok(
    [...edge.revisions.values()].every((list) => list.length === 1),
    'nothing came twice',
  );
});

test('a server that loses its store: documents stay, and come back into the bucket', async () => {
  const service = createMemoryConfigService(await bus('service'));
  service.serve();
  for (let number = 0; number < 20; number++) service.write(tenantKey(number), '{}');
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  await nats.restartEmpty();
  service.write(tenantKey(3), '{"later":true}');
  await waitFor(async () => (await service.publisher.ensureBucket()).ok, { message: 'a bucket' });
  await service.putAll();
  await edge.converges(service);
  assert.deepEqual(edge.removals, []);
});

test('a paused server is noticed and the feed converges after it', async () => {
  const publisherBus = await bus('service');
  const service = createMemoryConfigService(publisherBus);
  service.serve();
  await service.putAll();
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  nats.pause();
  await waitFor(
    () => edge.events.some((event) => event.type === 'watch-ended' && event.end === 'silent'),
    { message: 'the watch to notice', deadlineMs: 6000 },
  );
  nats.resume();
  await waitFor(() => service.put(tenantKey(1), '{}'), { message: 'a write' });
  await edge.converges(service, 10_000);
});

test('the bucket and the digests of another database are not listened to', async () => {
  const service = createMemoryConfigService(await bus('service'), 'other');
  service.write(tenantKey(1), '{}');
  await service.putAll();
  const edge = follow(await bus('edge'), { epoch: 'ours', held: [[tenantKey(9), 4]] });
  await waitFor(() => edge.events.some(({ type }) => type === 'foreign-epoch'), {
    message: 'the report',
  });
  service.serve();
  service.publisher.broadcastDigest(service.digest());
  await edge.feed.checkDigest();
  assert.equal(edge.documents.size, 0);
  assert.deepEqual(edge.removals, []);
  assert.equal(edge.feed.status().synced, false);
});

test('corrupt documents and digests are rejected with a reason, and repaired', async () => {
  const publisherBus = await bus('service');
  const service = createMemoryConfigService(publisherBus);
  service.serve();
  for (let number = 0; number < 3; number++) service.write(tenantKey(number), `{"n":${number}}`);
  await service.putAll();
  const { client } = await stream(publisherBus);
  const corrupt = Buffer.from(service.encoded(tenantKey(1)));
  corrupt.writeUInt8(corrupt.readUInt8(corrupt.length - 2) ^ 1, corrupt.length - 2);
  await client.jetstream().publish(`$KV.${CONFIG_BUCKET}.${tenantKey(1)}`, corrupt);
  await client.jetstream().publish(`$KV.${CONFIG_BUCKET}.${tenantKey(8)}`, 'nonsense');
  const edge = follow(await bus('edge'));
  await edge.converges(service);
  assert.deepEqual(edge.rejections.sort(), [
    `${tenantKey(1)} bad-hash`,
    `${tenantKey(8)} truncated`,
  ]);
  publisherBus.publish(subjects.configDigest, Buffer.from('{"v":1}'));
  publisherBus.publish(subjects.configDigest, encodeMessage({ v: 2 }));
  await waitFor(() => edge.events.filter(({ type }) => type === 'bad-digest').length === 2, {
    message: 'both digests to be refused',
  });
});

test('an exception of the consumer is counted and does not end the feed', async () => {
  const service = createMemoryConfigService(await bus('service'));
  service.write(tenantKey(1), '{}');
  service.write(tenantKey(2), '{}');
  await service.putAll();
  const edgeBus = await bus('edge');
  const edge = follow(edgeBus);
  edge.documents.set = () => {
    throw new Error('consumer bug');
  };
  await waitFor(() => edge.feed.status().synced, { message: 'synced all the same' });
  assert.equal(edge.feed.status().documents, 2);
  assert.equal(edgeBus.guard.failures, 2);
});

test('a document larger than the server takes is a typed error and nothing is published', async () => {
  const small = await startNats({ port: await freePort(), payloadBytesMax: 10_000 });
  const smallBus = await openConnectedBus(small.url, 'service');
  try {
    const service = createMemoryConfigService(smallBus);
    await service.putAll();
    service.write(tenantKey(1), JSON.stringify('x'.repeat(20_000)));
    const outcome = await service.publish(tenantKey(1));
    assert.ok(!outcome.ok);
    assert.equal(outcome.reason, 'too-large');
    assert.equal(smallBus.publish('x', new Uint8Array(20_000)), 'too-large');
    const { streams, name } = await stream(smallBus);
    assert.equal((await streams.info(name)).state.messages, 1, 'only the digest');
    // The connection lives on.
    assert.equal(await service.put(tenantKey(2), '{}'), true);
  } finally {
    await smallBus.close();
    await small.stop();
  }
});

test('lists and documents are paged below the payload limit', async () => {
  const small = await startNats({ port: await freePort(), payloadBytesMax: 64_000 });
  const buses = [
    await openConnectedBus(small.url, 'service'),
    await openConnectedBus(small.url, 'edge'),
  ] as const;
  const service = createMemoryConfigService(buses[0]);
  service.serve();
  for (let number = 0; number < 60; number++) {
    service.write(tenantKey(number), JSON.stringify('x'.repeat(20_000)));
  }
  await service.publisher.ensureBucket();
  const edge = createRecordingFeed(buses[1]);
  try {
    await edge.converges(service);
  } finally {
    await edge.feed.close();
    for (const opened of buses) await opened.close();
    await small.stop();
  }
});
