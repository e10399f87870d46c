import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, settled, tenantRule } from '../test/limiter-harness.ts';
import type { MemoryStore } from '../test/memory-store.ts';
import { compileChain, StoreFailure, type LimitVerdict, type QuotaRule } from './index.ts';

const calls = tenantRule({ name: 'calls', limit: 100 });
const up = tenantRule({ name: 'up', unit: 'request-bytes', limit: 1000 });
const down = tenantRule({ name: 'down', unit: 'response-bytes', limit: 5000 });
const chain = compileChain('acme', [calls, up, down]);
/** Of a window of a second. */
const BUCKET_MS = 20;
const [, upKey = '', downKey = ''] = chain.storeKeys;

/** The charge of an admission. */
function chargeOf(verdict: LimitVerdict): NonNullable<LimitVerdict['charge']> {
  assert.equal(verdict.outcome, 'admitted');
  assert.ok(verdict.charge !== null);
  return verdict.charge;
}

test('a step is what all rules of a unit can grant; a limit that is less than the default is its own', () => {
  assert.deepEqual(chain.byteSteps, {
    ...{ request: 1000, response: 5000 },
    bodiless: { request: 0, response: 5000 },
  });
  const large = tenantRule({ unit: 'response-bytes', limit: 1e9 });
  const small = { ...large, name: 'small', reserveBytes: 4096 };
  assert.equal(compileChain('acme', [large]).byteSteps?.response, 65_536);
  assert.equal(compileChain('acme', [large, small]).byteSteps?.response, 4096);
  for (const reserveBytes of [4095, 1e9 + 1]) {
    assert.throws(() => compileChain('acme', [{ ...large, reserveBytes }]), RangeError);
  }
  assert.equal(compileChain('acme', [calls]).byteSteps, null);
  assert.equal(chain.leaseSpans, null);
});

test('requests with equal bytes are one entry, others entries of their own, in order', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.calls.length = 0;
  store.isHeld = true;
  const take = (request: number) => limiter.take(chain, 1, { request, response: 10 });
  const verdicts = [take(1), take(600), take(600), take(300), take(300)];
  store.answer();
  await settled();
  store.answer();
  const outcomes = (await Promise.all(verdicts.map(async (verdict) => verdict))).map(
    ({ outcome }) => outcome,
  );
  assert.deepEqual(outcomes, ['admitted', 'admitted', 'denied', 'admitted', 'denied']);
  const entries = store.calls.map((items) =>
    items.map(({ units, bytes }) => [units, bytes?.request]),
  );
  assert.deepEqual(entries, [
    [[1, 1]],
    [
      [2, 600],
      [2, 300],
    ],
  ]);
  assert.equal(store.used(upKey), 901);
  limiter.close();
});

test('a denial of many bytes is remembered, and is none of fewer; a body above a limit never passes', async () => {
  const { limiter, clock, inUse } = createHarness();
  await inUse();
  const take = async (request: number) => limiter.take(chain, 1, { request, response: 0 });
  assert.equal((await take(900)).outcome, 'admitted');
  assert.equal((await take(200)).source, 'deny_cache');
  clock.advance(BUCKET_MS);
  assert.equal((await take(200)).source, 'store');
  assert.equal((await take(200)).source, 'deny_cache');
  assert.equal((await take(100)).outcome, 'admitted');
  assert.equal((await take(0)).outcome, 'admitted');
  const { outcome, rule, retryAfterMs } = await take(1001);
  assert.deepEqual([outcome, rule?.name, retryAfterMs], ['denied', 'up', Infinity]);
  limiter.close();
});

test('ever smaller uploads over a limit cost one call in a bucket, each is told when to ask again, and what fits passes', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const take = (request: number) => limiter.take(chain, 1, { request, response: 0 });
  assert.equal((await take(900)).outcome, 'admitted');
  store.calls.length = 0;
  for (let size = 899; size >= 500; size -= 1) {
    const { outcome, source, resetMs } = await take(size);
    assert.equal(outcome, 'denied');
    assert.ok(source === 'store' || (resetMs[1] ?? 0) <= BUCKET_MS);
    clock.advance(0.5);
  }
  const calls = store.calls.length;
  assert.ok(calls > 0 && calls <= 200 / BUCKET_MS, `${calls} calls for 400 uploads in 200 ms`);
  assert.equal((await take(100)).outcome, 'admitted');
  clock.advance(1000);
  assert.equal((await take(499)).outcome, 'admitted', 'as soon as it fits');
  limiter.close();
});

