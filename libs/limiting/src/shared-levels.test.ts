import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startEdges } from '../test/lease-load.ts';
import { createHarness, settled, tenantPace, tenantRule } from '../test/limiter-harness.ts';
import { propertyOptions } from '../test/property-runs.ts';
import { runShared, sharedSchedules, type SharedAdmissions } from '../test/shared-load.ts';
import { busiestWindow } from '../test/window-oracle.ts';
import {
  compileChain,
  compileSharedChain,
  SharedLevels,
  StoreFailure,
  type Limiter,
  type LimitChain,
  type LimitVerdict,
} from './index.ts';

const SEED = 2;

function poolOf(limit: number, level: 'pool' | 'platform' = 'pool'): LimitChain {
  return compileSharedChain(level, 'gold.0', [
    { name: 'all', limit, windowMs: 10_000, onStoreLoss: 'share' },
  ]);
}

async function createScene() {
  const harness = createHarness({ heartbeatMs: 1_000_000 });
  await harness.inUse();
  const notes: string[] = [];
  const { limiter, store, clock } = harness;
  const levels = new SharedLevels({
    limiter,
    note: (pool, { outcome }) => notes.push(`${pool.tenantTag} ${outcome}`),
  });
  const burst = async (
    pools: readonly LimitChain[],
    own: LimitChain | null,
    count: number,
  ): Promise<LimitVerdict[]> => {
    const verdicts: Promise<LimitVerdict>[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      verdicts.push(Promise.resolve(levels.take(pools, own, 1)));
    }
    return Promise.all(verdicts);
  };
  const admitted = async (...load: Parameters<typeof burst>): Promise<number> =>
    (await burst(...load)).filter(({ outcome }) => outcome === 'admitted').length;
  /** Leases end, and what is left of them is returned. */
  const rest = async (): Promise<void> => {
    for (let step = 0; step < 10; step += 1) {
      clock.advance(100);
      await settled();
    }
  };
  const used = (chain: LimitChain): number => store.used(chain.storeKeys[0] ?? '');
  return { ...harness, notes, burst, admitted, rest, used };
}

test('what the tenant’s own limit refuses is given back to every pool', async () => {
  const { admitted, rest, used, limiter, notes } = await createScene();
  const pools = [poolOf(1000), poolOf(500, 'platform')] as const;
  const own = compileChain('acme', [tenantRule({ limit: 10, windowMs: 60_000 })]);
  for (let round = 0; round < 5; round += 1) {
    await rest();
    await admitted(pools, own, 30);
  }
  await rest();
  assert.equal(used(own), 10);
  assert.deepEqual(pools.map(used), [10, 10]);
  assert.equal(notes.length, 20, 'only what passed all levels is told');
  limiter.close();
});

test('what a tenant’s own limit refuses is given back while thousands of clients with limits of their own come', async () => {
  const { admitted, rest, used, limiter } = await createScene();
  const own = compileChain('acme', [tenantRule({ limit: 10, windowMs: 60_000 })]);
  const clients: Promise<number>[] = [];
  for (let client = 0; client < 5000; client += 1) {
    const rule = tenantRule({ limit: 100, windowMs: 60_000, consumer: `a${client}` });
    clients.push(admitted([], compileChain('crowd', [rule]), 1));
    if (client % 500 === 499) await Promise.all(clients.splice(0));
  }
  const pool = poolOf(1000);
  assert.equal(await admitted([pool], own, 300), 10);
  await rest();
  assert.equal(used(pool), 10);
  limiter.close();
});

test('the first request of a pool of 1 is refused by its tenant: the pool has 1 for the next', async () => {
  const { limiters, store, clock } = await startEdges(2);
  const [first, second] = limiters;
  assert.ok(first !== undefined && second !== undefined);
  const levels = new SharedLevels({ limiter: second, note: () => undefined });
  const pool = poolOf(1);
  const own = compileChain('acme', [tenantRule({ limit: 1, windowMs: 60_000 })]);
  assert.equal((await first.take(own, 1)).outcome, 'admitted');
  assert.equal((await levels.take([pool], own, 1)).rule?.level, 'tenant');
  for (let elapsedMs = 0; elapsedMs < 200; elapsedMs += 10) {
    clock.advance(10);
    await settled();
  }
  assert.equal(store.used(pool.storeKeys[0] ?? ''), 0);
  assert.equal((await levels.take([pool], null, 1)).outcome, 'admitted');
  for (const limiter of limiters) limiter.close();
});

test('what a deny cache refuses never reaches a pool', async () => {
  const { burst, admitted, limiter } = await createScene();
  const pool = poolOf(1000);
  const own = compileChain('acme', [tenantRule({ limit: 10, windowMs: 60_000 })]);
  await admitted([pool], own, 30);
  const before = limiter.stats.refundedCost;
  const verdicts = await burst([pool], own, 100);
  assert.ok(verdicts.every(({ source, rule }) => source === 'deny_cache' && rule?.name === 'sec'));
  assert.equal(limiter.stats.refundedCost, before);
  limiter.close();
});

