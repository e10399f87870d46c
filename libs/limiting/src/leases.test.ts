import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createHarness,
  settled,
  tenantPace,
  tenantRule,
  type Harness,
} from '../test/limiter-harness.ts';
import { sendClosedLoop, sendLoad, startEdges, type EdgeGroup } from '../test/lease-load.ts';
import { busiestWindow, type Admission } from '../test/window-oracle.ts';
import { compileChain, StoreFailure, type LimitChain, type LimitVerdict } from './index.ts';

const rich = compileChain('acme', [
  tenantRule({ limit: 100_000 }),
  tenantRule({ name: 'min', limit: 1_000_000, windowMs: 60_000 }),
]);
/** More than an eighth of it is used by a request per millisecond. */
const busy = compileChain('acme', [tenantRule({ limit: 4000 })]);
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

/** Lets all leases end, and what is left of them be returned. */
async function lapse({ clock }: Harness): Promise<void> {
  for (let elapsedMs = 0; elapsedMs < 800; elapsedMs += 100) {
    clock.advance(100);
    await settled();
  }
}

async function inUse(): Promise<Harness> {
  const harness = createHarness({ heartbeatMs: 1_000_000 });
  await harness.inUse();
  return harness;
}

for (const { chain, what, callsMin, callsMax } of [
  { chain: rich, what: 'far below its limit, 2 leases', callsMin: 4, callsMax: 6 },
  { chain: busy, what: 'at a quarter of its limit, 25 leases', callsMin: 20, callsMax: 40 },
]) {
  test(`a chain with demand is leased ahead of need: its requests do not wait, ${what} a second`, async () => {
    const harness = await inUse();
    await send(harness, chain, 300);
    const calls = harness.store.calls.length;
    const verdicts = await send(harness, chain, 1000);
    assert.equal(bySource(verdicts, 'lease'), 1000);
    const made = harness.store.calls.length - calls;
    assert.ok(made >= callsMin && made <= callsMax, `${made} calls`);
    const [first, second] = verdicts.map(({ remaining }) => remaining[0] ?? 0);
    const [firstMs, secondMs] = verdicts.map(({ resetMs }) => resetMs[0] ?? 0);
    assert.equal(firstMs, (secondMs ?? 0) + 1, 'when units come back is told as of now');
    const limit = chain.rules[0]?.limit ?? 0;
    assert.ok((first ?? 0) > limit / 2 && first === (second ?? 0) + 1, 'what is left is told');
    harness.limiter.close();
  });
}

test('64 tenants with 31 requests a second each, far below their limits, hardly ever wait', async () => {
  const harness = await inUse();
  const chains = Array.from({ length: 64 }, (_, tenant) =>
    compileChain(`tenant-${tenant}`, [tenantRule({ limit: 1000 })]),
  );
  let sent = 0;
  const sendFor = async (forMs: number): Promise<LimitVerdict[]> => {
    const verdicts: LimitVerdict[] = [];
    for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs += 1, harness.clock.advance(1)) {
      for (let request = 0; request < 2; request += 1, sent += 1) {
        const chain = chains[sent % chains.length];
        if (chain !== undefined) verdicts.push(await harness.limiter.take(chain, 1));
      }
      await settled();
    }
    return verdicts;
  };
  await sendFor(500);
  const calls = harness.store.calls.length;
  const verdicts = await sendFor(2000);
  assert.ok(bySource(verdicts, 'lease') >= 0.97 * verdicts.length);
  const made = harness.store.calls.length - calls;
  assert.ok(made <= 0.02 * verdicts.length, `${made} calls`);
  harness.limiter.close();
});

test('what was leased and not used is returned: Redis counts what was admitted', async () => {
  const harness = await inUse();
  const { length } = await send(harness, rich, 500);
  await lapse(harness);
  assert.equal(usedOf(harness, rich), length);
  const { leasedCost, leaseReturnedCost, admittedByLease } = harness.limiter.stats;
  assert.ok(leaseReturnedCost > 0);
  assert.equal(leasedCost - leaseReturnedCost, admittedByLease);
  harness.limiter.close();
});

