import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHarness, settled, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, type LimitChain, type LimitVerdict } from './index.ts';

const chain = compileChain('acme', [tenantRule()]);

function outcomes(verdicts: readonly LimitVerdict[]): string[] {
  return verdicts.map(({ outcome, source }) => `${outcome} ${source}`);
}

test('an idle limiter asks at once; what arrives meanwhile joins the next call, merged', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.isHeld = true;
  const takes = [limiter.take(chain, 1)];
  assert.equal(store.calls.length, 1);
  for (let count = 0; count < 12; count += 1) takes.push(limiter.take(chain, 1));
  assert.equal(store.calls.length, 1);
  store.answer();
  await settled();
  assert.deepEqual(
    store.calls.map((items) => items.map(({ units }) => units)),
    [[1], [12]],
  );
  store.answer();
  const verdicts = await Promise.all(takes.map(async (take) => take));
  assert.deepEqual(
    outcomes(verdicts),
    Array.from({ length: 13 }, (_, index) => (index < 10 ? 'admitted store' : 'denied store')),
  );
  assert.equal(limiter.stats.batchedUnits, 13);
  limiter.close();
});

test('requests of another cost do not overtake: they start a new item', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.isHeld = true;
  void limiter.take(chain, 1);
  for (const cost of [1, 1, 5, 1]) void limiter.take(chain, cost);
  store.answer();
  await settled();
  assert.deepEqual(
    store.calls[1]?.map(({ cost, units }) => [cost, units]),
    [
      [1, 2],
      [5, 1],
      [1, 1],
    ],
  );
  store.answer();
  limiter.close();
});

test('after a denial the edge denies alone until the time that the store told', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  for (let count = 0; count < 10; count += 1) await limiter.take(chain, 1);
  const calls = store.calls.length;
  clock.advance(300);
  const denied = limiter.take(chain, 1);
  assert.ok(!(denied instanceof Promise));
  assert.equal(denied.outcome, 'denied');
  assert.equal(denied.source, 'deny_cache');
  assert.equal(denied.rule?.name, 'sec');
  assert.ok(denied.retryAfterMs >= 701 && denied.retryAfterMs <= 772, String(denied.retryAfterMs));
  clock.advance(700);
  assert.ok(!(limiter.take(chain, 1) instanceof Promise));
  clock.advance(1);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  assert.equal(store.calls.length, calls + 1);
  assert.equal(limiter.stats.deniedByDenyCache, 2);
  limiter.close();
});

test('at 5 times the limit at least 97 % of it is used', async () => {
  const { limiter, clock, inUse } = createHarness({ heartbeatMs: 1_000_000 });
  await inUse();
  const busy = compileChain('acme', [tenantRule({ limit: 100, windowMs: 500 })]);
  let admitted = 0;
  for (let elapsedMs = 0; elapsedMs < 50_000; elapsedMs += 1) {
    if ((await limiter.take(busy, 1)).outcome === 'admitted') admitted += 1;
    clock.advance(1);
  }
  assert.ok(admitted >= 9700 && admitted <= 10_000, `${admitted} of 10,000`);
  limiter.close();
});

test('a denial by one key leaves other keys alone; a denial by the tenant denies all', async () => {
  const { limiter, inUse } = createHarness();
  await inUse();
  const keyRule = (scope: string) => tenantRule({ level: 'key', scope, limit: 4 });
  const first = compileChain('acme', [tenantRule(), keyRule('a')]);
  const second = compileChain('acme', [tenantRule(), keyRule('b')]);
  for (let count = 0; count < 4; count += 1) await limiter.take(first, 1);
  const denied = await limiter.take(first, 1);
  assert.deepEqual([denied.source, denied.rule?.level], ['deny_cache', 'key']);
  for (let count = 0; count < 4; count += 1) {
    assert.equal((await limiter.take(second, 1)).outcome, 'admitted');
  }
  for (let count = 0; count < 2; count += 1) {
    assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  }
  const other = compileChain('acme', [tenantRule(), keyRule('c')]);
  assert.equal((await limiter.take(other, 1)).rule?.level, 'tenant');
  limiter.close();
});

