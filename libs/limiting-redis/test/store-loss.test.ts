import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type LimitChain, type LimitRule } from '@headgate/limiting';
import { startStopwatch, waitFor } from '@headgate/testkit';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { server, admin, startEdge } = await createRedisHarness(100);

/** 50 per minute: the tests are shorter than the window, so every admission counts to the end. */
function minuteChain(tenant: string): LimitChain {
  const rule = { name: 'min', level: 'tenant', limit: 50, windowMs: 60_000, scope: '' } as const;
  return compileChain(tenant, [{ ...rule, onStoreLoss: 'share' }]);
}

async function takeMany(edge: TestEdge, chain: LimitChain, count: number): Promise<number> {
  let admitted = 0;
  for (let request = 0; request < count; request += 1) {
    if ((await edge.limiter.take(chain, 1)).outcome === 'admitted') admitted += 1;
  }
  return admitted;
}

async function lost(edge: TestEdge): Promise<void> {
  await waitFor(() => edge.limiter.degraded, { message: 'the loss seen', intervalMs: 1 });
}

test('SCRIPT FLUSH: the script is loaded again inside the same call', async () => {
  const edge = await startEdge({ rank: 0, liveEdges: 1 }, { heartbeatMs: 60_000 });
  const chain = minuteChain('noscript');
  await takeMany(edge, chain, 1);
  const loads = edge.store.stats.scriptLoads;
  await admin.script('FLUSH');
  const verdict = await edge.limiter.take(chain, 1);
  assert.deepEqual([verdict.outcome, verdict.source], ['admitted', 'store']);
  assert.equal(edge.store.stats.scriptLoads, loads + 1);
  assert.equal(edge.limiter.stats.storeLosses, 0);
});

test('FLUSHALL: the edge notices within a heartbeat and tells Redis what it admitted', async () => {
  const edge = await startEdge();
  const chain = minuteChain('flushed');
  assert.equal(await takeMany(edge, chain, 30), 30);
  await admin.flushall();
  await waitFor(
    () => edge.limiterEvents.some((event) => 'kind' in event && event.kind === 'identity'),
    {
      message: 'the empty store noticed',
    },
  );
  await edge.inUse();
  assert.equal(await takeMany(edge, chain, 60), 20);
});

test('kill -9 and restart: no wait, share meanwhile, and the window promise over it all', async () => {
  const edge = await startEdge();
  const chain = minuteChain('killed');
  assert.equal(await takeMany(edge, chain, 30), 30);
  await server.kill();
  const stopwatch = startStopwatch();
  assert.equal(await takeMany(edge, chain, 10), 10);
  const tookMs = stopwatch.stop();
  assert.ok(tookMs < 250, `${tookMs} ms`);
  assert.ok(edge.limiter.degraded);
  assert.equal(edge.limiter.stats.admittedByShare, 10);
  await server.restart();
  await edge.inUse();
  assert.equal(await takeMany(edge, chain, 60), 10);
});

test('kill -9 with three edges: the shares sum to the limit', async () => {
  const edges = await Promise.all([0, 1, 2].map((rank) => startEdge({ rank, liveEdges: 3 })));
  await server.kill();
  const chain = minuteChain('shares');
  await Promise.all(edges.map((edge) => lost(edge)));
  const admitted = await Promise.all(edges.map((edge) => takeMany(edge, chain, 60)));
  assert.deepEqual(admitted, [17, 17, 16]);
  await server.restart();
  await Promise.all(edges.map((edge) => edge.inUse()));
  for (const edge of edges) assert.equal(await takeMany(edge, chain, 5), 0);
});

test('SIGSTOP: one timeout, then no request waits; back in use after SIGCONT', async () => {
  const edge = await startEdge();
  const chain = minuteChain('stopped');
  assert.equal(await takeMany(edge, chain, 10), 10);
  server.pause();
  const stopwatch = startStopwatch();
  const verdict = await edge.limiter.take(chain, 1);
  const waitedMs = stopwatch.stop();
  assert.deepEqual([verdict.outcome, verdict.source], ['admitted', 'share']);
  assert.ok(waitedMs < 500, `${waitedMs} ms`);
  assert.ok(!(edge.limiter.take(chain, 1) instanceof Promise));
  assert.equal(edge.limiterEvents.at(-1)?.type, 'store_lost');
  server.resume();
  await edge.inUse();
  // The call without an answer was charged too: tokens are wasted at worst, never given twice.
  const left = await takeMany(edge, chain, 60);
  assert.ok(left === 38 || left === 37, String(left));
});

