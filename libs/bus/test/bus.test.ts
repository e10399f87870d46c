import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { TenantId, UpstreamId } from '@headgate/model';
import {
  createFakeClock,
  createFaultProxy,
  startNats,
  startStopwatch,
  waitFor,
  type NatsServer,
} from '@headgate/testkit';
import {
  connectBus,
  createAckPublisher,
  createHealthPublisher,
  HEALTH_BUCKET,
  subjects,
  subscribeAcks,
  watchHealth,
  type Bus,
  type BusEvent,
  type ConfigAck,
} from '../src/index.ts';
import { deps, openBus, openConnectedBus } from './config-cluster.ts';

let nats: NatsServer;
let open: (() => unknown)[] = [];

before(async () => {
  nats = await startNats({ configuration: 'authorization { user: u, password: p }' });
});
after(() => nats.stop());
afterEach(async () => {
  for (const close of open.reverse()) await close();
  open = [];
});

/** For answers that come: long enough for any machine. */
const ANSWER_MS_MAX = 30_000;

const login = { user: 'u', password: 'p' };

async function bus(name: string, port = nats.port): Promise<Bus> {
  const connected = await openConnectedBus(`nats://127.0.0.1:${port}`, name, login);
  open.push(() => connected.close());
  return connected;
}

const text = (value: string) => new TextEncoder().encode(value);

test('subscriptions made before the connection work after it, and after every reconnect', async () => {
  const proxy = await createFaultProxy({ port: nats.port });
  open.push(() => proxy.close());
  proxy.refuseNew();
  const late = openBus(`nats://127.0.0.1:${proxy.port}`, 'late', login);
  open.push(() => late.close());
  let losses = 0;
  late.onConnection((connected) => void (losses += connected ? 0 : 1));
  const received: string[] = [];
  late.subscribe('greeting', ({ data }) => void received.push(Buffer.from(data).toString()));
  const sender = await bus('sender');
  proxy.resume();
  for (const greeting of ['one', 'two', 'three']) {
    await waitFor(() => late.connected, { message: 'the connection' });
    await waitFor(
      () => {
        sender.publish('greeting', text(greeting));
        return received.includes(greeting);
      },
      { message: greeting },
    );
    const lossesBefore = losses;
    proxy.cut();
    await waitFor(() => losses > lossesBefore, { message: 'the cut to be noticed' });
  }
});

test('requests are answered by one of a queue, and every other end is a value', async () => {
  const asker = await bus('asker');
  const heard: string[] = [];
  for (const name of ['x', 'y']) {
    const responder = await bus(name);
    responder.subscribe(
      'question',
      (message) => {
        heard.push(Buffer.from(message.data).toString());
        assert.equal(message.respond(text(name)), 'sent');
      },
      { queue: 'q' },
    );
    responder.subscribe('silence', () => undefined);
  }
  await waitFor(async () => (await asker.request('question', text('ready?'), 500)).ok, {
    message: 'the responders',
  });
  const questions = Array.from({ length: 20 }, (_, index) => `question ${index}`);
  const replies = await Promise.all(
    questions.map((question) => asker.request('question', text(question), ANSWER_MS_MAX)),
  );
  assert.ok(replies.every(({ ok }) => ok));
  // The first question may have been asked several times, and be heard late.
  const own = heard.filter((question) => question !== 'ready?');
  assert.deepEqual(own.toSorted(), questions.toSorted(), 'each request reached one responder');
  const ends = await Promise.all([
    asker.request('nobody', text(''), ANSWER_MS_MAX),
    asker.request('silence', text(''), 100),
    asker.request('question', new Uint8Array(2_000_000), 100),
  ]);
  assert.deepEqual(
    ends.map((end) => (end.ok ? 'ok' : end.reason)),
    ['no-responders', 'timeout', 'too-large'],
  );
});

test('a request that is under way when the connection breaks ends at once', async () => {
  const proxy = await createFaultProxy({ port: nats.port });
  open.push(() => proxy.close());
  const asker = await bus('asker', proxy.port);
  let asked = false;
  (await bus('responder')).subscribe('slow', () => void (asked = true));
  await waitFor(
    async () => {
      void asker.request('slow', text(''), 60_000);
      return asked;
    },
    { message: 'the responder' },
  );
  const answer = asker.request('slow', text(''), 60_000);
  proxy.partition();
  assert.deepEqual(await answer, { ok: false, reason: 'disconnected' });
});

test('callbacks that throw are counted and reported, and later messages still come', async () => {
  const events: BusEvent[] = [];
  const shaky = connectBus(deps, {
    servers: [nats.url],
    name: 'shaky',
    ...login,
    onEvent: (event) => {
      events.push(event);
      throw new Error('onEvent bug');
    },
  });
  open.push(() => shaky.close());
  await waitFor(() => shaky.connected, { message: 'the connection' });
  const before = shaky.guard.failures;
  let calls = 0;
  shaky.subscribe('bug', () => {
    calls += 1;
    if (calls === 1) throw new Error('sync bug');
    return Promise.reject(new Error('async bug'));
  });
  for (let count = 1; count <= 2; count++) shaky.publish('bug', text(''));
  await waitFor(() => calls === 2, { message: 'both messages' });
  await waitFor(() => events.filter(({ type }) => type === 'callback-failed').length >= 2, {
    message: 'both reports',
  });
  assert.ok(shaky.guard.failures >= before + 2);
});

