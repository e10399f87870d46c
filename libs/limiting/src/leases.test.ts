import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createHarness,
  settled,
  tenantPace,
  tenantRule,
  type Harness,
} from '../test/limiter-harness.ts';
import { sendLoad, startEdges } from '../test/lease-load.ts';
import { busiestWindow, type Admission } from '../test/window-oracle.ts';
import { compileChain, StoreFailure, type LimitChain, type LimitVerdict } from './index.ts';

const rich = compileChain('acme', [
  tenantRule({ limit: 100_000 }),
  tenantRule({ name: 'min', limit: 1_000_000, windowMs: 60_000 }),
]);
const usedOf = ({ store }: Harness, chain: LimitChain): number =>
  store.used(chain.storeKeys[1] ?? '');

/** One request per millisecond; answers with the verdicts. */
async function send(harness: Harness, chain: LimitChain, forMs: number): Promise<LimitVerdict[]> {
  const verdicts: LimitVerdict[] = [];
  for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs += 1) {
    verdicts.push(await harness.limiter.take(chain, 1));
    await settled();
    harness.clock.advance(1);
  }
  return verdicts;
}

const bySource = (verdicts: readonly LimitVerdict[], source: string): number =>
  verdicts.filter((verdict) => verdict.source === source).length;

async function inUse(): Promise<Harness> {
  const harness = createHarness({ heartbeatMs: 1_000_000 });
  await harness.inUse();
  return harness;
}

test('a chain with demand is leased ahead of need: its requests do not wait, 25 leases a second', async () => {
  const harness = await inUse();
  await send(harness, rich, 300);
  const calls = harness.store.calls.length;
  const verdicts = await send(harness, rich, 1000);
  assert.equal(bySource(verdicts, 'lease'), 1000);
  const made = harness.store.calls.length - calls;
  assert.ok(made >= 20 && made <= 40, `${made} calls`);
  const [first, second] = verdicts.map(({ remaining }) => remaining[0] ?? 0);
  assert.ok((first ?? 0) > 90_000 && first === (second ?? 0) + 1, 'what is left is told');
  harness.limiter.close();
});

test('what was leased and not used is returned: Redis counts what was admitted', async () => {
  const harness = await inUse();
  const { length } = await send(harness, rich, 500);
  harness.clock.advance(100);
  await settled();
  harness.clock.advance(200);
  await settled();
  assert.equal(usedOf(harness, rich), length);
  const { leasedCost, leaseReturnedCost, admittedByLease } = harness.limiter.stats;
  assert.ok(leaseReturnedCost > 0);
  assert.equal(leasedCost - leaseReturnedCost, admittedByLease);
  harness.limiter.close();
});

test('a lease is not used within 2 ms of its end, counted from before its call', async () => {
  const harness = await inUse();
  await send(harness, rich, 300);
  harness.clock.advance(120); // what was in hand is over, and returned
  await settled();
  harness.store.isHeld = true;
  const waiting = harness.limiter.take(rich, 1);
  assert.ok(waiting instanceof Promise);
  harness.clock.advance(40);
  harness.store.answer();
  await waiting;
  // Charged to the end of a 20 ms bucket 50 ms after the answer's making, told 40 ms after the call.
  assert.equal((await harness.limiter.take(rich, 1)).source, 'lease');
  harness.clock.advance(28);
  assert.ok(harness.limiter.take(rich, 1) instanceof Promise);
  harness.store.isHeld = false;
  harness.store.answer();
  harness.limiter.close();
});

test('with the store lost nothing that it leased is used, and it counts as used by this edge', async () => {
  const harness = await inUse();
  const chain = compileChain('acme', [tenantRule({ limit: 1000 })]);
  await send(harness, chain, 300);
  harness.store.failure = new StoreFailure('timeout', 'no answer');
  harness.clock.advance(60);
  assert.equal((await harness.limiter.take(chain, 1)).source, 'share');
  const [verdict] = await send(harness, chain, 1);
  assert.equal(verdict?.source, 'share');
  assert.ok((verdict?.remaining[0] ?? 1000) <= 698);
  harness.limiter.close();
});

test('an emptied store is told what was used, and no lease of before is returned to it', async () => {
  const harness = createHarness({ heartbeatMs: 100 });
  await harness.inUse();
  await send(harness, rich, 350);
  harness.store.flush();
  harness.store.identity = 'run-2';
  harness.clock.advance(100);
  await settled();
  await harness.inUse();
  const calls = harness.store.calls.length;
  harness.clock.advance(300);
  await settled();
  await harness.limiter.settle();
  assert.ok(usedOf(harness, rich) >= 350, String(usedOf(harness, rich)));
  assert.equal(harness.store.calls.length, calls, 'nothing is returned to it');
  harness.limiter.close();
});

