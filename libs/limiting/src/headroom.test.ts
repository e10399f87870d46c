import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, tenantPace, tenantRule, tenantSlots } from '../test/limiter-harness.ts';
import {
  compileChain,
  rateLimitHeaders,
  StoreFailure,
  type Limiter,
  type LimitChain,
  type LimitRule,
  type QuotaRule,
} from './index.ts';
import { admittedVerdict } from './verdict.ts';

const day: QuotaRule = {
  ...{ name: 'day', kind: 'quota', level: 'tenant', scope: '', limit: 10 },
  ...{ period: 'day', timeZone: 'UTC', onStoreLoss: 'share' },
} as const;

/** Of each kind one that admits 10 in all, and 6 of bulk. */
const KINDS: readonly LimitRule[] = [
  tenantRule({ limit: 10 }),
  tenantPace({ limit: 10, burst: 10 }),
  tenantSlots({ limit: 10 }),
  day,
];

function classesOf(rule: LimitRule): { critical: LimitChain; bulk: LimitChain } {
  const bulk = compileChain('acme', [{ ...rule, headroom: 4 }]);
  return { critical: compileChain('acme', [rule]), bulk };
}

/** How many of `count` requests pass, one after the other. */
async function admitted(limiter: Limiter, chain: LimitChain, count: number): Promise<number> {
  let passed = 0;
  for (let sent = 0; sent < count; sent += 1) {
    const { outcome } = await limiter.take(chain, 1);
    if (outcome === 'admitted') passed += 1;
    else assert.equal(outcome, 'denied');
  }
  return passed;
}

test('classes share a key and its buckets, and are chains of their own', () => {
  for (const rule of KINDS) {
    const { critical, bulk } = classesOf(rule);
    assert.deepEqual(bulk.storeKeys, critical.storeKeys);
    assert.notEqual(bulk.id, critical.id);
    assert.deepEqual([critical.costMax, bulk.costMax], [10, 6]);
  }
  // By itself a limit of 60 would have buckets of 1 ms; and it is too small to be leased.
  const shapes = [0, 5].map((headroom) => {
    const [compiled] = compileChain('acme', [tenantRule({ limit: 65, headroom })]).compiled;
    assert.ok(compiled?.kind === 'window');
    return [compiled.bucketMs, compiled.bucketCount];
  });
  assert.deepEqual(shapes, [
    [20, 50],
    [20, 50],
  ]);
  const small = compileChain('acme', [tenantRule({ limit: 65, headroom: 5 })]);
  assert.equal(small.leaseSpans?.farMs, 0);
});

test('a headroom leaves at least a unit, of a rate what comes back in a microsecond', () => {
  const compile = (rule: LimitRule) => () => compileChain('acme', [rule]);
  assert.equal(compile(tenantRule({ limit: 10, headroom: 9 }))().costMax, 1);
  for (const headroom of [10, -1, 0.5]) {
    assert.throws(compile(tenantRule({ limit: 10, headroom })), RangeError);
  }
  const pace = { limit: 5e6, windowMs: 1000, burst: 10 };
  assert.equal(compile(tenantPace({ ...pace, headroom: 5 }))().costMax, 5);
  assert.throws(compile(tenantPace({ ...pace, headroom: 6 })), RangeError);
});

for (const rule of KINDS) {
  const kind = rule.kind ?? 'window';
  test(`${kind}: a remembered refusal of bulk refuses bulk and nobody else`, async () => {
    const { limiter, store, inUse } = createHarness({}, 0);
    await inUse();
    const { critical, bulk } = classesOf(rule);
    assert.equal(await admitted(limiter, bulk, 8), 6);
    const calls = store.calls.length;
    assert.equal((await limiter.take(bulk, 1)).source, 'deny_cache');
    assert.equal(store.calls.length, calls);
    assert.equal(await admitted(limiter, critical, 6), 4);
    // What refuses critical requests refuses bulk, too, from memory.
    const full = store.calls.length;
    assert.equal(await admitted(limiter, bulk, 3), 0);
    assert.equal(store.calls.length, full);
    limiter.close();
  });

  test(`${kind}: bulk gets nothing of what critical requests have used up to its cap`, async () => {
    const { limiter, inUse } = createHarness({}, 0);
    await inUse();
    const { critical, bulk } = classesOf(rule);
    assert.equal(await admitted(limiter, critical, 5), 5);
    assert.equal(await admitted(limiter, bulk, 5), 1);
    assert.equal(await admitted(limiter, critical, 8), 4);
    limiter.close();
  });

  test(`${kind}: while the store is lost an edge keeps the headroom of its share`, async () => {
    const { limiter, store, share, inUse } = createHarness({}, 0);
    await inUse();
    share.current = { liveEdges: 2, rank: 0 };
    const { critical, bulk } = classesOf(rule);
    store.failure = new StoreFailure('connection', 'closed');
    assert.equal(await admitted(limiter, bulk, 6), 3);
    assert.equal(await admitted(limiter, critical, 6), 2);
    assert.equal(await admitted(limiter, bulk, 2), 0);
    limiter.close();
  });
}

