import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, StoreFailure } from './index.ts';

test('10,000 tenants with three windows each are remembered, and so hold their limits when Redis is lost', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const rules = [1000, 60_000, 3_600_000].map((windowMs) =>
    tenantRule({ name: `w${windowMs}`, limit: 2, windowMs }),
  );
  const chains = Array.from({ length: 10_000 }, (_, index) => compileChain(`t${index}`, rules));
  const [first] = chains;
  assert.ok(first !== undefined);
  for (const chain of chains) await limiter.take(chain, 2);
  assert.equal(limiter.stats.denyCacheEvictions, 0);
  store.failure = new StoreFailure('connection', 'closed');
  let admitted = 0;
  for (const chain of chains)
    admitted += (await limiter.take(chain, 1)).outcome === 'admitted' ? 1 : 0;
  assert.equal(admitted, 0);
  limiter.close();
});

test('the deny cache is bounded: the rule unused for longest makes room, and that is counted', async () => {
  const { limiter, store, clock, inUse } = createHarness({ localRulesMax: 10 });
  await inUse();
  const chains = Array.from({ length: 12 }, (_, index) =>
    compileChain(`tenant-${index}`, [tenantRule({ limit: 1, windowMs: 60_000 })]),
  );
  const [oldest] = chains;
  assert.ok(oldest !== undefined);
  for (const chain of chains.slice(0, 10)) await limiter.take(chain, 1);
  assert.equal(limiter.stats.denyCacheEvictions, 0);
  for (const chain of chains.slice(10)) await limiter.take(chain, 1);
  assert.equal(limiter.stats.denyCacheEvictions, 2);
  const calls = store.calls.length;
  assert.equal((await limiter.take(chains[11] ?? oldest, 1)).source, 'deny_cache');
  const verdict = await limiter.take(oldest, 1);
  assert.deepEqual([verdict.outcome, verdict.source], ['denied', 'store']);
  assert.equal(store.calls.length, calls + 1);
  clock.advance(1);
  limiter.close();
});

test('a flood of consumers is bounded, and pushes out none but consumers', async () => {
  const { limiter, store, inUse } = createHarness({ localConsumersMax: 10 });
  await inUse();
  const slow = { limit: 1, windowMs: 60_000 };
  const shared = compileChain('acme', [tenantRule(slow)]);
  const ofConsumer = (consumer: string) =>
    compileChain('acme', [tenantRule({ ...slow, consumer })]);
  await limiter.take(shared, 1);
  for (let index = 0; index < 500; index += 1) {
    const verdict = await limiter.take(ofConsumer(`a${index}`), 1);
    assert.equal(verdict.outcome, 'admitted');
  }
  assert.equal(limiter.stats.denyCacheEvictions, 490);
  const calls = store.calls.length;
  assert.equal((await limiter.take(shared, 1)).source, 'deny_cache');
  assert.equal((await limiter.take(ofConsumer('a499'), 1)).source, 'deny_cache');
  assert.equal(store.calls.length, calls);
  assert.equal((await limiter.take(ofConsumer('a0'), 1)).outcome, 'denied');
  limiter.close();
});
