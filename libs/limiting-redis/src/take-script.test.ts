import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileChain, type ItemReply } from '@headgate/limiting';
import {
  assertWindowPromise,
  longSchedules,
  modelReplies,
  propertyOptions,
  schedules,
  timedTakes,
  type TimedTake,
} from '@headgate/limiting/store-case';
import { createScriptHarness, readReplies } from '../test/script-harness.ts';
import { replayCalls, takeCalls } from './script-calls.ts';

const SEED = 20_260_101;
/** Of a value without charges. */
const HEADER_BYTES = 36;
const USED_AT = 20;
const scripts = await createScriptHarness();

/** Runs the takes on an empty database. */
function scriptReplies(takes: readonly TimedTake[]): Promise<ItemReply[]> {
  return scripts.take(
    takes.map(({ item, clockMs }, index) => {
      return { item, clockUs: clockMs * 1000, empties: index === 0 };
    }),
  );
}

test('the script keeps the window promise while its clock steps back, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(schedules({ clockSteps: true }), async (schedule) => {
      const takes = timedTakes(schedule);
      assertWindowPromise(takes, await scriptReplies(takes));
    }),
    propertyOptions(1000, SEED),
  );
});

test('the script answers as the TypeScript algorithm does, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(schedules({ clockSteps: false }), async (schedule) => {
      const takes = timedTakes(schedule);
      assert.deepEqual(await scriptReplies(takes), modelReplies(takes));
    }),
    propertyOptions(1000, SEED),
  );
});

test('so it does where windows hold many charges, whose values are changed in place, over 200 schedules', async () => {
  await scripts.redis.config('RESETSTAT');
  await fc.assert(
    fc.asyncProperty(longSchedules({ clockSteps: false }), async (schedule) => {
      const takes = timedTakes(schedule);
      assert.deepEqual(await scriptReplies(takes), modelReplies(takes));
    }),
    propertyOptions(200, SEED),
  );
  await fc.assert(
    fc.asyncProperty(longSchedules({ clockSteps: true }), async (schedule) => {
      const takes = timedTakes(schedule);
      assertWindowPromise(takes, await scriptReplies(takes));
    }),
    propertyOptions(200, SEED),
  );
  const stats = await scripts.redis.info('commandstats');
  const inPlace = Number(/cmdstat_setrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  assert.ok(inPlace > 1000, `${inPlace} values were changed in place`);
});

test('a clock that stepped back while the limit was used up locks nobody out beyond a window', async () => {
  const [take] = timedTakes({
    chains: (fc.sample(schedules({ clockSteps: false }), { numRuns: 1, seed: SEED })[0] ?? fail())
      .chains,
    arrivals: [{ advanceMs: 0, stepBackMs: 0, chain: 0, cost: 1, units: 90 }],
  });
  assert.ok(take !== undefined);
  const windowMs = Math.max(
    ...take.item.chain.compiled.map((each) => (each.kind === 'window' ? each.rule.windowMs : 0)),
  );
  const at = (offsetMs: number): TimedTake => ({ ...take, clockMs: take.clockMs + offsetMs });
  const [first, stepped, late] = await scriptReplies([
    at(0),
    at(-60_000),
    at(-60_000 + windowMs + 40),
  ]);
  assert.ok((first?.granted ?? 0) > 0);
  assert.equal(stepped?.granted, 0);
  assert.equal(late?.granted, first?.granted);
});

test('a replay of charges that have left the window leaves none', async () => {
  const clockUs = 1_700_000_000_000_000;
  const replay = (keys: readonly string[], values: readonly string[], empties: boolean) => {
    const call = { positions: [0], keys: [...keys], values: [...values] };
    return scripts.run([{ script: 'replay', call, clockUs, empties }]);
  };
  const isEmpty = async (): Promise<boolean> => {
    const value = await scripts.redis.getBuffer('replayed');
    return value?.length === HEADER_BYTES && value.readDoubleLE(USED_AT) === 0;
  };
  await replay(['replayed'], ['100', '10', '1', '2000', '5'], true);
  assert.ok(await isEmpty());
  // A charge that counts in a window of 40 buckets, is joined by another, and then by a look at a window that holds neither.
  await replay(['replayed'], ['100', '40', '1', '2000', '5'], true);
  const again = ['100', '40', '1', '2000', '3', '100', '3', '0'];
  await replay(['replayed', 'replayed'], again, false);
  assert.ok(await isEmpty());
});

test('a replay that is sent again under its name is charged once, and forgotten after a minute', async () => {
  const limit = { name: 'sec', level: 'tenant', scope: '', limit: 100, windowMs: 1000 } as const;
  const [rule] = compileChain('acme', [{ ...limit, onStoreLoss: 'share' }]).compiled;
  assert.ok(rule !== undefined);
  await scripts.redis.flushall();
  const items = [{ rule, tenantTag: 'hg:{t:acme}', charges: [{ ageMs: 0, cost: 7 }] }];
  const clockUs = 1_700_000_000_000_000;
  for (const [id, used] of [
    ['first', 7],
    ['first', 7],
    ['second', 14],
  ] as const) {
    const [call] = replayCalls(items, undefined, 0, id);
    assert.ok(call !== undefined);
    await scripts.run([{ script: 'replay', call, clockUs, empties: false }]);
    const value = await scripts.redis.getBuffer(rule.key);
    assert.equal(value?.readDoubleLE(USED_AT), used);
  }
  const ttlMs = await scripts.redis.pttl(`${rule.key}:replay:second`);
  assert.ok(ttlMs > 0 && ttlMs <= 60_000, `TTL ${ttlMs}`);
});

test('replays of many charges leave a value of bounded length, which holds all of them', async () => {
  const clockUs = 1_700_000_000_000_000;
  await scripts.redis.flushall();
  const charges = Array.from({ length: 128 }, (_, index) => [String(1280 - index * 10), '1']);
  for (let part = 0; part < 8; part += 1) {
    const values = ['1', '3600000', '128', ...charges.flat()];
    const call = { positions: [0], keys: ['long'], values };
    await scripts.run([
      { script: 'replay', call, clockUs: clockUs + part * 2_000_000, empties: false },
    ]);
  }
  const value = await scripts.redis.getBuffer('long');
  assert.ok(value !== null && value.length <= HEADER_BYTES + 256 * 16, `${value?.length} bytes`);
  assert.equal(value.readDoubleLE(USED_AT), 8 * 128);
  let sum = 0;
  for (let at = HEADER_BYTES; at < value.length; at += 16) sum += value.readDoubleLE(at + 8);
  assert.equal(sum, 8 * 128);
});

test('merged batches of several tenants answer each item at its position', async () => {
  const [schedule] = fc.sample(schedules({ clockSteps: false }), { numRuns: 1, seed: SEED + 1 });
  const [tenant, withKey] = schedule?.chains ?? [];
  assert.ok(tenant !== undefined && withKey !== undefined);
  const items = [tenant, withKey, tenant].map((chain) => ({ chain, cost: 1, units: 1 }));
  const calls = takeCalls(items);
  assert.deepEqual(
    calls.map(({ positions }) => positions),
    [[0, 1, 2]],
  );
  const [call] = calls;
  assert.ok(call !== undefined);
  const clockUs = 1_700_000_000_000_000;
  const [reply] = await scripts.run([{ script: 'take', call, clockUs, empties: true }]);
  const replies = readReplies(call, items, reply);
  assert.deepEqual(
    replies.map(({ remaining }) => remaining.length),
    [2, 3, 2],
  );
});

function fail(): never {
  throw new Error('fast-check made no sample');
}