test('ever smaller uploads over a quota cost no call, as nothing of it comes back before its period ends', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const take = (request: number) => limiter.take(monthly, 1, { request, response: 0 });
  assert.equal((await take(900)).outcome, 'admitted');
  store.calls.length = 0;
  for (let size = 1000; size > 100; size -= 1) {
    const { outcome, retryAfterMs } = await take(size);
    assert.ok(outcome === 'denied' && retryAfterMs > 1000);
  }
  assert.equal(store.calls.length, 0);
  assert.equal((await take(100)).outcome, 'admitted');
  limiter.close();
});

test('further bytes take nothing of a limit of requests, and pass when it is used up', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const single = compileChain('acme', [{ ...calls, limit: 1 }, up]);
  const bytes = { request: 100, response: 0 };
  assert.equal((await limiter.take(single, 1, bytes)).outcome, 'admitted');
  assert.equal((await limiter.take(single, 1, bytes)).outcome, 'denied');
  assert.equal((await limiter.takeBytes(single, bytes)).outcome, 'admitted');
  assert.equal(store.used(upKey), 200);
  limiter.close();
});

test('while half of the room is taken further bytes wait, and requests are still admitted', async () => {
  const { limiter, store, inUse } = createHarness({ waitingUnitsMax: 8 });
  await inUse();
  store.isHeld = true;
  const bytes = { request: 1, response: 0 };
  const pending = [1, 2].map(() => limiter.take(chain, 1, bytes));
  const refused = limiter.takeBytes(chain, bytes);
  assert.ok(!(refused instanceof Promise));
  assert.deepEqual([refused.outcome, refused.source], ['unavailable', 'store']);
  pending.push(limiter.take(chain, 1, bytes));
  store.isHeld = false;
  store.answer();
  for (const verdict of pending) assert.equal((await verdict).outcome, 'admitted');
  assert.equal((await limiter.takeBytes(chain, bytes)).outcome, 'admitted');
  limiter.close();
});

test('what is given back is dated to its own charge, not to the end of the batch that brought it', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const takeBatch = store.takeBatch.bind(store);
  let madeMs = 0;
  store.takeBatch = async (items) => {
    const reply = await takeBatch(items);
    madeMs = reply.storeNowMs;
    return { ...reply, storeNowMs: madeMs + 700 };
  };
  const charge = chargeOf(await limiter.take(chain, 1, { request: 400, response: 0 }));
  assert.equal(charge.stored?.madeMs, madeMs);
  limiter.returnBytes(chain, charge, { request: 300, response: 0 });
  await settled();
  const [returned] = store.calls.at(-1)?.[0]?.returned ?? [];
  assert.deepEqual(returned, { request: 300, response: 0, madeMs: charge.stored?.madeMs });
  limiter.close();
});

test('what is given back goes with the next take of the chain, or else with a call of its own', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  const first = chargeOf(await limiter.take(chain, 1, { request: 700, response: 1000 }));
  clock.advance(3);
  const second = chargeOf(await limiter.take(chain, 1, { request: 200, response: 2000 }));
  store.calls.length = 0;
  limiter.returnBytes(chain, first, { request: 650, response: 0 });
  limiter.returnBytes(chain, second, { request: 0, response: 1999 });
  const verdict = await limiter.take(chain, 1, { request: 650, response: 5 });
  assert.equal(verdict.outcome, 'admitted');
  assert.equal(store.calls.length, 1);
  assert.equal(store.used(upKey), 900);
  assert.equal(store.used(downKey), 1006);
  limiter.returnBytes(chain, chargeOf(verdict), { request: 650, response: 5 });
  await settled();
  assert.equal(store.calls.length, 2);
  assert.equal(store.used(upKey), 250);
  assert.equal(limiter.stats.bytesReturned, 650 + 1999 + 655);
  limiter.close();
});

test('who waits while the last bytes are taken is asked for, not refused, if others are given back', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const take = (request: number) => limiter.take(chain, 1, { request, response: 0 });
  const first = chargeOf(await take(900));
  store.isHeld = true;
  const last = take(100);
  const waiting = take(100);
  limiter.returnBytes(chain, first, { request: 800, response: 0 });
  store.isHeld = false;
  store.answer();
  assert.equal((await last).outcome, 'admitted');
  assert.equal((await waiting).outcome, 'admitted');
  assert.equal(store.used(upKey), 300);
  limiter.close();
});

test('without the store each edge has its share of the bytes, and what did not pass is free again', async () => {
  const { limiter, share } = createHarness();
  share.current = { liveEdges: 2, rank: 1 };
  const take = async (request: number) => limiter.take(chain, 1, { request, response: 0 });
  const verdict = await take(400);
  assert.equal(verdict.source, 'share');
  assert.equal((await take(200)).outcome, 'denied');
  limiter.returnBytes(chain, chargeOf(verdict), { request: 300, response: 0 });
  assert.equal((await take(400)).outcome, 'admitted');
  assert.equal((await take(501)).outcome, 'unavailable');
  limiter.close();
});

