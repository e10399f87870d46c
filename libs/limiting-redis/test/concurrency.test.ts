import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compileChain, type ConcurrencyRule, type LimitChain } from '@headgate/limiting';
import { startProcess, startStopwatch, waitFor } from '@headgate/testkit';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { server, admin, startEdge } = await createRedisHarness(2000);

function slots(changes: Partial<ConcurrencyRule> = {}): ConcurrencyRule {
  const rule = { name: 'slots', kind: 'concurrency', level: 'tenant', scope: '' } as const;
  return { ...rule, limit: 50, onStoreLoss: 'share', ...changes };
}

/** Takes on all edges at once; how many each admitted. */
async function takeMany(
  edges: readonly TestEdge[],
  chain: LimitChain,
  count: number,
): Promise<number[]> {
  const admitted = edges.map(() => 0);
  await Promise.all(
    Array.from({ length: count }, async (_, request) => {
      const place = request % edges.length;
      const verdict = await edges[place]?.limiter.take(chain, 1);
      if (verdict?.outcome === 'admitted') admitted[place] = (admitted[place] ?? 0) + 1;
    }),
  );
  return admitted;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0);

/** One request on this edge, which ends at once if it is admitted. */
async function passes({ limiter }: TestEdge, chain: LimitChain): Promise<boolean> {
  const { outcome } = await limiter.take(chain, 1);
  if (outcome === 'admitted') limiter.release(chain, 1);
  return outcome === 'admitted';
}

test('four edges, 400 requests at once: exactly the limit is in flight; all slots return', async () => {
  const edges = await Promise.all([0, 1, 2, 3].map((rank) => startEdge({ rank, liveEdges: 4 })));
  const chain = compileChain('crowd', [slots({ name: 'exact' })]);
  for (let round = 0; round < 5; round += 1) {
    const admitted = await takeMany(edges, chain, 400);
    assert.equal(sum(admitted), 50);
    for (const [place, count] of admitted.entries()) {
      for (let unit = 0; unit < count; unit += 1) edges[place]?.limiter.release(chain, 1);
    }
    await waitFor(async () => (await admin.exists(chain.storeKeys[0] ?? '')) === 0, {
      message: 'all slots to return',
    });
    // What was denied is asked again after 25 ms.
    for (const edge of edges) await waitFor(() => passes(edge, chain), { message: 'a slot' });
    await waitFor(async () => (await admin.exists(chain.storeKeys[0] ?? '')) === 0, {
      message: 'the slots of the questions to return',
    });
  }
});

test('slots that are held for longer than their lease stay taken', async () => {
  const edges = await Promise.all([0, 1].map((rank) => startEdge({ rank, liveEdges: 2 })));
  const [holder, other] = edges;
  assert.ok(holder !== undefined && other !== undefined);
  const chain = compileChain('crowd', [slots({ name: 'long', limit: 3 })]);
  for (let count = 0; count < 3; count += 1) await holder.limiter.take(chain, 1);
  const startMs = performance.now();
  let passed = false;
  await waitFor(
    async () => {
      passed ||= await passes(other, chain);
      return performance.now() - startMs > 3500;
    },
    { message: 'more than a lease', intervalMs: 100, deadlineMs: 10_000 },
  );
  assert.equal(passed, false);
  assert.equal(holder.limiter.stats.slotsLapsed, 0);
  holder.limiter.release(chain, 1);
  await waitFor(() => passes(other, chain), { message: 'the slot' });
});

test('kill -9 of a holder: its slots are back within 3 s, not before its requests are dead', async () => {
  const edge = await startEdge();
  const rule = slots({ name: 'killed', limit: 5 });
  const chain = compileChain('crowd', [rule]);
  const holder = await startProcess({
    name: 'slot holder',
    command: process.execPath,
    args: [
      fileURLToPath(new URL('slot-holder.ts', import.meta.url)),
      String(server.port),
      JSON.stringify(rule),
      '9',
    ],
    readyWhen: /holds 5/,
  });
  assert.equal(await passes(edge, chain), false);
  holder.kill('SIGKILL');
  const stopwatch = startStopwatch();
  await holder.exited;
  await waitFor(() => passes(edge, chain), { message: 'the slots', intervalMs: 20 });
  const afterMs = stopwatch.stop();
  assert.ok(afterMs <= 3000, `${afterMs} ms`);
  assert.equal(sum(await takeMany([edge], chain, 9)), 5);
});

test('Redis restarts empty: what is in flight is known again before anything is admitted', async () => {
  const edges = await Promise.all([0, 1].map((rank) => startEdge({ rank, liveEdges: 2 })));
  const chain = compileChain('crowd', [slots({ name: 'restart', limit: 10 })]);
  const before = sum(await takeMany(edges, chain, 8));
  assert.equal(before, 8);
  await server.kill();
  const alone = sum(await takeMany(edges, chain, 40));
  assert.equal(alone, 2, 'each edge admits up to its share of 5, what it holds included');
  await server.restart();
  await Promise.all(edges.map((edge) => edge.inUse()));
  assert.equal(sum(await takeMany(edges, chain, 40)), 0);
  const [first] = edges;
  assert.ok(first !== undefined);
  first.limiter.release(chain, 1);
  await waitFor(() => passes(first, chain), { message: 'the slot' });
});

test('a key of another type is reset, a field of another form dropped', async () => {
  const edge = await startEdge();
  const chain = compileChain('crowd', [slots({ name: 'spoilt', limit: 3 })]);
  const key = chain.storeKeys[0] ?? '';
  await admin.lpush(key, 'x');
  assert.equal(await passes(edge, chain), true);
  await edge.limiter.settle();
  await admin.hset(key, 'worker', 'garbage');
  assert.equal(sum(await takeMany([edge], chain, 9)), 3);
  assert.deepEqual(
    edge.storeEvents.flatMap((event) => (event.type === 'keys_reset' ? event.keys : [])),
    [key],
  );
  const ttlMs = await admin.pttl(key);
  assert.ok(ttlMs > 0 && ttlMs <= 3500, String(ttlMs));
});
