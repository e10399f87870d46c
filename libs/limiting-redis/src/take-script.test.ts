import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { BatchItem, ItemReply } from '@headgate/limiting';
import {
  assertWindowPromise,
  modelReplies,
  schedules,
  timedTakes,
  type TimedTake,
} from '@headgate/limiting/store-case';
import { startRedis, type RedisServer } from '@headgate/testkit';
import { createLuaScript, loadScripts } from './lua-script.ts';
import { readTakeReply, takeCalls } from './script-calls.ts';

const SEED = 20_260_101;

/** Put before the script, this gives it a clock that the test sets; the script itself stays as it is. */
const CLOCK_PREFIX = `
local real = redis
local redis = {pcall = real.pcall, call = function(name, ...)
  if name ~= 'TIME' then return real.call(name, ...) end
  local ms = tonumber(real.call('GET', 'test:clock'))
  return {string.format('%d', math.floor(ms / 1000)), string.format('%d', ms % 1000 * 1000)}
end}
`;
const script = createLuaScript(CLOCK_PREFIX + loadScripts().take.text);

let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis();
  redis = new Redis({ port: server.port, host: server.host });
  await redis.script('LOAD', script.text);
});

after(async () => {
  redis.disconnect();
  await server.stop();
});

/** Runs the takes on an empty database, each as a batch of its own, in one pipeline. */
async function scriptReplies(takes: readonly TimedTake[]): Promise<ItemReply[]> {
  const pipeline = redis.pipeline().flushall();
  for (const { item, clockMs } of takes) {
    const [call] = takeCalls([item]);
    assert.ok(call !== undefined);
    pipeline.set('test:clock', clockMs);
    pipeline.evalsha(script.sha, call.keys.length, ...call.keys, ...call.values);
  }
  const results = (await pipeline.exec()) ?? [];
  return takes.map(({ item }, index) => {
    const [error, reply] = results[2 + 2 * index] ?? [null, null];
    if (error !== null) throw error;
    return readSingle(item, reply);
  });
}

function readSingle(item: BatchItem, reply: unknown): ItemReply {
  const replies: ItemReply[] = [];
  const call = takeCalls([item])[0];
  assert.ok(call !== undefined);
  assert.ok(readTakeReply(call, [item], reply, replies) !== null);
  assert.ok(replies[0] !== undefined);
  return replies[0];
}

test('the script keeps the window promise while its clock steps back, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(schedules({ clockSteps: true }), async (schedule) => {
      const takes = timedTakes(schedule);
      assertWindowPromise(takes, await scriptReplies(takes));
    }),
    { numRuns: 1000, seed: SEED },
  );
});

test('the script answers as the TypeScript algorithm does, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(schedules({ clockSteps: false }), async (schedule) => {
      const takes = timedTakes(schedule);
      assert.deepEqual(await scriptReplies(takes), modelReplies(takes));
    }),
    { numRuns: 1000, seed: SEED },
  );
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
  await redis.flushall();
  await redis.set('test:clock', 1_700_000_000_000);
  const reply = await redis.evalsha(script.sha, call.keys.length, ...call.keys, ...call.values);
  const replies: ItemReply[] = [];
  assert.deepEqual(readTakeReply(call, items, reply, replies)?.resetKeys, []);
  assert.deepEqual(
    replies.map(({ remaining }) => remaining.length),
    [2, 3, 2],
  );
});

function fail(): never {
  throw new Error('fast-check made no sample');
}