test('a raised limit and a smaller cost are not held up by an earlier denial', async () => {
  const { limiter, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 8);
  assert.equal((await limiter.take(chain, 5)).outcome, 'denied');
  assert.equal((await limiter.take(chain, 2)).outcome, 'admitted');
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  const raised = compileChain('acme', [tenantRule({ limit: 12 })]);
  assert.equal((await limiter.take(raised, 1)).outcome, 'admitted');
  limiter.close();
});

test('a cost above the limit is denied for good, without the store', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const verdict = await limiter.take(chain, 11);
  assert.deepEqual([verdict.outcome, verdict.retryAfterMs], ['denied', Infinity]);
  assert.equal(store.calls.length, 0);
  assert.throws(() => limiter.take(chain, 0), RangeError);
  assert.throws(() => limiter.take(chain, 1.5), RangeError);
  limiter.close();
});

test('more waiting requests than the bound, or half of it of one tenant, are refused as unavailable and counted', async () => {
  const { limiter, store, inUse } = createHarness({ waitingUnitsMax: 4 });
  await inUse();
  store.isHeld = true;
  const keyed = tenantRule({ name: 'key', level: 'key', scope: 'one' });
  const [acme, acmeToo] = [chain, compileChain('acme', [keyed])];
  const [other, third] = ['other', 'third'].map((id) => compileChain(id, [tenantRule()]));
  assert.ok(other !== undefined && third !== undefined);
  const isFullFor = async (each: LimitChain): Promise<boolean> => {
    const verdict = limiter.take(each, 1);
    return !(verdict instanceof Promise) && verdict.outcome === 'unavailable';
  };
  const answers: boolean[] = [];
  for (const each of [acme, acmeToo, acme, acmeToo, other, third, other]) {
    answers.push(await isFullFor(each));
  }
  assert.deepEqual(answers, [false, false, true, true, false, false, true]);
  assert.equal(limiter.stats.unavailableByOverflow, 3);
  for (let call = 0; call < 2; call += 1) {
    store.answer();
    await settled();
  }
  const again = limiter.take(acme, 1);
  store.answer();
  assert.equal((await again).outcome, 'admitted');
  limiter.close();
});

test('a batch carries at most batchItemsMax items; the rest follows in order', async () => {
  const { limiter, store, inUse } = createHarness({ batchItemsMax: 2 });
  await inUse();
  store.isHeld = true;
  void limiter.take(chain, 1);
  const chains = ['a', 'b', 'c'].map((tenant) => compileChain(tenant, [tenantRule()]));
  for (const each of chains) void limiter.take(each, 1);
  store.answer();
  await settled();
  const last = chains[2];
  assert.ok(last !== undefined);
  const verdict = limiter.take(last, 1);
  store.answer();
  await settled();
  store.answer();
  assert.equal((await verdict).outcome, 'admitted');
  assert.deepEqual(
    store.calls.map((items) => items.map((item) => `${item.chain.tenantId}${item.units}`)),
    [['acme1'], ['a1', 'b1'], ['c2']],
  );
  limiter.close();
});

test('a batch carries at most 512 rules; the rest follows in order', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.isHeld = true;
  void limiter.take(chain, 1);
  const rules = Array.from({ length: 40 }, (_, index) => tenantRule({ name: `rule-${index}` }));
  for (let tenant = 0; tenant < 30; tenant += 1) {
    void limiter.take(compileChain(`many-${tenant}`, rules), 1);
  }
  for (let call = 0; call < 4; call += 1) {
    store.answer();
    await settled();
  }
  assert.deepEqual(
    store.calls.map((items) => items.length),
    [1, 12, 12, 6],
  );
  limiter.close();
});

test('a jump of the store clock against the monotonic clock is reported', async () => {
  const { limiter, store, events, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 1);
  const takeBatch = store.takeBatch.bind(store);
  store.takeBatch = async (items) => {
    const reply = await takeBatch(items);
    return { ...reply, storeNowMs: reply.storeNowMs + 60_000 };
  };
  await limiter.take(chain, 1);
  assert.deepEqual(events.at(-1), { type: 'store_clock_step', stepMs: 60_000 });
  assert.equal(limiter.stats.storeClockSteps, 1);
  limiter.close();
});

test('a reply that lacks an item counts that item as failed, not as admitted', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  store.takeBatch = async () => ({ storeNowMs: 0, items: [] });
  assert.equal((await limiter.take(chain, 1)).source, 'share');
  limiter.close();
});
