import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { BatchItem, ItemReply } from '@headgate/limiting';
import {
  leaseRun,
  leaseSchedules,
  propertyRuns,
  runOnModel,
  type LeaseCall,
} from '@headgate/limiting/lease-case';
import { startRedis, type RedisServer } from '@headgate/testkit';
import { createLuaScript, loadScripts } from './lua-script.ts';
import { readTakeReply, takeCalls } from './script-calls.ts';

const SEED = 20_261_121;

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

/** The script's replies to these calls, in one pipeline. */
async function scriptReplies(calls: readonly LeaseCall[], isFirst: boolean): Promise<ItemReply[]> {
  const pipeline = redis.pipeline();
  const repliesAt: number[] = [];
  let sent = 0;
  for (const [index, { item, clockMs, empties }] of calls.entries()) {
    if (empties || (isFirst && index === 0)) {
      pipeline.flushall();
      sent += 1;
    }
    const [call] = takeCalls([item]);
    assert.ok(call !== undefined);
    pipeline.set('test:clock', clockMs);
    pipeline.evalsha(script.sha, call.keys.length, ...call.keys, ...call.values);
    repliesAt.push(sent + 1);
    sent += 2;
  }
  const results = (await pipeline.exec()) ?? [];
  return calls.map(({ item }, index) => {
    const [error, reply] = results[repliesAt[index] ?? 0] ?? [null, null];
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

test('the script leases as the TypeScript algorithm does, number for number, over 500 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(leaseSchedules({ clockSteps: false, losses: true }), async (schedule) => {
      const { calls, replies } = runOnModel(schedule);
      assert.deepEqual(await scriptReplies(calls, true), replies);
    }),
    { numRuns: propertyRuns(500), seed: SEED },
  );
});

test('the script keeps the promise with leases while its clock steps back, over 100 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(leaseSchedules({ clockSteps: true, losses: false }), async (schedule) => {
      const run = leaseRun(schedule);
      let isFirst = true;
      for (let step = run.next(); step.done !== true;) {
        const [reply] = await scriptReplies([step.value], isFirst);
        assert.ok(reply !== undefined);
        isFirst = false;
        step = run.next(reply);
      }
    }),
    { numRuns: 100, seed: SEED },
  );
});
