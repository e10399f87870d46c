import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHarness, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, StoreFailure, type LimitVerdict } from './index.ts';
import { shareOf } from './share.ts';

const failure = new StoreFailure('connection', 'closed');

test('the shares of all edges sum to the limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 1, max: 300 }),
      (limit, edges) => {
        let sum = 0;
        for (let rank = 0; rank < edges; rank += 1)
          sum += shareOf(limit, { liveEdges: edges, rank });
        assert.equal(sum, limit);
      },
    ),
  );
  assert.equal(shareOf(7, { liveEdges: 0, rank: 0 }), 7);
});

test('share: own admissions through the store count; then the trailing window holds the share', async () => {
  const { limiter, store, clock, share, inUse } = createHarness();
  await inUse();
  share.current = { liveEdges: 2, rank: 1 };
  const chain = compileChain('acme', [tenantRule()]);
  await limiter.take(chain, 3);
  store.failure = failure;
  const verdicts: LimitVerdict[] = [];
  for (let count = 0; count < 4; count += 1) verdicts.push(await limiter.take(chain, 1));
  assert.deepEqual(
    verdicts.map(({ outcome }) => outcome),
    ['admitted', 'admitted', 'denied', 'denied'],
  );
  assert.deepEqual(verdicts[1]?.remaining, [0]);
  assert.ok((verdicts[2]?.retryAfterMs ?? 0) >= 1001);
  clock.advance(1001);
  assert.equal((await limiter.take(chain, 5)).outcome, 'admitted');
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  limiter.close();
});

test('share: all levels or none, in memory too', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.failure = failure;
  const key = tenantRule({ level: 'key', scope: 'k', limit: 2 });
  const both = compileChain('acme', [tenantRule(), key]);
  await limiter.take(both, 2);
  assert.equal((await limiter.take(both, 1)).rule?.level, 'key');
  const tenant = compileChain('acme', [tenantRule()]);
  assert.deepEqual((await limiter.take(tenant, 1)).remaining, [7]);
  limiter.close();
});

test('a share smaller than the cost is unavailable, not a 429', async () => {
  const { limiter, store, share, inUse } = createHarness();
  await inUse();
  store.failure = failure;
  share.current = { liveEdges: 4, rank: 3 };
  const chain = compileChain('acme', [tenantRule({ limit: 3 })]);
  const verdict = await limiter.take(chain, 1);
  assert.deepEqual([verdict.outcome, verdict.source], ['unavailable', 'share']);
  assert.equal(limiter.stats.unavailableByShare, 1);
  limiter.close();
});

test('closed refuses and open admits, each counted; one closed rule closes the chain', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.failure = failure;
  const open = compileChain('open', [tenantRule({ onStoreLoss: 'open' })]);
  for (let count = 0; count < 30; count += 1) {
    const verdict = await limiter.take(open, 1);
    assert.deepEqual([verdict.outcome, verdict.source], ['admitted', 'open']);
  }
  const rules = [
    tenantRule({ onStoreLoss: 'closed' }),
    tenantRule({ name: 'min', onStoreLoss: 'open' }),
  ];
  const verdict = await limiter.take(compileChain('shut', rules), 1);
  assert.deepEqual([verdict.outcome, verdict.source], ['unavailable', 'closed']);
  assert.deepEqual([limiter.stats.admittedByOpen, limiter.stats.unavailableByClosed], [30, 1]);
  limiter.close();
});
