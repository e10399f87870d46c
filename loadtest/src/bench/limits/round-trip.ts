import { compileChain, type LimitChain } from '@headgate/limiting';
import { createRedisLimitStore } from '@headgate/limiting-redis';
import { systemRandom } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { Redis } from 'ioredis';
import { percentileOf } from '../statistics.ts';
import { ACTIVE_TENANTS } from '../side-by-side/settings.ts';
import { HIGH_WINDOWS } from './settings.ts';

const CALLS = 4000;
/** Thrown away: the connection is new and the code is not compiled yet. */
const FIRST_CALLS = 4000;

/** Median time of a PING, one after the other, by the client that an edge uses, in ms. */
export async function roundTripP50Ms(port: number): Promise<number> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null });
  try {
    await redis.connect();
    return await callP50Ms(() => redis.ping());
  } finally {
    redis.disconnect();
  }
}

/**
 * Median time of the script call that takes the three windows of a request, one after the other and from tenants in turn, by
 * the store that an edge uses, in ms.
 */
export async function scriptCallP50Ms(port: number): Promise<number> {
  const store = createRedisLimitStore(
    { redis: { host: '127.0.0.1', port }, random: systemRandom },
    { commandTimeoutMs: 1000 },
  );
  try {
    await waitFor(() => store.isReady, { message: 'a connection to Redis' });
    const chains = Array.from({ length: ACTIVE_TENANTS }, (_, tenant) => chainOf(tenant));
    return await callP50Ms((call) => {
      const chain = chains[call % ACTIVE_TENANTS];
      if (chain === undefined) throw new RangeError(`no chain for call ${call}`);
      return store.takeBatch([{ chain, cost: 1, units: 1 }]);
    });
  } finally {
    await store.close();
  }
}

/** Windows as those of a benchmark's request, of a tenant that sends none. */
function chainOf(tenant: number): LimitChain {
  const policy = { onStoreLoss: 'share' } as const;
  return compileChain(`round-trip-${tenant}`, [
    ...HIGH_WINDOWS.tenant.map((each) => {
      return { ...each, ...policy, level: 'tenant', scope: '' } as const;
    }),
    ...HIGH_WINDOWS.key.map((each) => {
      return { ...each, ...policy, level: 'key', scope: 'key' } as const;
    }),
  ]);
}

async function callP50Ms(call: (count: number) => Promise<unknown>): Promise<number> {
  const timesMs: number[] = [];
  for (let count = 0; count < FIRST_CALLS + CALLS; count += 1) {
    const startMs = performance.now();
    await call(count);
    timesMs.push(performance.now() - startMs);
  }
  const counted = timesMs.slice(FIRST_CALLS).sort((a, b) => a - b);
  return percentileOf(counted, 50);
}
