import { after } from 'node:test';
import { Redis } from 'ioredis';
import {
  createLimiter,
  createShardedLimiter,
  type Limiter,
  type LimiterEvent,
  type LimiterOptions,
  type LimitStore,
} from '@headgate/limiting';
import type { Admission } from '@headgate/limiting/store-case';
import { systemClock, systemRandom } from '@headgate/runtime';
import { startRedis, waitFor, type RedisServer } from '@headgate/testkit';
import {
  createRedisLimitStores,
  type RedisLimitStores,
  type RedisStoreEvent,
  type RedisTarget,
} from '../src/index.ts';

/** A limiter on its own connections, as one worker of an edge has it. */
export interface TestEdge {
  readonly limiter: Limiter;
  /** The only one, or the first of a Redis Cluster. */
  readonly store: RedisLimitStores['shards'][number];
  readonly limiterEvents: LimiterEvent[];
  readonly storeEvents: RedisStoreEvent[];
  /** What Redis granted, dated by Redis's clock. */
  readonly granted: TenantAdmission[];
  /** The longest that a take call was under way, in ms; this process's own stalls count. */
  readonly timing: { longestCallMs: number; callsUnderWay: number };
  /** Waits until the limiter uses Redis. */
  readonly inUse: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What was granted to a tenant. */
export interface TenantAdmission extends Admission {
  readonly tenantId: string;
}

/** A Redis server and edges on it, all ended after the tests of the file. */
export interface RedisHarness {
  readonly server: RedisServer;
  /** A client for looking into Redis; reconnects quickly. */
  readonly admin: Redis;
  /** Starts edge number `rank` of `liveEdges`. */
  readonly startEdge: (place?: EdgePlace, options?: LimiterOptions) => Promise<TestEdge>;
}

/** Which of how many edges. */
export interface EdgePlace {
  readonly rank: number;
  readonly liveEdges: number;
}

/**
 * Starts Redis; registers the clean-up.
 *
 * @param commandTimeoutMs longer than in production, so that a busy machine is not taken for a lost store.
 */
export async function createRedisHarness(commandTimeoutMs: number): Promise<RedisHarness> {
  const server = await startRedis();
  const admin = new Redis({ port: server.port, host: server.host, retryStrategy: () => 20 });
  admin.on('error', () => undefined);
  const edges: TestEdge[] = [];
  after(async () => {
    for (const edge of edges) await edge.close();
    admin.disconnect();
    await server.stop();
  });
  const startEdge: RedisHarness['startEdge'] = async (
    place = { rank: 0, liveEdges: 1 },
    options = {},
  ) => {
    const edge = await openEdge(server, commandTimeoutMs, place, options);
    edges.push(edge);
    return edge;
  };
  return { server, admin, startEdge };
}

/** Opens a limiter on any Redis and waits until it uses it; the caller closes it. */
export async function openEdge(
  redis: RedisTarget,
  commandTimeoutMs: number,
  place: EdgePlace = { rank: 0, liveEdges: 1 },
  options: LimiterOptions = {},
): Promise<TestEdge> {
  const limiterEvents: LimiterEvent[] = [];
  const storeEvents: RedisStoreEvent[] = [];
  const granted: TenantAdmission[] = [];
  const timing = { longestCallMs: 0, callsUnderWay: 0 };
  const stores = createRedisLimitStores(
    { redis, random: systemRandom, onEvent: (event) => storeEvents.push(event) },
    { commandTimeoutMs, reconnectCapMs: 100 },
  );
  const shards = stores.shards.map((store) =>
    createLimiter(
      {
        store: loggingStore(store, granted, timing),
        clock: systemClock,
        random: systemRandom,
        share: () => place,
        onEvent: (event) => limiterEvents.push(event),
      },
      { probeBackoffCapMs: 100, heartbeatMs: 100, ...options },
    ),
  );
  const limiter = createShardedLimiter(shards, (key) => stores.shardOf(key));
  const inUse = async (): Promise<void> => {
    await waitFor(() => !limiter.degraded, {
      message: 'Redis in use',
      intervalMs: 2,
      describe: () => limiterEvents.slice(-5),
    });
  };
  const close = async (): Promise<void> => {
    limiter.close();
    await stores.close();
  };
  const [store] = stores.shards;
  if (store === undefined) throw new Error('no store');
  const edge = { limiter, store, limiterEvents, storeEvents, granted, timing, inUse, close };
  await inUse().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return edge;
}

/** Records what the store grants, with the store's time, and how long its calls take. */
function loggingStore(
  store: LimitStore,
  granted: TenantAdmission[],
  timing: TestEdge['timing'],
): LimitStore {
  return {
    async takeBatch(items) {
      const sentMs = performance.now();
      timing.callsUnderWay += 1;
      const reply = await store.takeBatch(items).finally(() => (timing.callsUnderWay -= 1));
      timing.longestCallMs = Math.max(timing.longestCallMs, performance.now() - sentMs);
      for (const [index, answer] of reply.items.entries()) {
        const cost = (answer?.granted ?? 0) * (items[index]?.cost ?? 0);
        const tenantId = items[index]?.chain.tenantId ?? '';
        if (cost > 0) granted.push({ timeMs: reply.storeNowMs, cost, tenantId });
      }
      return reply;
    },
    probe: () => store.probe(),
    renewSlots: (renewals) => store.renewSlots(renewals),
    replay: (items, id) => store.replay(items, id),
  };
}
