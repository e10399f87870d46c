import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type LimitVerdict, type RateRule } from '@headgate/limiting';
import { rateExcess } from '@headgate/limiting/rate-case';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { server, admin, startEdge } = await createRedisHarness(2000);

function pace(changes: Partial<RateRule>): RateRule {
  const rule = { name: 'pace', kind: 'rate', level: 'tenant', scope: '' } as const;
  return { ...rule, limit: 200, windowMs: 1000, burst: 20, onStoreLoss: 'share', ...changes };
}

async function takeMany(edges: readonly TestEdge[], rule: RateRule, count: number) {
  const chain = compileChain('crowd', [rule]);
  const takes: (LimitVerdict | Promise<LimitVerdict>)[] = [];
  for (let request = 0; request < count; request += 1) {
    const edge = edges[request % edges.length];
    if (edge !== undefined) takes.push(edge.limiter.take(chain, 1));
  }
  const verdicts = await Promise.all(takes.map(async (take) => take));
  return verdicts.filter(({ outcome }) => outcome === 'admitted').length;
}

/** How many requests at these times, in ms, the rate lets pass. A machine that holds up the load, or Redis, leaves some of it unused. */
function allowedAt(timesMs: readonly number[], { limit, windowMs, burst }: RateRule): number {
  let left = burst;
  let allowed = 0;
  let lastMs = timesMs[0] ?? 0;
  for (const timeMs of timesMs) {
    left = Math.min(burst, left + ((timeMs - lastMs) * limit) / windowMs);
    lastMs = timeMs;
    if (left < 1) continue;
    left -= 1;
    allowed += 1;
  }
  return allowed;
}

test('two edges at 5 times the rate: no time holds more than burst + rate × t, and 97 % of it is used', async () => {
  const edges = [
    await startEdge({ rank: 0, liveEdges: 2 }),
    await startEdge({ rank: 1, liveEdges: 2 }),
  ];
  const rule = pace({});
  const chain = compileChain('paced', [rule]);
  const startMs = performance.now();
  const durationMs = 3000;
  const sentMs: number[] = [];
  const decidedMs: number[] = [];
  const decide = async (take: LimitVerdict | Promise<LimitVerdict>): Promise<LimitVerdict> => {
    const verdict = await take;
    decidedMs.push(performance.now());
    return verdict;
  };
  const pending: Promise<LimitVerdict>[] = [];
  await new Promise<void>((resolve) => {
    const load = setInterval(() => {
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= durationMs) {
        clearInterval(load);
        resolve();
        return;
      }
      while (sentMs.length < elapsedMs) {
        const take = edges[sentMs.length % 2]?.limiter.take(chain, 1);
        if (take !== undefined) pending.push(decide(take));
        sentMs.push(performance.now());
      }
    }, 1);
  });
  const verdicts = await Promise.all(pending);
  const admitted = verdicts.filter(({ outcome }) => outcome === 'admitted').length;
  // The log is in whole milliseconds of Redis's clock: up to one more than the true time may have passed.
  const log = edges.flatMap(({ granted }) => granted).sort((a, b) => a.timeMs - b.timeMs);
  const excess = rateExcess(
    log.map(({ timeMs, cost }) => ({ timeUs: timeMs * 1000, cost })),
    rule,
  );
  assert.ok(excess <= rule.limit / rule.windowMs, `${excess} units too many`);
  const allowed = Math.min(allowedAt(sentMs, rule), allowedAt(decidedMs, rule));
  assert.ok(admitted >= allowed * 0.97, `${admitted} of ${allowed}`);
});

test('three edges, one key, 10,000 concurrent requests: exactly the burst is admitted', async () => {
  const options = { waitingUnitsMax: 10_000 };
  const edges = await Promise.all(
    [0, 1, 2].map((rank) => startEdge({ rank, liveEdges: 3 }, options)),
  );
  const rule = pace({ limit: 1, windowMs: 60_000, burst: 5000 });
  assert.equal(await takeMany(edges, rule, 10_000), 5000);
});

test('kill -9 and restart: the shares sum to the burst, and Redis then knows of them', async () => {
  const edges = await Promise.all([0, 1, 2].map((rank) => startEdge({ rank, liveEdges: 3 })));
  const rule = pace({ name: 'lost', limit: 1, windowMs: 60_000, burst: 50 });
  await server.kill();
  // The calls that find Redis dead answer by the share as well.
  assert.equal(await takeMany(edges, rule, 180), 50);
  await server.restart();
  await Promise.all(edges.map((edge) => edge.inUse()));
  assert.equal(await takeMany(edges, rule, 30), 0);
});

test('a rate key of another type or with garbage is reset, with one event', async () => {
  const edge = await startEdge();
  const rule = pace({ name: 'spoilt', limit: 1, windowMs: 60_000, burst: 5 });
  const key = compileChain('crowd', [rule]).storeKeys[0] ?? '';
  await admin.lpush(key, 'x');
  assert.equal(await takeMany([edge], rule, 10), 5);
  await admin.set(key, 'hgw1 of another kind');
  const raised = compileChain('crowd', [{ ...rule, burst: 6 }]);
  assert.equal((await edge.limiter.take(raised, 1)).outcome, 'admitted');
  assert.deepEqual(
    edge.storeEvents.flatMap((event) => (event.type === 'keys_reset' ? event.keys : [])),
    [key, key],
  );
});
