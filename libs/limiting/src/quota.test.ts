import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness } from '../test/limiter-harness.ts';
import { compileChain, StoreFailure, type QuotaRule } from './index.ts';

function quota(changes: Partial<QuotaRule> = {}): QuotaRule {
  return {
    ...{ name: 'day', kind: 'quota', level: 'tenant', scope: '', limit: 100 },
    ...{ period: 'day', timeZone: 'UTC', onStoreLoss: 'share' },
    ...changes,
  } as const;
}

test('a quota has a key of its period, not of its time zone', () => {
  const chain = compileChain('acme', [quota()]);
  assert.deepEqual(chain.storeKeys, ['hg:{t:acme}:q:t::day:day']);
  const moved = compileChain('acme', [quota({ timeZone: 'Asia/Tokyo' })]);
  assert.deepEqual(moved.storeKeys, chain.storeKeys);
  assert.notEqual(moved.id, chain.id);
  assert.throws(() => compileChain('acme', [quota({ timeZone: 'Nowhere' })]), RangeError);
});

test('while the store is lost an edge admits its share of what was left, not of the whole quota', async () => {
  const { limiter, store, share, inUse } = createHarness();
  await inUse();
  share.current = { liveEdges: 2, rank: 0 };
  const chain = compileChain('acme', [quota()]);
  assert.deepEqual((await limiter.take(chain, 80)).remaining, [20]);
  store.failure = new StoreFailure('connection', 'gone');
  const outcomes: string[] = [];
  for (let request = 0; request < 12; request += 1) {
    outcomes.push((await limiter.take(chain, 1)).outcome);
  }
  assert.equal(outcomes.filter((outcome) => outcome === 'admitted').length, 10);
  assert.equal(outcomes.at(-1), 'denied');
  limiter.close();
});

test('a store that has lost everything is told what all edges used, and what was admitted meanwhile', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const chain = compileChain('acme', [quota()]);
  const [key = ''] = chain.storeKeys;
  const other = { chain, cost: 1, units: 30 };
  await limiter.take(chain, 20);
  store.takeItem(other);
  await limiter.take(chain, 1);
  assert.equal(store.used(key), 51);
  store.failure = new StoreFailure('connection', 'gone');
  for (let request = 0; request < 5; request += 1) await limiter.take(chain, 1);
  store.flush();
  store.identity = 'run-2';
  store.failure = null;
  clock.advance(2000);
  await inUse();
  assert.equal(store.used(key), 56);
  // The same store, met again, is told nothing twice.
  store.failure = new StoreFailure('connection', 'gone');
  await limiter.take(chain, 1);
  store.failure = null;
  clock.advance(4000);
  await inUse();
  assert.equal(store.used(key), 57);
  limiter.close();
});

test('with the next period the quota is whole again, on the edge alone too', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const chain = compileChain('acme', [quota({ limit: 3 })]);
  await limiter.take(chain, 3);
  store.failure = new StoreFailure('connection', 'gone');
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  clock.advance(86_400_000);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  limiter.close();
});

test('what an earlier run knew is told to a store that knows less, before the next take', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  const chain = compileChain('acme', [quota()]);
  const [key = ''] = chain.storeKeys;
  const startMs = Date.UTC(2026, 0, 1);
  const mark = { key, startMs, endMs: startMs + 86_400_000, used: 98 };
  assert.equal(clock.nowMs(), startMs);
  limiter.restoreQuotas([mark]);
  await inUse();
  const outcomes: string[] = [];
  for (let request = 0; request < 4; request += 1) {
    outcomes.push((await limiter.take(chain, 1)).outcome);
  }
  assert.deepEqual(outcomes, ['admitted', 'admitted', 'denied', 'denied']);
  assert.equal(store.used(key), 100);
  limiter.close();
});

test('a calendar of another time zone begins no period before the present one has ended, on the edge alone either', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  store.failure = new StoreFailure('connection', 'gone');
  const admitted = async (timeZone: string): Promise<number> => {
    let count = 0;
    const chain = compileChain('acme', [quota({ limit: 5, timeZone })]);
    while (count < 9 && (await limiter.take(chain, 1)).outcome === 'admitted') count += 1;
    return count;
  };
  clock.advance(86_400_000 - (clock.nowMs() % 86_400_000) + 13 * 3_600_000);
  assert.equal(await admitted('UTC'), 5);
  for (const zone of ['America/New_York', 'Asia/Tokyo', 'UTC'])
    assert.equal(await admitted(zone), 0);
  clock.advance(11 * 3_600_000);
  assert.equal(await admitted('UTC'), 5);
  limiter.close();
});

test('marks tell what has changed since the last call; those of an earlier period are void', async () => {
  const { limiter, clock, inUse } = createHarness();
  const chain = compileChain('acme', [quota({ limit: 3 })]);
  const [key = ''] = chain.storeKeys;
  const endMs = Date.UTC(2026, 0, 1);
  limiter.restoreQuotas([{ key, startMs: endMs - 86_400_000, endMs, used: 3 }]);
  await inUse();
  assert.deepEqual(limiter.takeQuotaMarks(), []);
  assert.equal((await limiter.take(chain, 2)).outcome, 'admitted');
  const mark = { key, startMs: endMs, endMs: endMs + 86_400_000, used: 2 };
  assert.deepEqual(limiter.takeQuotaMarks(), [mark]);
  assert.deepEqual(limiter.takeQuotaMarks(), []);
  clock.advance(1000);
  await limiter.take(chain, 1);
  assert.deepEqual(limiter.takeQuotaMarks(), [{ ...mark, used: 3 }]);
  limiter.close();
});

test('an edge whose clock is ahead of the store’s takes nothing of a period that ends into the next', async () => {
  for (const storeAheadMs of [-5, -7_200_000]) {
    const { limiter, store, clock, share, inUse } = createHarness({}, storeAheadMs);
    await inUse();
    const chain = compileChain('acme', [quota()]);
    const [key = ''] = chain.storeKeys;
    clock.advance(86_400_000 - 10);
    await limiter.take(chain, 60);
    clock.advance(12); // a new day for the edge, not for the store
    assert.equal((await limiter.take(chain, 30)).outcome, 'admitted');
    clock.advance(1000 - storeAheadMs);
    assert.deepEqual((await limiter.take(chain, 1)).remaining, [99]);
    assert.deepEqual((await limiter.take(chain, 1)).remaining, [98]);
    assert.equal(store.used(key), 2);
    // Alone it goes on from what the store counted.
    share.current = { liveEdges: 2, rank: 0 };
    store.failure = new StoreFailure('connection', 'gone');
    assert.deepEqual((await limiter.take(chain, 1)).remaining, [48]);
    limiter.close();
  }
});

test('a clock of the edge that jumps ahead and back leaves nothing for the next period', async () => {
  const { limiter, store, clock, inUse } = createHarness({}, 0);
  await inUse();
  const chain = compileChain('acme', [quota()]);
  await limiter.take(chain, 10);
  clock.stepWallClock(86_400_000);
  limiter.takeQuotaMarks();
  clock.stepWallClock(-86_400_000);
  await limiter.take(chain, 50);
  clock.advance(86_400_000);
  await limiter.take(chain, 1);
  await limiter.take(chain, 1);
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 2);
  limiter.close();
});