test('a lease is not used within 2 ms, or a twentieth of it, of its end, counted from before its call', async () => {
  const harness = await inUse();
  await send(harness, busy, 300);
  harness.clock.advance(120); // what was in hand is over, and returned
  await settled();
  harness.store.isHeld = true;
  const waiting = harness.limiter.take(busy, 1);
  assert.ok(waiting instanceof Promise);
  harness.clock.advance(40);
  harness.store.answer();
  await waiting;
  // Charged to the end of a 20 ms bucket 50 ms after the answer's making, told 40 ms after the call.
  assert.equal((await harness.limiter.take(busy, 1)).source, 'lease');
  harness.clock.advance(28);
  assert.ok(harness.limiter.take(busy, 1) instanceof Promise);
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

test('at the end a lease that is just being asked for is returned, though nothing is in hand', async () => {
  const harness = await inUse();
  const { limiter, store, clock } = harness;
  let admitted = (await send(harness, busy, 300)).length;
  const calls = store.calls.length;
  store.isHeld = true;
  const take = (): void => {
    assert.ok(!(limiter.take(busy, 1) instanceof Promise));
    admitted += 1;
  };
  while (store.calls.length === calls) {
    take();
    await settled();
    clock.advance(1);
  }
  const inHand = (): number =>
    limiter.stats.leasedCost - limiter.stats.leaseReturnedCost - limiter.stats.leaseUsedCost;
  while (inHand() > 0) take();
  const ended = limiter.settle();
  await settled();
  store.isHeld = false;
  store.answer();
  await ended;
  assert.equal(store.used(busy.storeKeys[0] ?? ''), admitted);
  limiter.close();
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

test('chains that begin at different times get into step: 50 tenants share their calls', async () => {
  const harness = await inUse();
  const chains = Array.from({ length: 50 }, (_, tenant) =>
    compileChain(`tenant-${tenant}`, [tenantRule({ limit: 1000 })]),
  );
  const periodMs = 70;
  const sendFor = async (fromMs: number, toMs: number): Promise<void> => {
    for (let timeMs = fromMs; timeMs < toMs; timeMs += 1, harness.clock.advance(1)) {
      for (const [index, chain] of chains.entries()) {
        const sinceMs = timeMs - index * 7;
        if (sinceMs >= 0 && sinceMs % periodMs === index % 3) await harness.limiter.take(chain, 1);
      }
      await settled();
    }
  };
  await sendFor(0, 1000);
  const { leases, batches } = harness.limiter.stats;
  await sendFor(1000, 2500);
  const made = harness.limiter.stats.leases - leases;
  const calls = harness.limiter.stats.batches - batches;
  assert.ok(made >= 3 * chains.length, `${made} leases`);
  assert.ok(calls <= made / 8, `${calls} calls for ${made} leases`);
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

/** What becomes of an even load that grows to three times a limit of 1,000 per second at once. */
async function stepUp(
  { store, clock, limiters }: EdgeGroup,
  perSecond: number,
): Promise<{
  readonly outAtStep: number;
  readonly spansMs: readonly number[];
  readonly windows: number;
}> {
  const spansMs: number[] = [];
  const takeBatch = store.takeBatch.bind(store);
  store.takeBatch = async (items) => {
    const reply = await takeBatch(items);
    for (const item of reply.items)
      if ((item?.lease?.amount ?? 0) > 0) spansMs.push(item?.lease?.spanMs ?? 0);
    return reply;
  };
  const chain = compileChain('acme', [tenantRule({ limit: 1000 })]);
  const group = { store, clock, limiters };
  const before = await sendLoad(group, chain, { perSecond, seconds: 2.6 });
  const lastSpansMs = spansMs.slice(-limiters.length);
  let outAtStep = 0;
  for (const { stats } of limiters) {
    outAtStep += stats.leasedCost - stats.leaseUsedCost - stats.leaseReturnedCost;
  }
  const after = await sendLoad(group, chain, { perSecond: 3000, seconds: 4 });
  assert.ok(
    busiestWindow(perMillisecond([...before.admissions, ...after.admissions]), 1000) <= 1000,
  );
  for (const limiter of limiters) limiter.close();
  return { outAtStep, spansMs: lastSpansMs, windows: after.admissions.length / 1000 };
}

for (const { edges, more } of [
  { edges: 1, more: 400 },
  { edges: 4, more: 300 },
]) {
  test(`an even load on ${edges} edges that becomes three times the limit loses at most a sixteenth of one window`, async () => {
    const { outAtStep, spansMs, windows } = await stepUp(await startEdges(edges), 60);
    assert.ok(outAtStep >= 20 && outAtStep <= 1000 / 8, `${outAtStep} out on lease`);
    assert.ok(
      spansMs.every((spanMs) => spanMs >= 500),
      `leases of ${spansMs.join()} ms`,
    );
    assert.ok(windows >= 4 - 1 / 16, `${windows} windows`);
    const grown = await stepUp(await startEdges(edges), more);
    assert.ok(grown.windows >= 4 - 1 / 16, `${grown.windows} windows from ${more}`);
  });

  test(`a store with ${edges} edges that grants far leases of the whole limit loses more`, async () => {
    const parts = { farPart: 1 };
    const { windows } = await stepUp(await startEdges(edges, { parts }), more);
    assert.ok(windows < 4 - 1 / 16, `${windows} windows`);
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

for (const [denialMs, admissionMs, endpointMs] of [
  [0.025, 0.04, 1],
  [0.025, 0.1, 2],
  [0.1, 0.3, 3],
] as const) {
  const loop = { clients: 64, denialMs, admissionMs, endpointMs };
  const flooded = compileChain('acme', [
    tenantRule({ limit: 400 }),
    tenantRule({ name: 'minute', limit: 24_000, windowMs: 60_000 }),
    tenantRule({ level: 'key', scope: 'a', name: 'key-second', limit: 400 }),
  ]);

  test(`64 clients that always have a request out, ${admissionMs} ms for each admission: a call a second, and 95 % are used`, async () => {
    const group = await startEdges(1);
    await sendClosedLoop(group, flooded, { ...loop, seconds: 2 });
    const seconds = 10;
    const { sent, calls, admissions } = await sendClosedLoop(group, flooded, { ...loop, seconds });
    assert.ok(sent >= 20 * 400 * seconds, `${sent} sent`);
    assert.ok(calls <= seconds, `${calls} calls`);
    assert.ok(admissions.length >= 0.95 * 400 * seconds, `${admissions.length} admitted`);
    assert.ok(busiestWindow(perMillisecond(admissions), 1000) <= 400);
    for (const limiter of group.limiters) limiter.close();
  });

  test(`a flood that follows an even load, ${admissionMs} ms for each admission: it holds, 95 % are used, and few calls are made`, async () => {
    const group = await startEdges(1);
    await sendLoad(group, flooded, { perSecond: 390, seconds: 2 });
    const seconds = 10;
    const { calls, admissions } = await sendClosedLoop(group, flooded, { ...loop, seconds });
    assert.ok(calls <= 6 * seconds, `${calls} calls`);
    assert.ok(admissions.length >= 0.95 * 400 * seconds, `${admissions.length} admitted`);
    assert.ok(busiestWindow(perMillisecond(admissions), 1000) <= 400);
    for (const limiter of group.limiters) limiter.close();
  });
}

function perMillisecond(admissions: readonly Admission[]): Admission[] {
  const costs = new Map<number, number>();
  for (const { timeMs, cost } of admissions) costs.set(timeMs, (costs.get(timeMs) ?? 0) + cost);
  return Array.from(costs, ([timeMs, cost]) => ({ timeMs, cost }));
}
