import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createFakeClock,
  createFaultProxy,
  startNats,
  startProcess,
  startStopwatch,
  waitFor,
  type NatsServer,
} from '@headgate/testkit';
import { z } from 'zod';
import { createPresence, EdgePresence, trackPresence, type Bus } from '../src/index.ts';
import { encodeMessage } from '../src/parse-message.ts';
import { presenceSubject } from '../src/subjects.ts';
import { deps, openConnectedBus } from './config-cluster.ts';

const member = fileURLToPath(new URL('./fixtures/presence-member.ts', import.meta.url));
const Info = z.object({ n: z.int() });

let nats: NatsServer;
let open: (() => unknown)[] = [];

before(async () => {
  nats = await startNats();
});
after(() => nats.stop());
afterEach(async () => {
  for (const close of open.reverse()) await close();
  open = [];
});

async function bus(name: string, url = nats.url): Promise<Bus> {
  const connected = await openConnectedBus(url, name);
  open.push(() => connected.close());
  return connected;
}

function track(onBus: Bus, clock = deps.clock) {
  const tracker = trackPresence(onBus, { clock }, 'edge', Info);
  open.push(() => tracker.unsubscribe());
  const ids = () => tracker.live().map(({ id }) => id);
  return { tracker, ids };
}

function join(onBus: Bus, id: string, info = { n: 1 }) {
  const presence = createPresence(onBus, { kind: 'edge', id, info: () => info });
  open.push(() => presence.close());
  return presence;
}

const idsBecome = (ids: () => string[], expected: readonly string[], deadlineMs = 60_000) =>
  waitFor(() => JSON.stringify(ids()) === JSON.stringify(expected), {
    message: `members ${JSON.stringify(expected)}`,
    deadlineMs,
    describe: ids,
  });

test('members are live within a heartbeat, ranked by id, and gone at their goodbye', async () => {
  const observer = await bus('observer');
  const { tracker, ids } = track(observer);
  const strange = 'edge *.> 1';
  const others = await bus('others');
  const first = join(others, 'b', { n: 7 });
  join(others, strange);
  join(observer, 'a');
  await idsBecome(ids, ['a', 'b', strange]);
  assert.deepEqual(tracker.live()[1], { id: 'b', info: { n: 7 } });
  assert.equal(tracker.rankOf('b'), 1);
  assert.equal(tracker.rankOf('nobody'), null);
  first.close();
  await idsBecome(ids, ['a', strange]);
  assert.equal(tracker.mostLiveOverLastMinute(), 3);
});

test('a member that is killed is gone after three seconds, not before two', async () => {
  const { ids } = track(await bus('observer'));
  const victim = await startProcess({
    command: process.execPath,
    args: [member],
    env: { NATS_URL: nats.url },
    readyWhen: /announced/,
  });
  await idsBecome(ids, ['victim']);
  const killedAt = performance.now();
  const stopwatch = startStopwatch();
  victim.kill('SIGKILL');
  await idsBecome(ids, []);
  const elapsedMs = performance.now() - killedAt;
  assert.ok(elapsedMs > 2000, `${elapsedMs} ms`);
  const busyMs = stopwatch.stop();
  assert.ok(busyMs < 4000, `${busyMs} ms`);
});

test('without connection everything stays as it was; after it only the silent ones go', async () => {
  const proxy = await createFaultProxy({ port: nats.port });
  open.push(() => proxy.close());
  const clock = createFakeClock();
  const observer = await bus('observer', `nats://127.0.0.1:${proxy.port}`);
  const { tracker, ids } = track(observer, clock);
  const joined = { n: 1 };
  const stays = join(await bus('stays'), 'stays', joined);
  const goes = join(await bus('goes'), 'goes');
  await idsBecome(ids, ['goes', 'stays']);

  proxy.partition();
  await waitFor(() => !observer.connected, { message: 'the partition' });
  goes.close();
  clock.advance(3_600_000);
  assert.deepEqual(ids(), ['goes', 'stays']);
  assert.equal(tracker.mostLiveOverLastMinute(), 2);
  assert.equal(tracker.rankOf('stays'), 1);

  proxy.resume();
  await waitFor(() => observer.connected, { message: 'the connection' });
  clock.advance(2999);
  assert.deepEqual(ids(), ['goes', 'stays'], 'nobody had the time to be heard');
  // Its info shows that this heartbeat came after the connection.
  joined.n = 2;
  await waitFor(
    () => {
      stays.announce();
      return tracker.live()[1]?.info.n === 2;
    },
    { message: 'a heartbeat after the connection' },
  );
  clock.advance(1);
  assert.deepEqual(ids(), ['stays']);
});

test('malformed messages and those under the subject of another member are dropped', async () => {
  const observer = await bus('observer');
  const { tracker, ids } = track(observer);
  const sender = await bus('sender');
  const send = (id: string, message: object) =>
    sender.publish(presenceSubject('edge', id), encodeMessage(message));
  send('a', { v: 1, id: 'b', leaving: false, info: { n: 1 } });
  send('a', { v: 1, id: 'a', leaving: false, info: { n: 'one' } });
  send('a', { v: 2, id: 'a' });
  sender.publish(presenceSubject('edge', 'a'), Buffer.from('nonsense'));
  await waitFor(() => tracker.dropped === 4, { message: 'four dropped messages' });
  assert.deepEqual(ids(), []);
});

test('info that throws is counted, and the next heartbeat comes', async () => {
  const sender = await bus('sender');
  const { ids } = track(await bus('observer'));
  let calls = 0;
  const presence = createPresence(sender, {
    kind: 'edge',
    id: 'shaky',
    info: () => {
      calls += 1;
      if (calls === 1) throw new Error('consumer bug');
      return { n: calls };
    },
  });
  open.push(() => presence.close());
  await idsBecome(ids, ['shaky']);
  assert.equal(sender.guard.failures, 1);
});

test('an edge names at most 100 rejected documents', () => {
  const edge = (count: number) => ({
    zone: 'a',
    revision: 1,
    documents: 1,
    synced: true,
    rejected: Array.from({ length: count }, () => ({ key: 'tenant.a', revision: 1, reason: 'r' })),
    startedAt: 0,
    version: '0.1.0',
    adminAddress: '127.0.0.1:9000',
  });
  assert.equal(EdgePresence.safeParse(edge(100)).success, true);
  assert.equal(EdgePresence.safeParse(edge(101)).success, false);
});