test('at the end everything is returned and nothing more is leased', async () => {
  const harness = await inUse();
  const verdicts = await send(harness, rich, 500);
  await harness.limiter.settle();
  assert.equal(usedOf(harness, rich), verdicts.length);
  const more = await send(harness, rich, 100);
  assert.equal(bySource(more, 'lease'), 0);
  assert.equal(usedOf(harness, rich), verdicts.length + more.length);
  harness.limiter.close();
});

test('at the end what hundreds of tenants had leased is returned in calls that the store answers in time', async () => {
  const harness = await inUse();
  const chains = Array.from({ length: 300 }, (_, tenant) =>
    compileChain(`tenant-${tenant}`, [tenantRule({ limit: 100_000, windowMs: 10_000 })]),
  );
  const rounds = 70;
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(chains.map(async (chain) => harness.limiter.take(chain, 1)));
    await settled();
    harness.clock.advance(1);
  }
  const { length } = harness.store.calls;
  await harness.limiter.settle();
  const sizes = harness.store.calls.slice(length).map((items) => items.length);
  assert.deepEqual(sizes, [256, 44]);
  for (const chain of chains) assert.equal(harness.store.used(chain.storeKeys[0] ?? ''), rounds);
  harness.limiter.close();
});

test('a rate and a short window are never leased', async () => {
  const harness = await inUse();
  for (const rule of [
    tenantPace({ limit: 5000, burst: 5000 }),
    tenantRule({ limit: 5000, windowMs: 300 }),
  ]) {
    const chain = compileChain('acme', [rule]);
    assert.equal(chain.leaseSpans, null);
    assert.equal(bySource(await send(harness, chain, 300), 'lease'), 0);
  }
  harness.limiter.close();
});

test('chains that are leased stay in step: 50 tenants cost as many calls as one', async () => {
  const harness = await inUse();
  const chains = Array.from({ length: 50 }, (_, tenant) =>
    compileChain(`tenant-${tenant}`, [tenantRule({ limit: 100_000 })]),
  );
  const round = async (): Promise<void> => {
    await Promise.all(chains.map(async (chain) => harness.limiter.take(chain, 1)));
    await settled();
    harness.clock.advance(1);
  };
  for (let elapsedMs = 0; elapsedMs < 500; elapsedMs += 1) await round();
  const before = harness.store.calls.length;
  for (let elapsedMs = 0; elapsedMs < 1000; elapsedMs += 1) await round();
  const calls = harness.store.calls.length - before;
  assert.ok(calls <= 60, `${calls} calls for 50,000 requests`);
  harness.limiter.close();
});

for (const edges of [1, 2, 4, 8]) {
  test(`${edges} edges from 3 to 100 times the limit: it holds, and 95 % of it are used`, async () => {
    for (const [limit, windowMs, factor] of [
      [1, 1000, 100],
      [3, 1000, 30],
      [64, 1000, 10],
      [65, 1000, 100],
      [1000, 1000, 3],
      [300, 5000, 30],
    ] as const) {
      const group = await startEdges(edges);
      const chain = compileChain('acme', [tenantRule({ limit, windowMs })]);
      const windows = 4;
      const seconds = (windows * windowMs) / 1000;
      const perSecond = (limit * factor * 1000) / windowMs;
      const result = await sendLoad(group, chain, { perSecond, seconds });
      const most = busiestWindow(perMillisecond(result.admissions), windowMs);
      const what = `${limit} per ${windowMs} ms, ${factor} times`;
      assert.ok(most <= limit, `${what}: a window of ${most}`);
      const admitted = result.admissions.length;
      const part = windowMs > 1000 ? 0.97 : 0.95;
      assert.ok(
        admitted >= limit * windows * part - 1,
        `${what}: ${admitted} in ${windows} windows`,
      );
      for (const limiter of group.limiters) limiter.close();
    }
  });
}

test('an edge at 100 times a limit asks a few times per second, whatever the limit', async () => {
  for (const limit of [3, 65, 400]) {
    const group = await startEdges(1);
    const chain = compileChain('acme', [tenantRule({ limit })]);
    const result = await sendLoad(group, chain, { perSecond: 100 * limit, seconds: 5 });
    assert.ok(result.callsInLastSecond <= 4, `${limit}: ${result.callsInLastSecond} calls`);
    for (const limiter of group.limiters) limiter.close();
  }
});

function perMillisecond(admissions: readonly Admission[]): Admission[] {
  const costs = new Map<number, number>();
  for (const { timeMs, cost } of admissions) costs.set(timeMs, (costs.get(timeMs) ?? 0) + cost);
  return Array.from(costs, ([timeMs, cost]) => ({ timeMs, cost }));
}
