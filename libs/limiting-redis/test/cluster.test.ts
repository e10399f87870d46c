import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { compileChain, type LimitChain, type WindowRule } from '@headgate/limiting';
import { sendRedis, startRedisCluster, waitFor, type RedisServer } from '@headgate/testkit';
import { keySlot } from '../src/key-slot.ts';
import { openEdge, type TestEdge } from './redis-harness.ts';

const LIMIT = 20;
const PASSWORD = 'of all: nodes';
/** Enough for each of the three masters to have some. */
const TENANTS = 24;

const cluster = await startRedisCluster({ masters: 3, replicas: 1, password: PASSWORD });
const nodes = [...cluster.masters, ...cluster.replicas].map(({ host, port }) => ({ host, port }));
const edges = await Promise.all(
  [0, 1].map((rank) =>
    openEdge({ nodes, password: PASSWORD }, 250, { rank, liveEdges: 2 }, { leases: false }),
  ),
);
const [edge, other] = edges as [TestEdge, TestEdge]; // of two ranks

after(async () => {
  await Promise.all(edges.map((each) => each.close()));
  await cluster.stop();
});

/** 20 per ten minutes: nothing comes back while the tests run. */
function chainOf(tenant: string): LimitChain {
  const rule = { name: 'all', level: 'tenant', scope: '', limit: LIMIT } as const;
  const window: WindowRule = { ...rule, windowMs: 600_000, onStoreLoss: 'share' };
  return compileChain(tenant, [window]);
}

/** A tenant whose keys are on that master. */
function tenantOn(master: number, name: string): LimitChain {
  for (let number = 0; ; number += 1) {
    const chain = chainOf(`${name}-${number}`);
    if (cluster.masterOf(keySlot(chain.tenantTag)) === master) return chain;
  }
}

/** Sources of the verdicts of `count` requests, and how many were admitted. */
async function take(
  by: TestEdge,
  chain: LimitChain,
  count: number,
): Promise<{ admitted: number; sources: Set<string> }> {
  const sources = new Set<string>();
  let admitted = 0;
  for (let request = 0; request < count; request += 1) {
    const { outcome, source } = await by.limiter.take(chain, 1);
    sources.add(source);
    if (outcome === 'admitted') admitted += 1;
  }
  return { admitted, sources };
}

async function inUse(): Promise<void> {
  for (const each of edges) await each.inUse();
}

function master(index: number): RedisServer {
  return cluster.masters[index] ?? assert.fail();
}

const ask = (server: RedisServer, ...words: (string | number)[]) =>
  sendRedis(server, words, PASSWORD);

test('two edges admit exactly the limit of each of many tenants, spread over all masters', async () => {
  const chains = Array.from({ length: TENANTS }, (_, index) => chainOf(`tenant-${index}`));
  const admitted = await Promise.all(
    chains.map(async (chain) => {
      const both = await Promise.all(edges.map((each) => take(each, chain, 15)));
      return both.reduce((sum, part) => sum + part.admitted, 0);
    }),
  );
  assert.deepEqual(
    admitted,
    chains.map(() => LIMIT),
  );
  for (const { port } of cluster.masters) {
    const keys = Number(await sendRedis({ port }, ['DBSIZE'], PASSWORD));
    assert.ok(keys > 2, `${keys} keys on port ${port}`);
  }
  for (const { limiter } of edges) assert.equal(limiter.stats.storeLosses, 0);
});

test('a node that forgot the script gets it again within the call', async () => {
  const chain = tenantOn(1, 'noscript');
  await take(edge, chain, 5);
  await ask(master(1), 'SCRIPT', 'FLUSH');
  assert.deepEqual(await take(edge, chain, 5), { admitted: 5, sources: new Set(['store']) });
  assert.equal(edge.limiter.stats.storeLosses, 0);
});

test('a slot on its way, and moved, is followed within the call: ASK, MOVED; its usage goes with it', async () => {
  const chain = tenantOn(0, 'moving');
  const slot = keySlot(chain.tenantTag);
  const [source, target] = [master(0), master(1)];
  const [sourceId, targetId] = await Promise.all([
    ask(source, 'CLUSTER', 'MYID'),
    ask(target, 'CLUSTER', 'MYID'),
  ]);
  assert.equal((await take(edge, chain, 6)).admitted, 6);
  await ask(target, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId));
  await ask(source, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId));
  const { host, port } = target;
  const keys = await ask(source, 'CLUSTER', 'GETKEYSINSLOT', slot, 100);
  assert.ok(Array.isArray(keys) && keys.length > 0);
  await ask(
    source,
    'MIGRATE',
    host,
    port,
    '',
    0,
    5000,
    'AUTH',
    PASSWORD,
    'KEYS',
    ...keys.map(String),
  );
  const asked = await take(edge, chain, 6);
  assert.deepEqual(asked, { admitted: 6, sources: new Set(['store']) });
  for (const node of [target, source, master(2)]) {
    await ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId));
  }
  // This edge has asked before, the other has not heard of the move at all.
  const rest = [await take(edge, chain, 4), await take(other, chain, 10)];
  assert.deepEqual(
    rest.map(({ admitted }) => admitted),
    [4, 4],
  );
  for (const { sources } of rest) assert.ok(!sources.has('share'));
  for (const { limiter } of edges) assert.equal(limiter.stats.storeLosses, 0);
});

test('a master dies and its replica is promoted: tenants of the others stay exact, its own are again within 10 s', async () => {
  const [own, others] = [tenantOn(0, 'failed'), tenantOn(2, 'beside')];
  assert.equal((await take(edge, own, 10)).admitted, 10);
  const killedMs = performance.now();
  await master(0).kill();
  const without = await take(edge, own, 4);
  assert.deepEqual(without.sources, new Set(['share']));
  assert.deepEqual(await take(edge, others, 5), { admitted: 5, sources: new Set(['store']) });
  await inUse();
  const backMs = performance.now() - killedMs;
  assert.ok(backMs < 10_000, `${backMs} ms`);
  // All that was admitted counts: with the master, without it, and what the replica may not have got.
  const after = await take(edge, own, 30);
  assert.ok(!after.sources.has('share'));
  assert.ok(10 + without.admitted + after.admitted <= LIMIT);
});

test('a master without a replica is gone and comes back empty: meanwhile its tenants get their share', async () => {
  const [own, others] = [tenantOn(1, 'restarted'), tenantOn(2, 'unmoved')];
  assert.equal((await take(edge, own, 8)).admitted, 8);
  await master(1).kill();
  const without = await take(edge, own, 20);
  assert.deepEqual([without.admitted, without.sources], [LIMIT / 2 - 8, new Set(['share'])]);
  assert.deepEqual((await take(edge, others, 5)).sources, new Set(['store']));
  await master(1).restart();
  await waitFor(() => !edge.limiter.degraded, { message: 'the node in use' });
  assert.equal((await take(edge, own, 30)).admitted, LIMIT / 2);
});
