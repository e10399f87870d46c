import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, settled, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, StoreFailure } from './index.ts';

const chain = compileChain('acme', [tenantRule()]);
const lostConnection = new StoreFailure('connection', 'closed');
const unanswered = new StoreFailure('timeout', 'no answer within 25 ms');

/** A limiter that has admitted so much while its store was lost, which answers from now on; a test may stand in for `replay`. */
async function afterOutage(units: number) {
  const harness = createHarness();
  const { limiter, store, inUse } = harness;
  await inUse();
  store.failure = lostConnection;
  await limiter.take(chain, units);
  store.failure = null;
  return { ...harness, replay: store.replay.bind(store) };
}

test('the store is not asked before the first probe has answered', async () => {
  const { limiter, store, inUse } = createHarness();
  assert.ok(limiter.degraded);
  assert.ok(!(limiter.take(chain, 1) instanceof Promise));
  assert.equal(store.calls.length, 0);
  await inUse();
  assert.ok(limiter.take(chain, 1) instanceof Promise);
  limiter.close();
});

test('a store that cannot be used from the start on is told of, once', async () => {
  const failure = new StoreFailure('refused', 'NOAUTH Authentication required.');
  const { limiter, store, clock, events, inUse } = createHarness({}, 0, failure);
  await settled();
  assert.equal(store.probes, 1);
  assert.equal(events.length, 0, 'it may still be connecting');
  for (let step = 0; step < 50; step += 1) {
    clock.advance(100);
    await settled();
  }
  const { kind, message } = failure;
  assert.deepEqual(events, [{ type: 'store_lost', kind, message }]);
  assert.equal(limiter.stats.storeLosses, 0, 'it was never there');
  store.failure = null;
  clock.advance(1000);
  await inUse();
  assert.equal(events.at(-1)?.type, 'store_in_use');
  limiter.close();
});

test('one failed call opens the breaker at once: whoever waits is answered, nobody waits after', async () => {
  const { limiter, store, clock, events, inUse } = createHarness();
  await inUse();
  store.isHeld = true;
  const outstanding = limiter.take(chain, 1);
  const waiting = limiter.take(chain, 1);
  store.failure = unanswered;
  store.answer();
  assert.equal((await outstanding).source, 'share');
  assert.equal((await waiting).source, 'share');
  assert.equal(store.calls.length, 1);
  assert.ok(limiter.degraded);
  assert.equal(limiter.stats.degradedSinceMs, clock.nowMs());
  assert.ok(!(limiter.take(chain, 1) instanceof Promise));
  assert.deepEqual(
    events.map((event) => ('kind' in event ? event.kind : event.type)),
    ['store_in_use', 'timeout'],
  );
  assert.deepEqual([limiter.stats.storeErrors, limiter.stats.storeTimeouts], [1, 1]);
  limiter.close();
});

test('probes back off with full jitter up to a second, and the first success closes the breaker', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  store.failure = lostConnection;
  assert.equal((await limiter.take(chain, 1)).source, 'share');
  const probes = store.probes;
  clock.advance(50);
  await settled();
  assert.equal(store.probes, probes + 1);
  for (let second = 0; second < 20; second += 1) {
    clock.advance(1000);
    await settled();
  }
  const inTwentySeconds = store.probes - probes - 1;
  assert.ok(inTwentySeconds >= 15 && inTwentySeconds <= 60, String(inTwentySeconds));
  store.failure = null;
  clock.advance(1000);
  await inUse();
  assert.equal(limiter.stats.degradedSinceMs, 0);
  limiter.close();
  assert.equal(clock.pendingTimers(), 0);
});

test('time without the store is counted, while it lasts to within the pause between two probes', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const before = limiter.stats.degradedMs;
  clock.advance(10_000);
  await settled();
  assert.equal(limiter.stats.degradedMs, before);
  store.failure = lostConnection;
  await limiter.take(chain, 1);
  for (let step = 0; step < 80; step += 1) {
    clock.advance(100);
    await settled();
  }
  const meanwhile = limiter.stats.degradedMs - before;
  assert.ok(meanwhile > 7000 && meanwhile <= 8000, String(meanwhile));
  store.failure = null;
  const endMs = clock.monotonicMs();
  clock.advance(1000);
  await inUse();
  await settled();
  const counted = limiter.stats.degradedMs - before;
  const wentOnMs = clock.monotonicMs() - endMs;
  assert.ok(counted > 8000 && counted <= 8000 + wentOnMs, String(counted));
  clock.advance(5000);
  await settled();
  assert.equal(limiter.stats.degradedMs - before, counted);
  limiter.close();
});

test('a heartbeat finds a store that died without traffic within a second', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  await settled();
  store.failure = lostConnection;
  clock.advance(1000);
  await settled();
  assert.ok(limiter.degraded);
  limiter.close();
});