test('a wrong password is tried again for ever, and close() ends that at once', async () => {
  const events: BusEvent[] = [];
  const refused = connectBus(deps, {
    servers: [nats.url],
    name: 'refused',
    user: 'u',
    password: 'wrong',
    reconnectWaitMsMax: 50,
    onEvent: (event) => void events.push(event),
  });
  await waitFor(() => events.filter(({ type }) => type === 'connect-failed').length >= 3, {
    message: 'three attempts',
  });
  assert.equal(refused.connected, false);
  await refused.close();
  const attempts = events.length;
  await refused.close();
  assert.equal(events.length, attempts);
});

test('close() is bounded when the server does not answer', async () => {
  const proxy = await createFaultProxy({ port: nats.port });
  open.push(() => proxy.close());
  const stuck = await openConnectedBus(`nats://127.0.0.1:${proxy.port}`, 'stuck', login);
  stuck.subscribe('x', () => undefined);
  proxy.pause();
  const stopwatch = startStopwatch();
  await stuck.close(200);
  assert.ok(stopwatch.stop() < 1500);
});

test('acknowledgements arrive in batches, also those made while disconnected', async () => {
  const proxy = await createFaultProxy({ port: nats.port });
  open.push(() => proxy.close());
  const edge = await bus('edge', proxy.port);
  const service = await bus('service');
  const received: ConfigAck[] = [];
  const batches: number[] = [];
  const subscription = subscribeAcks(service, (edgeId, acks) => {
    assert.equal(edgeId, 'edge-1');
    batches.push(acks.length);
    received.push(...acks);
  });
  const publisher = createAckPublisher(edge, deps, { edgeId: 'edge-1', flushMs: 10 });
  open.push(() => publisher.close());
  const ack = (revision: number): ConfigAck => ({
    key: 'tenant.acme',
    revision,
    outcome: revision % 2 === 0 ? 'applied' : 'rejected',
    ...(revision % 2 === 0 ? {} : { reason: 'bad' }),
    at: 1,
  });
  proxy.partition();
  await waitFor(() => !edge.connected, { message: 'the partition' });
  for (let revision = 0; revision < 1200; revision++) assert.ok(publisher.add(ack(revision)));
  proxy.resume();
  await waitFor(() => received.length === 1200, { message: 'all acknowledgements' });
  assert.deepEqual(
    received.map(({ revision }) => revision),
    [...Array(1200).keys()],
  );
  assert.deepEqual(batches, [500, 500, 200]);
  edge.publish(subjects.configAck, text('{"v":1,"edgeId":"","acks":[]}'));
  await waitFor(() => subscription.malformed === 1, { message: 'the malformed batch' });
});

test('health: changes and refreshes are published, removals and bad values reach the watcher', async () => {
  const clock = createFakeClock();
  const service = await bus('health-service');
  const publisher = createHealthPublisher(service, { clock }, { refreshMs: 10_000 });
  // Proven by the literals: both match the pattern of ids.
  const ids = { tenantId: 'acme' as TenantId, upstreamId: 'api' as UpstreamId };
  const state = (health: 'healthy' | 'unhealthy') => ({
    v: 1 as const,
    ...ids,
    observedAt: clock.nowMs(),
    endpoints: [{ id: '127.0.0.1:80', state: health, since: 1, reason: 'status 200' }],
  });
  const heard: string[] = [];
  const watch = watchHealth(await bus('edge'), deps, {
    onState: ({ endpoints }) => heard.push(endpoints[0]?.state ?? 'none'),
    onRemoved: (key) => heard.push(`removed ${key}`),
    onRejected: (key, reason) => heard.push(`${key} ${reason}`),
  });
  open.push(() => watch.close());
  assert.deepEqual(await publisher.ensureBucket(), { ok: true });
  assert.deepEqual(await publisher.publish(state('healthy')), { ok: true });
  assert.equal(await publisher.publish(state('healthy')), 'unchanged');
  await waitFor(() => heard.length === 1, { message: 'the first state' });
  assert.deepEqual(await publisher.publish(state('unhealthy')), { ok: true });
  // The bucket keeps the newest value only, so a slow watch may never see one that is replaced.
  await waitFor(() => heard.length === 2, { message: 'the change' });
  clock.advance(9_999);
  assert.equal(await publisher.publish(state('unhealthy')), 'unchanged');
  clock.advance(1);
  assert.deepEqual(await publisher.publish(state('unhealthy')), { ok: true });
  await waitFor(() => heard.length === 3, { message: 'the refresh', describe: () => heard });
  await service.connection()?.jetstream().publish(`$KV.${HEALTH_BUCKET}.acme.other`, '{"v":1}');
  assert.deepEqual(await publisher.remove('acme', 'api'), { ok: true });
  await waitFor(() => heard.length === 5, { message: 'the removal', describe: () => heard });
  assert.deepEqual(heard, [
    ...['healthy', 'unhealthy', 'unhealthy'],
    'acme.other bad-fields',
    'removed acme.api',
  ]);
});
