// CPU per request of Redis and of this process, on a real Redis: node libs/limiting-redis/bench/take.bench.ts
import { Redis } from 'ioredis';
import { compileChain, createLimiter, type LimitChain } from '@headgate/limiting';
import { systemClock, systemRandom } from '@headgate/runtime';
import { startRedis } from '@headgate/testkit';
import { createRedisLimitStore } from '../src/index.ts';

const CONCURRENCY = 64;
const ROUND_MS = 1500;

const server = await startRedis();
const admin = new Redis({ port: server.port, host: server.host });
const store = createRedisLimitStore(
  { redis: server, random: systemRandom },
  { commandTimeoutMs: 1000 },
);
const limiter = createLimiter({
  store,
  clock: systemClock,
  random: systemRandom,
  share: () => ({ liveEdges: 1, rank: 0 }),
});
while (limiter.degraded) await new Promise((resolve) => setImmediate(resolve));

function compileTenants(count: number): LimitChain[] {
  const policy = { onStoreLoss: 'share', limit: 1e9 } as const;
  return Array.from({ length: count }, (_, tenant) => {
    return compileChain(`tenant-${tenant}`, [
      { name: 'sec', level: 'tenant', scope: '', windowMs: 1000, ...policy },
      { name: 'min', level: 'key', scope: 'k1', windowMs: 60_000, ...policy },
    ]);
  });
}

async function redisCpuMicroseconds(): Promise<number> {
  const info = await admin.info('cpu');
  const seconds = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6;
}

async function measure(name: string, chains: readonly LimitChain[]): Promise<void> {
  const before = { redis: await redisCpuMicroseconds(), own: process.cpuUsage() };
  const { batches, batchedItems } = limiter.stats;
  const startMs = performance.now();
  let requests = 0;
  let index = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - startMs < ROUND_MS) {
      index = (index + 7919) % chains.length;
      const chain = chains[index];
      if (chain === undefined) return;
      await limiter.take(chain, 1);
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  const own = process.cpuUsage(before.own);
  const redis = (await redisCpuMicroseconds()) - before.redis;
  const calls = limiter.stats.batches - batches;
  const columns = [
    `${((requests / ROUND_MS) * 1000).toFixed(0)} req/s`,
    `Redis ${(redis / requests).toFixed(2)} us/req`,
    `client ${((own.user + own.system) / requests).toFixed(2)} us/req`,
    `${(requests / calls).toFixed(1)} requests in ${((limiter.stats.batchedItems - batchedItems) / calls).toFixed(1)} entries per batch`,
  ];
  console.log(`${name.padEnd(36)} ${columns.join('   ')}`);
}

for (let round = 0; round < 2; round += 1) {
  await measure('1 tenant', compileTenants(1));
  await measure('100 tenants', compileTenants(100));
  await measure('10,000 tenants', compileTenants(10_000));
}
limiter.close();
await store.close();
admin.disconnect();
await server.stop();
