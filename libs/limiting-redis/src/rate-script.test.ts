import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { compileChain, type ItemReply, type RateRule } from '@headgate/limiting';
import {
  assertPromises,
  pacedModelReplies,
  pacedSchedules,
  pacedTakes,
  propertyRuns,
  type PacedTake,
} from '@headgate/limiting/rate-case';
import { startRedis, type RedisServer } from '@headgate/testkit';
import { createLuaScript, loadScripts } from './lua-script.ts';
import { readTakeReply, replayCalls, takeCalls } from './script-calls.ts';

const SEED = 20_260_101;

/** Put before a script, this gives it a clock that the test sets, in microseconds. */
const CLOCK_PREFIX = `
local real = redis
local redis = {pcall = real.pcall, call = function(name, ...)
  if name ~= 'TIME' then return real.call(name, ...) end
  local us = tonumber(real.call('GET', 'test:clock'))
  return {string.format('%d', math.floor(us / 1000000)), string.format('%d', us % 1000000)}
end}
`;
const scripts = loadScripts();
const take = createLuaScript(CLOCK_PREFIX + scripts.take.text);
const replay = createLuaScript(CLOCK_PREFIX + scripts.replay.text);

let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis();
  redis = new Redis({ port: server.port, host: server.host });
  for (const { text } of [take, replay]) await redis.script('LOAD', text);
});

after(async () => {
  redis.disconnect();
  await server.stop();
});

/** Runs the takes on an empty database, each as a batch of its own, in one pipeline. */
async function scriptReplies(takes: readonly PacedTake[]): Promise<ItemReply[]> {
  const pipeline = redis.pipeline().flushall();
  const calls = takes.map(({ item }) => takeCalls([item])[0] ?? assert.fail());
  for (const [index, { keys, values }] of calls.entries()) {
    pipeline.set('test:clock', takes[index]?.clockUs ?? 0);
    pipeline.evalsha(take.sha, keys.length, ...keys, ...values);
  }
  const results = (await pipeline.exec()) ?? [];
  return calls.map((call, index) => {
    const [error, reply] = results[2 + 2 * index] ?? [null, null];
    if (error !== null) throw error;
    const replies: ItemReply[] = [];
    const item = takes[index]?.item;
    assert.ok(item !== undefined && readTakeReply(call, [item], reply, replies) !== null);
    return replies[0] ?? assert.fail();
  });
}

test('the script keeps the promises of rates and windows while its clock steps back, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(pacedSchedules({ clockSteps: true }), async (schedule) => {
      const takes = pacedTakes(schedule);
      assertPromises(takes, await scriptReplies(takes));
    }),
    { numRuns: propertyRuns(1000), seed: SEED },
  );
});

test('the script answers as the TypeScript algorithm does, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(pacedSchedules({ clockSteps: false }), async (schedule) => {
      const takes = pacedTakes(schedule);
      assert.deepEqual(await scriptReplies(takes), pacedModelReplies(takes));
    }),
    { numRuns: propertyRuns(1000), seed: SEED },
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
  await redis.flushall();
  await redis.set('test:clock', 1_700_000_000_000_000);
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
  const reply = await redis.evalsha(take.sha, call.keys.length, ...call.keys, ...call.values);
  const replies: ItemReply[] = [];
  assert.ok(readTakeReply(call, items, reply, replies) !== null);
  assert.deepEqual(
    replies.map(({ granted }) => granted),
    [30, 30, 30, 10, 0, 0],
  );
  assert.deepEqual(replies[5]?.remaining, [0, 30], 'the denial left the level of the key alone');
});

test('a clock that stepped back while the burst was used up delays nobody beyond its drain', async () => {
  const item = { chain, cost: 1, units: 100 };
  const at = (clockUs: number): PacedTake => ({ item, trueUs: clockUs, clockUs });
  const startUs = 1_700_000_000_000_000;
  const steppedUs = startUs - 60_000_000;
  const replies = await scriptReplies([
    at(startUs),
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
  await redis.flushall();
  await redis.set('test:clock', 1_700_000_000_000_000);
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
    await redis.evalsha(replay.sha, call.keys.length, ...call.keys, ...call.values);
    const [probe] = takeCalls([{ chain, cost: 100, units: 1 }]);
    assert.ok(probe !== undefined);
    const reply = await redis.evalsha(take.sha, probe.keys.length, ...probe.keys, ...probe.values);
    assert.deepEqual(Array.isArray(reply) && reply.slice(1, 3), [0, left]);
  }
});

test('a key lives until its debt has drained, and takes under 200 bytes', async () => {
  await redis.flushall();
  await redis.set('test:clock', 1_700_000_000_000_000);
  const [call] = takeCalls([{ chain, cost: 1, units: 50 }]);
  assert.ok(call !== undefined);
  await redis.evalsha(take.sha, call.keys.length, ...call.keys, ...call.values);
  const key = chain.storeKeys[0] ?? '';
  const ttlMs = await redis.pttl(key);
  assert.ok(ttlMs > 5000 && ttlMs <= 6000, String(ttlMs));
  const bytes = await redis.memory('USAGE', key);
  assert.ok(bytes !== null && bytes < 200, String(bytes));
});
