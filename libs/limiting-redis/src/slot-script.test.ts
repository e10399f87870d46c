import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { ItemReply } from '@headgate/limiting';
import {
  propertyRuns,
  runSlotSchedule,
  slotSchedules,
  type SlotCall,
} from '@headgate/limiting/slot-case';
import { startRedis, type RedisServer } from '@headgate/testkit';
import { createLuaScript, loadScripts } from './lua-script.ts';
import { readTakeReply, renewalCalls, takeCalls } from './script-calls.ts';

/** Put before a script, this gives it a clock that the test sets, in milliseconds. */
const CLOCK_PREFIX = `
local real = redis
local redis = {pcall = real.pcall, call = function(name, ...)
  if name ~= 'TIME' then return real.call(name, ...) end
  local ms = tonumber(real.call('GET', 'test:clock'))
  return {string.format('%d', math.floor(ms / 1000)), string.format('%d', ms % 1000 * 1000)}
end}
`;
const scripts = loadScripts();
const take = createLuaScript(CLOCK_PREFIX + scripts.take.text);
const renew = createLuaScript(CLOCK_PREFIX + scripts.renewSlots.text);

let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis();
  redis = new Redis({ port: server.port, host: server.host });
  for (const { text } of [take, renew]) await redis.script('LOAD', text);
});

after(async () => {
  redis.disconnect();
  await server.stop();
});

/** The raw replies of the scripts to these calls, in order, on an empty database. */
async function scriptReplies(calls: readonly SlotCall[]): Promise<unknown[]> {
  const pipeline = redis.pipeline().flushall();
  for (const { clockMs, call } of calls) {
    const isTake = 'item' in call;
    const [sent] = isTake ? takeCalls([call.item]) : renewalCalls(call.renewals);
    pipeline.set('test:clock', clockMs);
    const { sha } = isTake ? take : renew;
    pipeline.evalsha(sha, sent?.keys.length ?? 0, ...(sent?.keys ?? []), ...(sent?.values ?? []));
  }
  const results = (await pipeline.exec()) ?? [];
  return calls.map((_, index) => {
    const [error, reply] = results[2 + 2 * index] ?? [null, null];
    if (error !== null) throw error;
    return reply;
  });
}

test('the scripts answer as the model that the oracle has passed, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(slotSchedules(), async (schedule) => {
      // A renewal of nothing is no call.
      const calls = (await runSlotSchedule(schedule)).filter(
        ({ call }) => 'item' in call || call.renewals.length > 0,
      );
      const replies = await scriptReplies(calls);
      for (const [index, { call }] of calls.entries()) {
        if (!('item' in call)) {
          assert.deepEqual(replies[index], [call.lapsed]);
          continue;
        }
        const read: ItemReply[] = [];
        const [sent] = takeCalls([call.item]);
        assert.ok(sent !== undefined);
        assert.ok(readTakeReply(sent, [call.item], replies[index], read) !== null);
        // Of a window only the time differs: its buckets begin where the clock says.
        assert.deepEqual(
          [read[0]?.granted, read[0]?.remaining],
          [call.reply.granted, call.reply.remaining],
        );
      }
    }),
    { numRuns: propertyRuns(1000), seed: 20_260_101 },
  );
});
