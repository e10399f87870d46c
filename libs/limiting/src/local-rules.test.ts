import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, tenantRule } from '../test/limiter-harness.ts';
import { compileChain } from './index.ts';

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
  const { limiter, store, inUse } = createHarness({ localRulesMax: 10 });
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
