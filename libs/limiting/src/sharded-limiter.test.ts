import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, tenantRule, tenantSlots, type Harness } from '../test/limiter-harness.ts';
import {
  compileChain,
  createShardedLimiter,
  StoreFailure,
  type Limiter,
  type LimitRule,
  type QuotaRule,
} from './index.ts';

/** Two shards; tenants whose id begins with `b` are on the second. */
async function twoShards(): Promise<{ shards: readonly [Harness, Harness]; limiter: Limiter }> {
  const shards = [createHarness(), createHarness()] as const;
  const limiter = createShardedLimiter(
    shards.map((shard) => shard.limiter),
    (key) => (key.startsWith('hg:{t:b') ? 1 : 0),
  );
  for (const shard of shards) await shard.inUse();
  return { shards, limiter };
}

function chainOf(tenantId: string, rule: LimitRule = tenantRule()) {
  return compileChain(tenantId, [rule]);
}

test('a tenant is always decided by its shard; counters are sums', async () => {
  const { shards, limiter } = await twoShards();
  for (let round = 0; round < 12; round += 1) {
    await limiter.take(chainOf('acme'), 1);
    await limiter.take(chainOf('beta'), 1);
  }
  for (const { limiter: shard } of shards) assert.equal(shard.stats.admittedByStore, 10);
  assert.equal(limiter.stats.admittedByStore, 20);
  assert.equal(limiter.stats.degradedSinceMs, 0);
  limiter.close();
});

test('a lost shard leaves the others in use, and shows in the whole', async () => {
  const { shards, limiter } = await twoShards();
  shards[1].store.failure = new StoreFailure('refused', 'READONLY');
  await limiter.take(chainOf('beta'), 1);
  const [acme, beta] = [
    await limiter.take(chainOf('acme'), 1),
    await limiter.take(chainOf('beta'), 1),
  ];
  assert.deepEqual([acme.source, beta.source], ['store', 'share']);
  assert.ok(limiter.degraded);
  assert.equal(shards[0].limiter.stats.storeLosses, 0);
  assert.ok(limiter.stats.degradedSinceMs > 0);
  limiter.close();
});

test('slots return, and quotas are restored, where they belong', async () => {
  const { shards, limiter } = await twoShards();
  const slots = chainOf('beta', tenantSlots());
  await limiter.take(slots, 1);
  assert.equal(shards[1].limiter.stats.slotsHeld, 1);
  limiter.release(chainOf('beta', tenantSlots()), 1);
  assert.equal(limiter.stats.slotsHeld, 0);
  const quota: QuotaRule = {
    ...{ name: 'calls', kind: 'quota', level: 'tenant', scope: '', limit: 10 },
    ...{ period: 'month', timeZone: 'UTC', onStoreLoss: 'share' },
  };
  const chains = ['acme', 'beta'].map((tenantId) => chainOf(tenantId, quota));
  for (const chain of chains) await limiter.take(chain, 3);
  const marks = limiter.takeQuotaMarks();
  assert.deepEqual(
    marks.map(({ used }) => used),
    [3, 3],
  );
  const next = await twoShards();
  next.limiter.restoreQuotas(marks);
  for (const chain of chains) {
    // The store is empty: what the shard knows is told, and more than is left does not pass for long.
    await next.limiter.take(chain, 1);
  }
  assert.deepEqual(
    next.limiter.takeQuotaMarks().map(({ used }) => used),
    [4, 4],
  );
  await limiter.settle();
  limiter.close();
  next.limiter.close();
});

test('one shard is its limiter itself; none is an error', () => {
  const { limiter } = createHarness();
  assert.equal(
    createShardedLimiter([limiter], () => 0),
    limiter,
  );
  limiter.close();
  assert.throws(() => createShardedLimiter([], () => 0), RangeError);
});