test('what a pool refuses costs the tenant nothing, of whatever kind its limits are', async () => {
  const { burst, used, limiter, notes } = await createScene();
  const pools = [poolOf(3), poolOf(500, 'platform')];
  const base = { level: 'tenant', scope: '', onStoreLoss: 'share', limit: 40 } as const;
  const own = compileChain('acme', [
    tenantPace({ limit: 1, windowMs: 3_600_000, burst: 40 }),
    { ...base, name: 'busy', kind: 'concurrency' },
    { ...base, name: 'hour', kind: 'quota', period: 'hour', timeZone: 'UTC' },
  ]);
  const verdicts = await burst(pools, own, 20);
  const denied = verdicts.filter(({ outcome }) => outcome === 'denied');
  assert.equal(denied.length, 17);
  for (const { rule, ruleIndex, remaining, retryAfterMs } of denied) {
    assert.equal(rule?.level, 'pool');
    assert.deepEqual({ ruleIndex, remaining }, { ruleIndex: -1, remaining: [] });
    assert.ok(retryAfterMs > 0);
  }
  assert.deepEqual(
    own.storeKeys.map((key) => limiter.stats.slotsHeld + (key === '' ? 1 : 0)),
    [3, 3, 3],
  );
  assert.equal(used(own), 3);
  assert.equal(
    notes.filter((note) => note.startsWith('hg:{p') && note.endsWith('denied')).length,
    17,
  );
  limiter.close();
});

test('a tenant without limits of its own is admitted by its pools, and learns nothing of them', async () => {
  const { burst, limiter } = await createScene();
  const verdicts = await burst([poolOf(3)], null, 5);
  assert.equal(verdicts.filter(({ outcome }) => outcome === 'admitted').length, 3);
  assert.ok(verdicts.every(({ remaining }) => remaining.length === 0));
  limiter.close();
});

test('a pool in demand is leased: its requests need no call, whichever tenants they are of', async () => {
  const { admitted, clock, store, limiter } = await createScene();
  const pool = poolOf(1_000_000);
  const own = [0, 1].map((id) => compileChain(`t-${id}`, [tenantRule({ limit: 100_000 })]));
  const send = async (forMs: number): Promise<number> => {
    const before = store.calls.length;
    for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs += 1) {
      for (const chain of own) await admitted([pool], chain, 1);
      await settled();
      clock.advance(1);
    }
    return store.calls.length - before;
  };
  await send(500);
  const calls = await send(1000);
  assert.ok(calls <= 60, `${calls} calls for 2,000 requests`);
  limiter.close();
});

test('with the store lost a refusal gives back what this edge had charged alone', async () => {
  const { burst, admitted, store, limiter, clock } = await createScene();
  store.failure = new StoreFailure('timeout', 'no answer');
  const pool = poolOf(100);
  const own = compileChain('acme', [tenantRule({ limit: 10, windowMs: 60_000 })]);
  await burst([pool], own, 1);
  clock.advance(5);
  await burst([pool], own, 200);
  const other = compileChain('other', [tenantRule({ limit: 1000 })]);
  const rest = await admitted([pool], other, 200);
  assert.ok(rest >= 89 && rest <= 90, `${rest} after 10`);
  limiter.close();
});

function assertWithin(admissions: SharedAdmissions): void {
  for (const [chain, log] of admissions) {
    const most = busiestWindow(log, 1000);
    assert.ok(most <= chain.costMax, `${chain.id}: ${most} > ${chain.costMax}`);
  }
}

test('no window of a pool exceeds its limit, whatever is refused elsewhere and given back, over 200 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(sharedSchedules, async (schedule) => {
      assertWithin(await runShared(schedule));
    }),
    propertyOptions(200, SEED),
  );
});

const FAULTS: Readonly<Record<string, (limiter: Limiter) => Limiter['giveBack']>> = {
  'gives back twice': (limiter) => (chain, cost, verdict) => {
    limiter.giveBack(chain, cost, verdict);
    limiter.giveBack(chain, cost, verdict);
  },
  'takes off younger charges': (limiter) => {
    const late: (() => void)[] = [];
    return (chain, cost, verdict) => {
      const { charge } = verdict;
      const stored = charge?.stored ?? null;
      if (charge === null || stored === null) return;
      const later = { ...charge, stored: { ...stored, endMs: stored.endMs + 5000 } };
      late.push(() => limiter.giveBack(chain, cost, { ...verdict, charge: later }));
      if (late.length > 2) late.shift()?.();
    };
  },
};

for (const [name, spoil] of Object.entries(FAULTS)) {
  test(`the oracle finds a limiter that ${name}`, async () => {
    const found = await fc.check(
      fc.asyncProperty(sharedSchedules, async (schedule) => {
        assertWithin(await runShared(schedule, spoil));
      }),
      { numRuns: 3000, seed: SEED, endOnFailure: true },
    );
    assert.ok(found.failed);
    assert.match(String(found.errorInstance), / > /);
  });
}
