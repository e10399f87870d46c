import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHarness, settled, tenantRule, tenantSlots } from '../test/limiter-harness.ts';
import { propertyOptions, runSlotSchedule, slotSchedules } from '../test/slot.case.ts';
import { compileChain, StoreFailure, type SlotClaim } from './index.ts';

const chain = compileChain('acme', [tenantSlots()]);
const key = chain.storeKeys[0] ?? '';
const failure = new StoreFailure('connection', 'closed');

test('never more than the limit in flight, and no slot is lost, over 3,000 schedules with lost answers and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(slotSchedules(), async (schedule) => void (await runSlotSchedule(schedule))),
    propertyOptions(3000, 20_260_101),
  );
});

test('the oracle finds what three faulty ways of claiming admit too much', async () => {
  const faults: Record<string, (claim: SlotClaim) => SlotClaim> = {
    'one holder for all': (claim) => ({ ...claim, holderId: 'all' }),
    'nothing is held': (claim) => ({ ...claim, granted: claim.released }),
    'each claim replaces': (claim) => ({ ...claim, epoch: (epochs += 1), granted: claim.released }),
  };
  let epochs = 0;
  for (const [name, alter] of Object.entries(faults)) {
    const property = fc.asyncProperty(slotSchedules(), async (schedule) => {
      await runSlotSchedule(schedule, alter);
    });
    const { failed } = await fc.check(property, { numRuns: 500, seed: 20_260_101 });
    assert.ok(failed, name);
  }
});

test('exactly the limit is admitted; each end lets one more in, at once on this edge', async () => {
  const { limiter, inUse } = createHarness();
  await inUse();
  const verdicts = await Promise.all(Array.from({ length: 6 }, async () => limiter.take(chain, 1)));
  assert.deepEqual(
    verdicts.map(({ outcome }) => outcome),
    ['admitted', 'admitted', 'admitted', 'admitted', 'denied', 'denied'],
  );
  assert.equal(verdicts[5]?.rule?.name, 'slots');
  assert.equal((await limiter.take(chain, 1)).source, 'deny_cache');
  limiter.release(chain, 1);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  assert.equal(limiter.stats.slotsHeld, 4);
  limiter.close();
});

test('a denial is asked again after 25 ms: a slot of another edge may have returned', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  for (let count = 0; count < 4; count += 1) await limiter.take(chain, 1);
  const calls = store.calls.length;
  clock.advance(24);
  assert.equal((await limiter.take(chain, 1)).source, 'deny_cache');
  clock.advance(1);
  assert.equal((await limiter.take(chain, 1)).source, 'store');
  assert.equal(store.calls.length, calls + 1);
  limiter.close();
});

test('slots are renewed every 800 ms while they are held, and told within 20 ms when they end', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 1);
  for (let count = 0; count < 10; count += 1) {
    clock.advance(800);
    await settled();
  }
  assert.equal(store.renewals.length, 10);
  assert.equal(store.used(key), 1);
  limiter.release(chain, 1);
  clock.advance(20);
  await settled();
  assert.deepEqual(
    store.renewals.at(-1)?.map(({ claim }) => claim.granted - claim.released),
    [0],
  );
  const renewals = store.renewals.length;
  clock.advance(800);
  await settled();
  assert.equal(store.renewals.length, renewals, 'nothing is held, nothing is told');
  limiter.close();
});

test('a window that refuses takes no slot, a lack of slots charges no window', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const both = compileChain('acme', [tenantRule({ limit: 6 }), tenantSlots({ limit: 2 })]);
  const windowKey = both.storeKeys[0] ?? '';
  const outcomes: string[] = [];
  for (let count = 0; count < 4; count += 1) outcomes.push((await limiter.take(both, 1)).outcome);
  assert.deepEqual(outcomes, ['admitted', 'admitted', 'denied', 'denied']);
  assert.equal(store.used(windowKey), 2);
  for (let count = 0; count < 4; count += 1) {
    limiter.release(both, 1);
    assert.equal((await limiter.take(both, 1)).outcome, 'admitted');
  }
  limiter.release(both, 1);
  assert.equal((await limiter.take(both, 1)).rule?.name, 'sec');
  assert.equal(limiter.stats.slotsHeld, 1);
  limiter.close();
});

test('with the store lost an edge admits up to its share, what is in flight included', async () => {
  const { limiter, store, share, inUse } = createHarness();
  await inUse();
  share.current = { liveEdges: 2, rank: 0 };
  await limiter.take(chain, 1);
  store.failure = failure;
  const sources: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const { outcome, source } = await limiter.take(chain, 1);
    sources.push(`${outcome} ${source}`);
  }
  assert.deepEqual(sources, ['admitted share', 'denied share', 'denied share']);
  limiter.release(chain, 1);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  limiter.close();
});

test('the store that returns, or an emptied one, is told all slots that are held', async () => {
  const { limiter, store, clock, inUse } = createHarness();
  await inUse();
  for (let count = 0; count < 2; count += 1) await limiter.take(chain, 1);
  store.failure = failure;
  await limiter.take(chain, 1);
  limiter.release(chain, 1);
  limiter.release(chain, 1);
  store.failure = null;
  store.flush();
  clock.advance(1000);
  await inUse();
  const outcomes: string[] = [];
  for (let count = 0; count < 4; count += 1) outcomes.push((await limiter.take(chain, 1)).outcome);
  assert.deepEqual(outcomes, ['admitted', 'admitted', 'admitted', 'denied']);
  assert.equal(limiter.stats.slotsHeld, 4);
  assert.equal(limiter.stats.slotsLapsed, 1);
  limiter.close();
});

test('releases are told before the limiter closes; one too many changes nothing', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  await limiter.take(chain, 1);
  limiter.release(chain, 1);
  limiter.release(chain, 1);
  await limiter.settle();
  assert.equal(limiter.stats.slotsHeld, 0);
  assert.deepEqual(
    store.renewals.map((renewals) => renewals.map(({ claim }) => claim.released)),
    [[1]],
  );
  limiter.close();
});
