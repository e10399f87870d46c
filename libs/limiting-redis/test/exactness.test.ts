import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type LimitRule, type LimitVerdict } from '@headgate/limiting';
import { busiestWindow, type Admission } from '@headgate/limiting/store-case';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const harness = await createRedisHarness(2000);

function rule(limit: number, windowMs: number): LimitRule {
  return { name: 'w', level: 'tenant', scope: '', limit, windowMs, onStoreLoss: 'share' };
}

test('two edges at 5 times the limit: no trailing window above it, and no denial while a unit fits', async () => {
  const edges = [
    await harness.startEdge({ rank: 0, liveEdges: 2 }, { leases: false }),
    await harness.startEdge({ rank: 1, liveEdges: 2 }, { leases: false }),
  ];
  const chain = compileChain('exact', [rule(100, 500)]);
  const startMs = performance.now();
  const durationMs = 5000;
  let sent = 0;
  let admitted = 0;
  const deniedAtMs: number[] = [];
  const pending: Promise<void>[] = [];
  const takeOne = async (edge: TestEdge | undefined): Promise<void> => {
    const askedMs = Date.now();
    const verdict = await edge?.limiter.take(chain, 1);
    if (verdict?.outcome === 'admitted') admitted += 1;
    if (verdict?.outcome === 'denied') deniedAtMs.push(askedMs);
  };
  await new Promise<void>((resolve) => {
    const load = setInterval(() => {
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= durationMs) {
        clearInterval(load);
        resolve();
        return;
      }
      for (; sent < elapsedMs; sent += 1) pending.push(takeOne(edges[sent % 2]));
    }, 1);
  });
  await Promise.all(pending);
  const granted = edges.flatMap((edge) => edge.granted);
  const most = busiestWindow(granted, 500);
  assert.equal(
    granted.reduce((sum, { cost }) => sum + cost, 0),
    admitted,
  );
  assert.ok(sent >= 4900);
  assert.ok(most <= 100, `a window of ${most}`);
  // A denial holds until a unit fits: at most a window, a bucket of 10 ms and the reply's way after the oldest charge.
  // The way is measured, so that a busy machine, which admits less, is not taken for a limiter that denies too long.
  const wayMs = Math.max(...edges.map(({ timing }) => timing.longestCallMs)) + 2;
  assert.ok(deniedAtMs.length > 1000);
  for (const atMs of deniedAtMs) {
    const used = sumSince(granted, atMs - 510 - wayMs, atMs + wayMs);
    assert.ok(used >= 100, `denied while ${used} of 100 were used, replies took ${wayMs} ms`);
  }
});

test('three edges, one key, 10,000 concurrent requests: exactly the limit is admitted', async () => {
  const options = { waitingUnitsMax: 10_000 };
  const edges = await Promise.all(
    [0, 1, 2].map((rank) => harness.startEdge({ rank, liveEdges: 3 }, options)),
  );
  const chain = compileChain('crowd', [rule(5000, 60_000)]);
  const takes: (LimitVerdict | Promise<LimitVerdict>)[] = [];
  for (let request = 0; request < 10_000; request += 1) {
    const edge = edges[request % 3];
    if (edge !== undefined) takes.push(edge.limiter.take(chain, 1));
  }
  const verdicts = await Promise.all(takes.map(async (take) => take));
  assert.equal(verdicts.filter(({ outcome }) => outcome === 'admitted').length, 5000);
  assert.equal(verdicts.filter(({ outcome }) => outcome === 'denied').length, 5000);
});

test('a chain is charged on all its levels or on none', async () => {
  const edge = await harness.startEdge();
  const tenant = rule(100, 60_000);
  const key = { ...rule(3, 60_000), level: 'key', scope: 'k1' } as const;
  const both = compileChain('levels', [tenant, key]);
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await edge.limiter.take(both, 1)).outcome, 'admitted');
  }
  const reply = await edge.store.takeBatch([{ chain: both, cost: 1, units: 7 }]);
  assert.deepEqual([reply.items[0]?.granted, reply.items[0]?.remaining], [0, [97, 0]]);
});

test('a denial storm writes nothing to Redis and mostly does not reach it', async () => {
  const edge = await harness.startEdge();
  const chain = compileChain('storm', [rule(10, 60_000)]);
  for (let count = 0; count < 10; count += 1) await edge.limiter.take(chain, 1);
  const batches = edge.limiter.stats.batches;
  for (let count = 0; count < 10_000; count += 1) {
    assert.equal((await edge.limiter.take(chain, 1)).outcome, 'denied');
  }
  assert.equal(edge.limiter.stats.batches, batches);
  const [key = ''] = chain.storeKeys;
  const stored = async () => ({
    value: await harness.admin.dump(key),
    expiresMs: await harness.admin.pexpiretime(key),
  });
  const before = await stored();
  for (let count = 0; count < 100; count += 1) {
    const { items } = await edge.store.takeBatch([{ chain, cost: 1, units: 5 }]);
    assert.equal(items[0]?.granted, 0);
  }
  assert.deepEqual(await stored(), before);
});

test('every key has a time to live of about its window', async () => {
  const edge = await harness.startEdge();
  const takes: (LimitVerdict | Promise<LimitVerdict>)[] = [];
  for (let tenant = 0; tenant < 500; tenant += 1) {
    takes.push(edge.limiter.take(compileChain(`ttl-${tenant}`, [rule(5, 1000)]), 1));
  }
  await Promise.all(takes.map(async (take) => take));
  const keys = await harness.admin.keys('hg:*');
  assert.ok(keys.length >= 500);
  for (const key of keys) {
    const ttlMs = await harness.admin.pttl(key);
    assert.ok(ttlMs !== -1, `${key} never expires`);
    if (key.includes('ttl-')) assert.ok(ttlMs <= 2100, `${key} lives for ${ttlMs} ms`);
  }
});

function sumSince(admissions: readonly Admission[], fromMs: number, toMs: number): number {
  return admissions.reduce((sum, { timeMs, cost }) => {
    return timeMs >= fromMs && timeMs <= toMs ? sum + cost : sum;
  }, 0);
}