test('what the share admitted is charged before the store serves again', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 2);
  store.failure = lostConnection;
  for (let count = 0; count < 5; count += 1) await limiter.take(chain, 1);
  store.failure = null;
  clock.advance(50);
  await inUse();
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 7);
  assert.deepEqual(
    store.replays.flat().map(({ charges }) => charges.reduce((sum, { cost }) => sum + cost, 0)),
    [5],
  );
  limiter.close();
});

test('another or an emptied store is told everything of the last window, once', async () => {
  const { limiter, store, clock, events, inUse } = createHarness();
  await inUse();
  await settled();
  await limiter.take(chain, 3);
  clock.advance(600);
  await limiter.take(chain, 2);
  store.flush();
  store.identity = 'run-2';
  clock.advance(400);
  await settled();
  await inUse();
  assert.equal(events.at(-2)?.type, 'store_lost');
  assert.deepEqual(
    store.replays.flat().map(({ charges }) => charges.map(({ cost }) => cost)),
    [[3, 2]],
  );
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 5);
  clock.advance(1000);
  await settled();
  assert.equal(store.replays.length, 1);
  limiter.close();
});

test('a replay that fails keeps the store lost and is tried again', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(4);
  let failures = 0;
  store.replay = async () => {
    failures += 1;
    throw new StoreFailure('refused', 'LOADING');
  };
  clock.advance(50);
  await settled();
  assert.ok(limiter.degraded);
  assert.ok(failures >= 1);
  store.replay = replay;
  clock.advance(100);
  await inUse();
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 4);
  limiter.close();
});

test('a replay that is charged and not answered is charged once, with what came meanwhile on top', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(4);
  let replays = 0;
  store.replay = async (items, id) => {
    await replay(items, id);
    replays += 1;
    throw unanswered;
  };
  for (let step = 0; step < 4; step += 1) {
    clock.advance(50);
    await settled();
  }
  assert.ok(limiter.degraded && replays >= 2, `${replays} replays`);
  await limiter.take(chain, 1);
  store.replay = replay;
  clock.advance(100);
  await inUse();
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 5);
  limiter.close();
});

test('the last replay, which nobody awaits, is charged once, too', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(1);
  let rounds = 0;
  store.replay = async (items, id) => {
    rounds += 1;
    if (rounds <= 3) void limiter.take(chain, 1);
    await replay(items, id);
    if (rounds === 4) throw unanswered;
  };
  for (let step = 0; rounds < 5 && step < 20; step += 1) {
    clock.advance(20);
    await settled();
  }
  await inUse();
  assert.ok(rounds > 4);
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 4);
  limiter.close();
});

test('what another store did not answer is not repeated there: it is told everything', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(4);
  store.replay = async (items, id) => {
    await replay(items, id);
    throw unanswered;
  };
  clock.advance(50);
  await settled();
  store.flush();
  store.identity = 'run-2';
  store.replay = replay;
  clock.advance(100);
  await inUse();
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 4);
  limiter.close();
});

test('what an open rule admitted in a long outage comes back in calls that a store has time for', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  store.failure = lostConnection;
  const chains = ['a', 'b', 'c'].map((tenantId) =>
    compileChain(tenantId, [tenantRule({ limit: 5, windowMs: 3_600_000, onStoreLoss: 'open' })]),
  );
  for (let count = 0; count < 3000; count += 1) {
    for (const each of chains) await limiter.take(each, 1);
    clock.advance(3);
  }
  await settled();
  store.failure = null;
  clock.advance(1000);
  await inUse();
  const sizes = store.replays.map((items) =>
    items.reduce((sum, { charges }) => sum + charges.length, 0),
  );
  assert.ok(Math.max(...sizes) <= 256, sizes.join());
  assert.deepEqual(
    chains.map((each) => store.used(each.storeKeys[0] ?? '')),
    [3000, 3000, 3000],
  );
  limiter.close();
});

test('what is admitted while the last replay is under way still reaches the store', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(1);
  let rounds = 0;
  store.replay = async (items) => {
    rounds += 1;
    if (rounds <= 3) void limiter.take(chain, 1);
    await replay(items);
  };
  clock.advance(50);
  await inUse();
  await settled();
  assert.equal(rounds, 4);
  assert.equal(limiter.stats.admittedByShare, 4);
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 4);
  limiter.close();
});

test('what many rules admit while others are told comes in calls that a store has time for, too', async () => {
  const { limiter, store, clock, inUse, replay } = await afterOutage(1);
  const chains = Array.from({ length: 700 }, (_, tenant) =>
    compileChain(`tenant-${tenant}`, [tenantRule({ limit: 1000 })]),
  );
  let calls = 0;
  store.replay = async (items) => {
    calls += 1;
    if (calls <= 60) for (const each of chains) void limiter.take(each, 1);
    await replay(items);
  };
  clock.advance(50);
  await inUse();
  await settled();
  const sizes = store.replays.map(({ length }) => length);
  assert.ok(Math.max(...sizes) <= 64, sizes.join());
  for (const each of chains) assert.equal(store.used(each.storeKeys[0] ?? ''), 60);
  limiter.close();
});
