import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { compileChain, type ItemReply, type LimitChain, type QuotaRule } from '@headgate/limiting';
import { propertyOptions, quotaSchedules, runQuotasOnModel } from '@headgate/limiting/quota-case';
import { createScriptHarness } from '../test/script-harness.ts';
import { replayCalls } from './script-calls.ts';

const HOUR_MS = 3_600_000;
const MIDNIGHT_MS = Date.parse('2026-05-05T00:00:00Z');

const scripts = await createScriptHarness();

beforeEach(async () => void (await scripts.redis.flushall()));

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
  const item = { chain, cost: 1, units };
  const [reply] = await scripts.take([{ item, clockUs: clockMs * 1000, believedMs }]);
  return reply ?? assert.fail();
}

test('a period admits its limit, says when it ends, and the key goes with it', async () => {
  const half = MIDNIGHT_MS + HOUR_MS / 2;
  assert.deepEqual(await takeAt(half, 4), {
    ...{ madeMs: half, granted: 4, remaining: [6], resetMs: [HOUR_MS / 2] },
  });
  assert.equal((await takeAt(half + 1000, 9)).granted, 6);
  assert.deepEqual(await takeAt(half + 2000, 1), {
    ...{ madeMs: half + 2000, granted: 0, remaining: [0], resetMs: [HOUR_MS / 2 - 2000] },
  });
  const ttlMs = await scripts.redis.pttl('hg:{t:acme}:q:t::calls:hour');
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
    ...{ madeMs: now - 1000, granted: 0, remaining: [0], resetMs: [HOUR_MS + 1000] },
  });
  const west = chainOf({ timeZone: 'Asia/Kolkata' });
  assert.equal((await takeAt(now + 1000, 1, { chain: west })).granted, 0);
});

test('a period that has begun lasts to its end, wherever the calendar moves meanwhile', async () => {
  const monthIn = (timeZone: string): LimitChain => chainOf({ period: 'month', timeZone });
  const [utc, west, farWest, east] = [
    'UTC',
    'America/New_York',
    'Pacific/Honolulu',
    'Asia/Kolkata',
  ].map(monthIn);
  const middle = Date.parse('2026-05-15T00:00:00Z');
  assert.equal((await takeAt(middle, 10, { chain: utc })).granted, 10);
  for (const chain of [west, farWest, east, utc]) {
    const { granted, resetMs } = await takeAt(middle + 1000, 1, { chain });
    assert.deepEqual([granted, resetMs], [0, [Date.parse('2026-06-01T00:00:00Z') - middle - 1000]]);
  }
  // Then what is left of May in New York is a period of its own.
  const june = Date.parse('2026-06-01T00:00:00Z');
  assert.equal((await takeAt(june - 1, 1, { chain: west })).granted, 0);
  assert.equal((await takeAt(june, 99, { chain: west })).granted, 10);
  assert.equal((await takeAt(june + 5 * HOUR_MS, 99, { chain: west })).granted, 10);
});

test('a replay counts what was known at least, what nobody knew on top, and only in its own period', async () => {
  const chain = chainOf({ limit: 100 });
  const [rule] = chain.compiled;
  assert.ok(rule !== undefined);
  const now = MIDNIGHT_MS + 10 * HOUR_MS + 1000;
  const absorb = async (startMs: number, used: number, cost: number): Promise<void> => {
    const charges = cost === 0 ? [] : [{ ageMs: 0, cost }];
    const items = [
      { rule, tenantTag: chain.tenantTag, charges, quota: { startMs, used, returned: 0 } },
    ];
    const [call] = replayCalls(items, undefined, now);
    assert.ok(call !== undefined);
    await scripts.run([{ script: 'replay', call, clockUs: now * 1000 }]);
  };
  await absorb(now - 1000, 40, 5);
  await absorb(now - 1000, 30, 0);
  await absorb(now - 1000 - HOUR_MS, 90, 9);
  assert.deepEqual((await takeAt(now, 1, { chain })).remaining, [54]);
});

test('the script keeps the promise of quotas and answers as the TypeScript algorithm does, over 300 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(quotaSchedules, async (schedule) => {
      const { calls, replies } = runQuotasOnModel(schedule);
      assert.deepEqual(await scripts.play(calls), replies);
    }),
    propertyOptions(300, 20_260_101),
  );
});