test('what was admitted without the store is told to it less what was given back meanwhile', async () => {
  const { limiter, store, inUse } = createHarness();
  const verdict = limiter.take(chain, 1, { request: 400, response: 50 });
  assert.ok(!(verdict instanceof Promise));
  limiter.returnBytes(chain, chargeOf(verdict), { request: 300, response: 50 });
  await inUse();
  assert.equal(store.used(upKey), 100);
  assert.equal(store.used(downKey), 0);
  assert.equal((await limiter.take(chain, 1, { request: 900, response: 0 })).outcome, 'admitted');
  limiter.close();
});

test('at the end all that was given back is told', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const charge = chargeOf(await limiter.take(chain, 1, { request: 400, response: 0 }));
  store.isHeld = true;
  const other = limiter.take(chain, 1, { request: 1, response: 0 });
  limiter.returnBytes(chain, charge, { request: 399, response: 0 });
  const end = limiter.settle();
  store.isHeld = false;
  store.answer();
  await Promise.all([end, other]);
  assert.equal(store.used(upKey), 2);
  limiter.close();
});

const month: QuotaRule = {
  ...{ name: 'month', kind: 'quota', unit: 'request-bytes', level: 'tenant', scope: '' },
  ...{ limit: 1000, period: 'month', timeZone: 'UTC', onStoreLoss: 'share' },
} as const;
const monthly = compileChain('acme', [month]);
const [monthKey = ''] = monthly.storeKeys;

/** A take of another edge, which then gives back what it did not use. */
function otherEdge(store: MemoryStore, nowMs: number, request: number, unused: number): void {
  const item = { chain: monthly, cost: 1, bytes: { request, response: 0 } };
  assert.equal(store.takeItem({ ...item, units: 1 }).granted, 1);
  const returned = [{ request: unused, response: 0, madeMs: nowMs }];
  store.takeItem({ ...item, units: 0, returned });
}

test('what another edge gives back of a quota is not taken for a loss of the store', async () => {
  const { limiter, store, clock, inUse } = createHarness({}, 0);
  await inUse();
  const take = async (request: number) => limiter.take(monthly, 1, { request, response: 0 });
  assert.deepEqual((await take(100)).remaining, [900]);
  otherEdge(store, clock.nowMs(), 800, 790);
  assert.deepEqual((await take(10)).remaining, [880]);
  assert.deepEqual((await take(0)).remaining, [880]);
  assert.equal(store.replays.length, 0);
  limiter.close();
});

test('a store that has lost a quota of bytes is told what was used and what was given back', async () => {
  const { limiter, store, clock, inUse } = createHarness({}, 0);
  await inUse();
  const take = async (request: number) => limiter.take(monthly, 1, { request, response: 0 });
  const charge = chargeOf(await take(700));
  limiter.returnBytes(monthly, charge, { request: 600, response: 0 });
  otherEdge(store, clock.nowMs(), 300, 50);
  await take(1);
  assert.equal(store.used(monthKey), 351);
  store.flush();
  await take(1);
  await settled();
  assert.equal(store.used(monthKey), 352);
  limiter.close();
});

test('what is given back of a quota while the store is found to have lost it is told once', async () => {
  const { limiter, store, inUse } = createHarness({}, 0);
  await inUse();
  const take = (request: number) => limiter.take(monthly, 1, { request, response: 0 });
  const charge = chargeOf(await take(700));
  store.flush();
  store.isHeld = true;
  const next = take(1);
  limiter.returnBytes(monthly, charge, { request: 600, response: 0 });
  store.isHeld = false;
  store.answer();
  await next;
  await settled();
  assert.equal(store.replays.length, 1);
  assert.equal(store.used(monthKey), 101);
  limiter.close();
});

test('of a quota that is used without the store, too, what did not pass is free again; not of one that is over', async () => {
  const { limiter, store, clock } = createHarness({}, 0);
  store.failure = new StoreFailure('connection', 'gone');
  const take = async (request: number) => limiter.take(monthly, 1, { request, response: 0 });
  const charge = chargeOf(await take(1000));
  assert.equal((await take(1)).outcome, 'denied');
  limiter.returnBytes(monthly, charge, { request: 300, response: 0 });
  assert.equal((await take(300)).outcome, 'admitted');
  clock.advance(32 * 86_400_000);
  assert.equal((await take(900)).outcome, 'admitted');
  limiter.returnBytes(monthly, charge, { request: 300, response: 0 });
  assert.equal((await take(101)).outcome, 'denied');
  limiter.close();
});
