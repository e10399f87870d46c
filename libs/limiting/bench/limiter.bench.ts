// Cost per request of the limiter's hot paths, without a network: node libs/limiting/bench/limiter.bench.ts
import { systemClock, systemRandom } from '@headgate/runtime';
import {
  compileChain,
  createLimiter,
  rateLimitHeaders,
  type Limiter,
  type LimitStore,
} from '../src/index.ts';

const ROUNDS = 5;
const REQUESTS = 300_000;
const CONCURRENCY = 64;

/** Answers in the next turn of the microtask queue: what remains is the limiter's own work. */
const instantStore: LimitStore = {
  takeBatch: async (items) => ({
    storeNowMs: systemClock.monotonicMs(),
    items: items.map(({ units, lease }) => ({
      madeMs: systemClock.monotonicMs(),
      granted: units,
      remaining: [1e6, 1e6],
      resetMs: [5, 5],
      ...(lease === undefined ? {} : { lease: { amount: lease.amount, madeMs: 0, spanMs: 50 } }),
    })),
  }),
  probe: async () => ({ identity: 'bench' }),
  renewSlots: async () => 0,
  replay: async () => undefined,
};

const share = { liveEdges: 3, rank: 0 };
const limiter = createLimiter({
  store: instantStore,
  clock: systemClock,
  random: systemRandom,
  share: () => share,
});
const policy = { onStoreLoss: 'share' } as const;
const chains = Array.from({ length: 10_000 }, (_, tenant) =>
  compileChain(`tenant-${tenant}`, [
    { name: 'sec', level: 'tenant', scope: '', limit: 1e9, windowMs: 1000, ...policy },
    { name: 'min', level: 'key', scope: 'k1', limit: 1e9, windowMs: 60_000, ...policy },
  ]),
);

/** Best of some rounds, in nanoseconds per request. */
async function measure(name: string, run: () => void | Promise<void>): Promise<void> {
  let bestNs = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now();
    await run();
    bestNs = Math.min(bestNs, ((performance.now() - startMs) * 1e6) / REQUESTS);
  }
  console.log(`${name.padEnd(64)} ${bestNs.toFixed(0).padStart(6)} ns/request`);
}

function chainAt(index: number): (typeof chains)[number] {
  const chain = chains[index % chains.length];
  if (chain === undefined) throw new Error('no chains');
  return chain;
}

async function takeThroughStore(through: Limiter, tenants: number): Promise<void> {
  for (let request = 0; request < REQUESTS; request += CONCURRENCY) {
    const takes = [];
    for (let slot = 0; slot < CONCURRENCY; slot += 1) {
      takes.push(through.take(chainAt((request + slot) % tenants), 1));
    }
    for (const take of takes) if (take instanceof Promise) await take;
  }
}

while (limiter.degraded) await new Promise((resolve) => setImmediate(resolve));
const unleased = createLimiter(
  { store: instantStore, clock: systemClock, random: systemRandom, share: () => share },
  { leases: false },
);
while (unleased.degraded) await new Promise((resolve) => setImmediate(resolve));
await measure('take from leases, 1 tenant, 2 rules', () => takeThroughStore(limiter, 1));
await measure('take from leases, 64 tenants, 2 rules each', () => takeThroughStore(limiter, 64));
await measure('take, merged batches, 1 tenant, 2 rules', () => takeThroughStore(unleased, 1));
await measure('take, 10,000 tenants, 2 rules each', () => takeThroughStore(unleased, 10_000));
unleased.close();

const full = compileChain('full', [
  { name: 'sec', level: 'tenant', scope: '', limit: 5, windowMs: 3_600_000, ...policy },
  { name: 'min', level: 'key', scope: 'k1', limit: 9, windowMs: 3_600_000, ...policy },
]);
const fullStore = createLimiter({
  clock: systemClock,
  random: systemRandom,
  share: () => share,
  store: {
    ...instantStore,
    takeBatch: async () => ({
      storeNowMs: systemClock.monotonicMs(),
      items: [{ madeMs: 0, granted: 0, remaining: [0, 4], resetMs: [3_600_000, 5] }],
    }),
  },
});
while (fullStore.degraded) await new Promise((resolve) => setImmediate(resolve));
const denied = await fullStore.take(full, 1);
await measure('deny from the deny cache, 2 rules', () => {
  for (let request = 0; request < REQUESTS; request += 1) void fullStore.take(full, 1);
});
const admitted = { ...denied, outcome: 'admitted', rule: null, ruleIndex: -1 } as const;
await measure('rateLimitHeaders of an admission', () => {
  for (let request = 0; request < REQUESTS; request += 1) rateLimitHeaders(full, admitted);
});
await measure('rateLimitHeaders of a denial', () => {
  for (let request = 0; request < REQUESTS; request += 1) rateLimitHeaders(full, denied);
});
limiter.close();
fullStore.close();