test('a server that refuses writes is lost, not a denial: READONLY, OOM', async () => {
  const edge = await startEdge();
  const chain = minuteChain('refusing');
  for (const [breakIt, repairIt, message] of [
    [['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], /READONLY/],
    [['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], /OOM/],
  ] as const) {
    const [name, ...values] = breakIt;
    await admin.call(name, ...values);
    await lost(edge);
    const verdict = await edge.limiter.take(chain, 1);
    assert.deepEqual([verdict.outcome, verdict.source], ['admitted', 'share']);
    const event = edge.limiterEvents.find(
      (each) => 'message' in each && message.test(each.message),
    );
    assert.equal(event?.type === 'store_lost' ? event.kind : '', 'refused');
    const [repairName, ...repairValues] = repairIt;
    await admin.call(repairName, ...repairValues);
    await edge.inUse();
  }
});

test('a key of another type or with garbage is reset, with one event', async () => {
  const edge = await startEdge();
  for (const [tenant, spoil] of [
    ['list', (key: string) => admin.lpush(key, 'x')],
    ['text', (key: string) => admin.set(key, 'garbage')],
    ['pack', (key: string) => admin.set(key, 'hgw2 cut off')],
  ] as const) {
    const chain = minuteChain(tenant);
    const key = chain.storeKeys[0] ?? '';
    await spoil(key);
    assert.equal(await takeMany(edge, chain, 60), 50);
    assert.equal(await admin.type(key), 'string');
    const resets = edge.storeEvents.filter((event) => event.type === 'keys_reset');
    assert.deepEqual(resets.at(-1)?.keys, [key]);
  }
  assert.equal(edge.store.stats.keysReset, 3);
});

test('the mark of the database is a key like others: of another type it is replaced, and Redis is used again', async () => {
  const edge = await startEdge();
  await admin.multi().del('hg:store').lpush('hg:store', 'x').exec();
  // Whichever edge of this file sees it first.
  await waitFor(async () => (await admin.type('hg:store')) === 'string', { message: 'a new mark' });
  await edge.inUse();
});

test('impossible numbers in a key close it: its chain is enforced by share, others of the batch go on', async () => {
  const edge = await startEdge({ rank: 0, liveEdges: 2 });
  const pairs = (...numbers: number[]): Buffer => Buffer.from(new Float64Array(numbers).buffer);
  const now = Date.now();
  for (const [tenant, header] of [
    ['nan', [now, 0, NaN, now]],
    ['negative', [now, 0, -5, now]],
    ['endless', [Infinity, 0, 0, now]],
    ['fraction', [now, 0.5, 1, now]],
    ['nan-pair', [now, 0, 10, now, now - 3_600_000, NaN]],
    ['too-much-pair', [now, 0, 10, now, now - 3_600_000, 1e18]],
  ] as const) {
    const chain = minuteChain(tenant);
    const key = chain.storeKeys[0] ?? '';
    await admin.set(key, Buffer.concat([Buffer.from('hgw2'), pairs(...header)]));
    const healthy = minuteChain(`beside-${tenant}`);
    const reply = await edge.store.takeBatch([
      { chain, cost: 1, units: 5 },
      { chain: healthy, cost: 1, units: 5 },
    ]);
    assert.deepEqual([reply.items[0], reply.items[1]?.granted], [null, 5], tenant);
    assert.equal(await takeMany(edge, chain, 60), 25, 'half of the limit: one of two edges');
    assert.equal(await takeMany(edge, healthy, 60), 45);
    const ttlMs = await admin.pttl(key);
    assert.ok(ttlMs > 0 && ttlMs <= 62_000, `${ttlMs} ms`);
    const resets = edge.storeEvents.flatMap((event) =>
      event.type === 'keys_reset' ? event.keys : [],
    );
    assert.equal(resets.filter((each) => each === key).length, 1, 'told once');
  }
  assert.equal(edge.limiter.stats.storeLosses, 0);
});

test('impossible numbers of a rate, a quota or a slot do not admit without bound either', async () => {
  const edge = await startEdge({ rank: 0, liveEdges: 2 });
  const doubles = (...numbers: number[]): Buffer => Buffer.from(new Float64Array(numbers).buffer);
  const base = { name: 'odd', level: 'tenant', scope: '', onStoreLoss: 'share' } as const;
  const pace: LimitRule = { ...base, kind: 'rate', limit: 1, windowMs: 60_000, burst: 8 };
  const rateChain = compileChain('odd-rate', [pace]);
  const rateKey = rateChain.storeKeys[0] ?? '';
  const debts = doubles(Date.now() * 1000, 0, NaN);
  await admin.set(rateKey, Buffer.concat([Buffer.from('hgr1'), debts]));
  assert.equal(await takeMany(edge, rateChain, 20), 4, 'half of the burst: one of two edges');
  const slotChain = compileChain('odd-slots', [{ ...base, kind: 'concurrency', limit: 3 }]);
  const slotKey = slotChain.storeKeys[0] ?? '';
  await admin.hset(slotKey, 'another', doubles(1, NaN, 0, Date.now() + 2000));
  assert.equal(await takeMany(edge, slotChain, 9), 3, 'the damaged field is removed');
  assert.equal(edge.limiter.stats.storeLosses, 0);
});
