import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { compileChain, type ItemReply, type LimitChain, type QuotaRule } from '@headgate/limiting';
import { propertyRuns } from '@headgate/limiting/rate-case';
import { startRedis, type RedisServer } from '@headgate/testkit';
import { createLuaScript, loadScripts } from './lua-script.ts';
import { readTakeReply, replayCalls, takeCalls } from './script-calls.ts';

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
const replay = createLuaScript(CLOCK_PREFIX + scripts.replay.text);
const HOUR_MS = 3_600_000;
const MIDNIGHT_MS = Date.parse('2026-05-05T00:00:00Z');

let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis();
  redis = new Redis({ port: server.port, host: server.host });
  for (const { text } of [take, replay]) await redis.script('LOAD', text);
});
beforeEach(async () => void (await redis.flushall()));
after(async () => {
  redis.disconnect();
  await server.stop();
});

function chainOf(changes: Partial<QuotaRule> = {}): LimitChain {
  const rule: QuotaRule = {
    ...{ name: 'calls', kind: 'quota', level: 'tenant', scope: '', limit: 10 },
    ...{ period: 'hour', timeZone: 'UTC', onStoreLoss: 'share' },
    ...changes,
  } as const;
  return compileChain('acme', [rule]);
}

/** One take at a time of Redis's clock, by an edge that believes it to be `believedMs`. */
async function takeAt(
  clockMs: number,
  units: number,
  { chain = chainOf(), believedMs = clockMs } = {},
): Promise<ItemReply> {
  await redis.set('test:clock', clockMs);
  const items = [{ chain, cost: 1, units }];
  const [call] = takeCalls(items, undefined, believedMs);
  assert.ok(call !== undefined);
  const reply = await redis.evalsha(take.sha, call.keys.length, ...call.keys, ...call.values);
  const replies: ItemReply[] = [];
  assert.ok(readTakeReply(call, items, reply, replies) !== null);
  return replies[0] ?? assert.fail();
}

test('a period admits its limit, says when it ends, and the key goes with it', async () => {
  const half = MIDNIGHT_MS + HOUR_MS / 2;
  assert.deepEqual(await takeAt(half, 4), {
    ...{ granted: 4, remaining: [6], resetMs: [HOUR_MS / 2] },
  });
  assert.equal((await takeAt(half + 1000, 9)).granted, 6);
  assert.deepEqual(await takeAt(half + 2000, 1), {
    ...{ granted: 0, remaining: [0], resetMs: [HOUR_MS / 2 - 2000] },
  });
  const ttlMs = await redis.pttl('hg:{t:acme}:q:t::calls:hour');
  assert.ok(ttlMs > 0 && ttlMs <= HOUR_MS / 2 + 1000, `TTL ${ttlMs}`);
  assert.equal((await takeAt(MIDNIGHT_MS + HOUR_MS, 99)).granted, 10);
});

test('the clock of Redis decides, though an edge is up to a period off; further off it is told the time', async () => {
  const now = MIDNIGHT_MS + 10 * HOUR_MS + 60_000;
  assert.equal((await takeAt(now, 3, { believedMs: now + HOUR_MS })).granted, 3);
  assert.equal((await takeAt(now, 99, { believedMs: now - HOUR_MS })).granted, 7);
  const off = await takeAt(now + HOUR_MS, 1, { believedMs: now - 2 * HOUR_MS });
  assert.deepEqual([off.granted, off.resetMs], [0, [100]]);
  assert.equal((await takeAt(now + HOUR_MS, 99)).granted, 10);
});

test('neither a clock that steps back nor another time zone begins an earlier period anew', async () => {
  const now = MIDNIGHT_MS + 10 * HOUR_MS;
  await takeAt(now, 10);
  assert.deepEqual(await takeAt(now - 1000, 1), {
    ...{ granted: 0, remaining: [0], resetMs: [HOUR_MS + 1000] },
  });
  const west = chainOf({ timeZone: 'Asia/Kolkata' });
  assert.equal((await takeAt(now + 1000, 1, { chain: west })).granted, 0);
});

test('a replay counts what was known at least, what nobody knew on top, and only in its own period', async () => {
  const chain = chainOf({ limit: 100 });
  const [rule] = chain.compiled;
  assert.ok(rule !== undefined);
  const now = MIDNIGHT_MS + 10 * HOUR_MS + 1000;
  const absorb = async (startMs: number, used: number, cost: number): Promise<void> => {
    await redis.set('test:clock', now);
    const charges = cost === 0 ? [] : [{ ageMs: 0, cost }];
    const items = [{ rule, tenantTag: chain.tenantTag, charges, quota: { startMs, used } }];
    const [call] = replayCalls(items, undefined, now);
    assert.ok(call !== undefined);
    await redis.evalsha(replay.sha, call.keys.length, ...call.keys, ...call.values);
  };
  await absorb(now - 1000, 40, 5);
  await absorb(now - 1000, 30, 0);
  await absorb(now - 1000 - HOUR_MS, 90, 9);
  assert.deepEqual((await takeAt(now, 1, { chain })).remaining, [54]);
});

test('no period of the calendar admits more than the limit, also while the clock steps back, over 300 schedules', async () => {
  const step = fc.record({
    forwardMs: fc.integer({ min: -600_000, max: HOUR_MS }),
    units: fc.integer({ min: 1, max: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await redis.flushall();
      const admitted = new Map<number, number>();
      let clockMs = MIDNIGHT_MS;
      let latestMs = 0; // what the clock has shown belongs to a period that has begun
      for (const { forwardMs, units } of steps) {
        clockMs += forwardMs;
        const { granted } = await takeAt(clockMs, units);
        latestMs = Math.max(latestMs, clockMs);
        const period = Math.floor(latestMs / HOUR_MS);
        admitted.set(period, (admitted.get(period) ?? 0) + granted);
      }
      for (const units of admitted.values()) assert.ok(units <= 10, `${units} in a period`);
    }),
    { numRuns: propertyRuns(300), seed: 20_260_101 },
  );
});
