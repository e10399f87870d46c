import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { compileChain, type LimitChain, type WindowRule } from '@headgate/limiting';
import { systemRandom } from '@headgate/runtime';
import { startRedisSentinel, waitFor } from '@headgate/testkit';
import { createRedisLimitStore } from '../src/index.ts';
import { openEdge, type TestEdge } from './redis-harness.ts';

const LIMIT = 100;
const logins = { password: 'data', sentinelPassword: 'watch' };

const redis = await startRedisSentinel(logins);
const { host, port } = redis.sentinel;
const target = { sentinels: [{ host, port }], master: 'mymaster', ...logins };
const edge = await openEdge(target, 250, { rank: 0, liveEdges: 2 }, { leases: false });

after(async () => {
  await edge.close();
  await redis.stop();
});

/** 100 per ten minutes: nothing comes back while the tests run. */
function chainOf(tenant: string): LimitChain {
  const rule = { name: 'all', level: 'tenant', scope: '', limit: LIMIT } as const;
  const window: WindowRule = { ...rule, windowMs: 600_000, onStoreLoss: 'share' };
  return compileChain(tenant, [window]);
}

async function admitted(by: TestEdge, chain: LimitChain, count: number): Promise<number> {
  let passed = 0;
  for (let request = 0; request < count; request += 1) {
    if ((await by.limiter.take(chain, 1)).outcome === 'admitted') passed += 1;
  }
  return passed;
}

/** The replica is in use instead of the master. */
async function promoted(chain: LimitChain): Promise<void> {
  const losses = edge.limiter.stats.storeLosses;
  await waitFor(async () => (await redis.masterPort()) === redis.replica.port, {
    message: 'the replica to be the master',
  });
  await waitFor(
    async () => {
      await edge.limiter.take(chain, LIMIT + 1); // more than ever fits: asks nobody, counts nothing
      return !edge.limiter.degraded && edge.limiter.stats.storeLosses >= losses;
    },
    { message: 'the new master in use' },
  );
}

/** Stores that look for the master almost without a pause, so that some are just asking the Sentinel when it tells of a failover. */
const eager = Array.from({ length: 8 }, () =>
  createRedisLimitStore(
    { redis: target, random: systemRandom },
    { commandTimeoutMs: 250, reconnectBaseMs: 1, reconnectCapMs: 4 },
  ),
);

after(async () => {
  for (const store of eager) await store.close();
});

/** How many of the eager stores answer. */
async function answering(): Promise<number> {
  const probes = await Promise.allSettled(eager.map((store) => store.probe()));
  return probes.filter(({ status }) => status === 'fulfilled').length;
}

test('the master is killed: share meanwhile, then the replica that the Sentinel promotes, with all that was admitted', async () => {
  const chain = chainOf('killed');
  assert.equal(await admitted(edge, chain, 10), 10);
  await waitFor(async () => (await answering()) === eager.length, {
    message: 'all stores to find the master',
  });
  const killedMs = performance.now();
  await redis.master.kill();
  assert.equal(await admitted(edge, chain, 5), 5);
  assert.ok(edge.limiter.degraded);
  await promoted(chain);
  const backMs = performance.now() - killedMs;
  assert.ok(backMs < 10_000, `${backMs} ms`);
  const rest = await admitted(edge, chain, 60);
  // What the replica had got is told again, as it may not have, and once more if the Sentinel cuts connections meanwhile:
  // some is wasted, nothing is admitted twice.
  assert.ok(rest > 0 && rest <= LIMIT - 15, `${rest} admitted afterwards`);
});

test('a store that was asking the Sentinel when it told of the failover finds the new master too', async () => {
  await waitFor(async () => (await answering()) === eager.length, {
    message: 'all stores to find the new master',
  });
});
