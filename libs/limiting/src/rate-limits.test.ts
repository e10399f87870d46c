import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, settled, tenantPace, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, StoreFailure, type LimitVerdict } from './index.ts';

const chain = compileChain('acme', [tenantPace()]);
const failure = new StoreFailure('connection', 'closed');

function outcomes(verdicts: readonly LimitVerdict[]): string[] {
  return verdicts.map(({ outcome, source }) => `${outcome} ${source}`);
}

test('a burst passes at once, then the pace; meanwhile the edge denies alone', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const takes = Array.from({ length: 6 }, () => limiter.take(chain, 1));
  const verdicts = await Promise.all(takes.map(async (take) => take));
  assert.deepEqual(outcomes(verdicts), [
    ...Array.from({ length: 4 }, () => 'admitted store'),
    ...Array.from({ length: 2 }, () => 'denied store'),
  ]);
  const retryAfterMs = verdicts[5]?.retryAfterMs ?? 0;
  assert.ok(retryAfterMs >= 100 && retryAfterMs <= 112, String(retryAfterMs));
  const calls = store.calls.length;
  clock.advance(100);
  assert.equal((await limiter.take(chain, 1)).source, 'deny_cache');
  clock.advance(1);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  assert.equal(store.calls.length, calls + 1);
  limiter.close();
});

test('a window and a rate in one chain are charged together or not at all', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const both = compileChain('acme', [tenantRule({ limit: 3 }), tenantPace()]);
  for (let count = 0; count < 3; count += 1) await limiter.take(both, 1);
  assert.equal((await limiter.take(both, 1)).rule?.name, 'sec');
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  assert.equal((await limiter.take(chain, 1)).rule?.name, 'pace');
  assert.deepEqual(
    both.storeKeys.map((key) => store.used(key)),
    [3, 4],
  );
  limiter.close();
});

test('a raised burst is not held up by an earlier denial; a cost above it is denied for good', async () => {
  const { limiter, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 4);
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  const raised = compileChain('acme', [tenantPace({ burst: 6 })]);
  assert.equal((await limiter.take(raised, 2)).outcome, 'admitted');
  const never = await limiter.take(raised, 7);
  assert.deepEqual([never.rule?.name, never.retryAfterMs], ['pace', Infinity]);
  limiter.close();
});

test('share: an edge enforces its part of the burst and of the pace, own admissions included', async () => {
  const { limiter, store, clock, share, inUse } = createHarness();
  await inUse();
  share.current = { liveEdges: 2, rank: 1 };
  await limiter.take(chain, 1);
  store.failure = failure;
  const verdicts: LimitVerdict[] = [];
  for (let count = 0; count < 3; count += 1) verdicts.push(await limiter.take(chain, 1));
  assert.deepEqual(outcomes(verdicts), ['admitted share', 'denied share', 'denied share']);
  let admitted = 0;
  for (let step = 0; step < 1000; step += 1) {
    clock.advance(10);
    if ((await limiter.take(chain, 1)).outcome === 'admitted') admitted += 1;
  }
  assert.ok(admitted >= 49 && admitted <= 50, `${admitted} in 10 s at 5 per second`);
  share.current = { liveEdges: 5, rank: 4 };
  assert.deepEqual(outcomes([await limiter.take(chain, 1)]), ['unavailable share']);
  limiter.close();
});

test('what the share admitted is told to the store that returns, what had drained is not', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  store.failure = failure;
  for (let count = 0; count < 4; count += 1) await limiter.take(chain, 1);
  store.failure = null;
  clock.advance(250);
  await inUse();
  assert.equal(store.used(chain.storeKeys[0] ?? ''), 2);
  assert.deepEqual(
    store.replays.flat().map(({ charges }) => charges),
    [[{ ageMs: 0, cost: 2 }]],
  );
  clock.advance(1000);
  await settled();
  assert.equal(store.replays.length, 1);
  limiter.close();
});

test('an emptied store is told the whole debt', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  await settled();
  const slow = compileChain('acme', [tenantPace({ limit: 1, windowMs: 60_000 })]);
  await limiter.take(slow, 3);
  store.flush();
  store.identity = 'run-2';
  clock.advance(1000);
  await settled();
  await inUse();
  assert.equal(store.used(slow.storeKeys[0] ?? ''), 3);
  limiter.close();
});