test('a rate that bulk used last is told to an emptied store in full', async () => {
  const { limiter, store, clock, inUse } = createHarness({}, 0);
  await inUse();
  const { critical, bulk } = classesOf(tenantPace({ limit: 1, windowMs: 3_600_000, burst: 10 }));
  assert.equal(await admitted(limiter, bulk, 6), 6);
  assert.equal(await admitted(limiter, critical, 4), 4);
  assert.equal(await admitted(limiter, bulk, 1), 0);
  store.flush();
  store.identity = 'run-2';
  for (let turn = 0; turn < 10 && store.replays.length === 0; turn += 1) {
    clock.advance(1000);
    await inUse();
  }
  assert.deepEqual(
    store.replays.flat().map(({ charges }) => charges.map(({ cost }) => cost)),
    [[10]],
  );
  limiter.close();
});

test('what is leased to one class is used by no other', async () => {
  const { limiter, store, clock, inUse } = createHarness({ heartbeatMs: 1e9 });
  await inUse();
  const critical = compileChain('acme', [tenantRule({ limit: 4000 })]);
  const bulk = compileChain('acme', [tenantRule({ limit: 4000, headroom: 2000 })]);
  const sources: string[] = [];
  for (let request = 0; request < 200; request += 1) {
    clock.advance(2);
    sources.push((await limiter.take(critical, 1)).source);
  }
  assert.equal(sources.at(-1), 'lease');
  assert.equal((await limiter.take(bulk, 1)).source, 'store');
  // Far more than its own cap is never leased to bulk.
  for (let request = 0; request < 20_000; request += 1) {
    if (request % 20 === 0) clock.advance(1);
    void limiter.take(bulk, 1);
    if (request % 100 === 0) await limiter.take(bulk, 1);
  }
  const [key = ''] = bulk.storeKeys;
  assert.equal(critical.storeKeys[0], key);
  const used = store.used(key);
  assert.ok(used > 1000 && used <= 2000, `${used} used`);
  assert.equal((await limiter.take(critical, 1)).outcome, 'admitted');
  limiter.close();
});

test('a class takes no more bytes at once than its cap', async () => {
  const { limiter, inUse } = createHarness();
  await inUse();
  const bytes = tenantRule({ limit: 70_000, unit: 'request-bytes' });
  const [critical, bulk] = [0, 60_000].map((headroom) =>
    compileChain('acme', [{ ...bytes, headroom }]),
  );
  assert.ok(critical !== undefined && bulk !== undefined);
  assert.deepEqual([critical.byteSteps?.request, bulk.byteSteps?.request], [65_536, 10_000]);
  const take = async (chain: LimitChain, request: number): Promise<string> =>
    (await limiter.take(chain, 1, { request, response: 0 })).outcome;
  assert.equal(await take(bulk, 10_000), 'admitted');
  assert.equal(await take(bulk, 1), 'denied');
  assert.equal(await take(critical, 60_000), 'admitted');
  limiter.close();
});

test('clients are shown what their class can have', () => {
  const policyOf = (rule: LimitRule): string =>
    rateLimitHeaders(compileChain('acme', [rule]), admittedVerdict('store', [1], [100], null));
  assert.match(policyOf(tenantRule({ headroom: 4 })), /^RateLimit-Policy: "sec";q=6;w=1\r\n/);
  assert.match(
    policyOf(tenantPace({ burst: 20, headroom: 4 })),
    /^RateLimit-Policy: "pace";q=10;w=1;burst=16\r\n/,
  );
});
