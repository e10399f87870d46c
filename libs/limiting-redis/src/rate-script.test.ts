import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileChain, type ItemReply, type RateRule } from '@headgate/limiting';
import {
  assertPromises,
  pacedModelReplies,
  pacedSchedules,
  pacedTakes,
  propertyOptions,
  type PacedTake,
} from '@headgate/limiting/rate-case';
import { createScriptHarness, readReplies } from '../test/script-harness.ts';
import { replayCalls, takeCalls } from './script-calls.ts';

const SEED = 20_260_101;

/** What the clock shows in tests that need only one time. */
const NOW_US = 1_700_000_000_000_000;

const scripts = await createScriptHarness();

/** Runs the takes on an empty database. */
function scriptReplies(takes: readonly Omit<PacedTake, 'trueUs'>[]): Promise<ItemReply[]> {
  return scripts.take(takes.map((take, index) => ({ ...take, empties: index === 0 })));
}

test('the script keeps the promises of rates and windows while its clock steps back, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(pacedSchedules({ clockSteps: true }), async (schedule) => {
      const takes = pacedTakes(schedule);
      assertPromises(takes, await scriptReplies(takes));
    }),
    propertyOptions(1000, SEED),
  );
});

test('the script answers as the TypeScript algorithm does, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(pacedSchedules({ clockSteps: false }), async (schedule) => {
      const takes = pacedTakes(schedule);
      assert.deepEqual(await scriptReplies(takes), pacedModelReplies(takes));
    }),
    propertyOptions(1000, SEED),
  );
});

const rule: RateRule = {
  name: 'pace',
  kind: 'rate',
  level: 'tenant',
  scope: '',
  limit: 10,
  windowMs: 1000,
  burst: 100,
  onStoreLoss: 'share',
};
const chain = compileChain('acme', [rule]);

test('entries of one call share the burst of the tenant to the last unit, whatever keys they name', async () => {
  const keyRule = (scope: string): RateRule => ({ ...rule, level: 'key', scope, burst: 60 });
  const chains = [
    chain,
    ...['a', 'b'].map((scope) => compileChain('acme', [rule, keyRule(scope)])),
  ];
  const items = [...chains, ...chains].map((each) => ({ chain: each, cost: 1, units: 30 }));
  const calls = takeCalls(items);
  assert.equal(calls.length, 1);
  const [call] = calls;
  assert.ok(call !== undefined);
  const [reply] = await scripts.run([{ script: 'take', call, clockUs: NOW_US, empties: true }]);
  const replies = readReplies(call, items, reply);
  assert.deepEqual(
    replies.map(({ granted }) => granted),
    [30, 30, 30, 10, 0, 0],
  );
  assert.deepEqual(replies[5]?.remaining, [0, 30], 'the denial left the level of the key alone');
});

test('a clock that stepped back while the burst was used up delays nobody beyond its drain', async () => {
  const item = { chain, cost: 1, units: 100 };
  const at = (clockUs: number) => ({ item, clockUs });
  const steppedUs = NOW_US - 60_000_000;
  const replies = await scriptReplies([
    at(NOW_US),
    at(steppedUs),
    at(steppedUs + 5_000_001),
    at(steppedUs + 15_000_002),
  ]);
  assert.deepEqual(
    replies.map(({ granted }) => granted),
    [100, 0, 50, 100],
  );
});

test('a replayed debt counts, but never grows beyond the burst', async () => {
  await scripts.redis.flushall();
  const [compiled] = chain.compiled;
  assert.ok(compiled !== undefined);
  for (const [cost, left] of [
    [30, 70],
    [90, 0],
    [90, 0],
  ] as const) {
    const charges = [{ ageMs: 0, cost }];
    const [call] = replayCalls([{ rule: compiled, tenantTag: chain.tenantTag, charges }]);
    assert.ok(call !== undefined);
    await scripts.run([{ script: 'replay', call, clockUs: NOW_US }]);
    const probe = { chain, cost: 100, units: 1 };
    const [reply] = await scripts.take([{ item: probe, clockUs: NOW_US }]);
    assert.deepEqual([reply?.granted, reply?.remaining], [0, [left]]);
  }
});

test('a key lives until its debt has drained, and takes under 200 bytes', async () => {
  await scriptReplies([{ item: { chain, cost: 1, units: 50 }, clockUs: NOW_US }]);
  const key = chain.storeKeys[0] ?? '';
  const ttlMs = await scripts.redis.pttl(key);
  assert.ok(ttlMs > 5000 && ttlMs <= 6000, String(ttlMs));
  const bytes = await scripts.redis.memory('USAGE', key);
  assert.ok(bytes !== null && bytes < 200, String(bytes));
});
