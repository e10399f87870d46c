import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileChain } from '@headgate/limiting';
import {
  byteRun,
  byteSchedules,
  propertyOptions,
  runBytesOnModel,
} from '@headgate/limiting/byte-case';
import { createScriptHarness } from '../test/script-harness.ts';

const SEED = 20_261_121;
const LOSSES = { clockSteps: false, losses: true, isShort: false };
const SHORT = { clockSteps: false, losses: false, isShort: true };
const STEPS = { clockSteps: true, losses: false, isShort: false };

const scripts = await createScriptHarness();

for (const [name, faults] of Object.entries({
  'with losses': LOSSES,
  'settled to what passed': SHORT,
})) {
  test(`the script counts bytes as the TypeScript algorithm does, number for number, ${name}, over 300 schedules`, async () => {
    await fc.assert(
      fc.asyncProperty(byteSchedules(faults), async (schedule) => {
        const { calls, replies } = runBytesOnModel(schedule, { sums: faults === SHORT });
        assert.deepEqual(await scripts.play(calls), replies);
      }),
      propertyOptions(300, SEED),
    );
  });
}

test('the script keeps the promise on bytes while its clock steps back, over 100 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(byteSchedules(STEPS), async (schedule) => {
      await scripts.playRun(byteRun(schedule, { sums: false }));
    }),
    propertyOptions(100, SEED),
  );
});

test('what is given back whole leaves nothing in Redis: a small limit takes no more there however many requests come', async () => {
  const scope = { level: 'route', scope: 'all', onStoreLoss: 'share' } as const;
  const small = { name: 'small', unit: 'response-bytes', limit: 64, windowMs: 60_000 } as const;
  const chain = compileChain('acme', [{ ...small, ...scope }]);
  const bytes = { request: 0, response: 64 };
  const startMs = 1_000_000_000;
  const steps = Array.from({ length: 300 }, (_, index) => {
    const returned = index === 0 ? [] : [{ ...bytes, madeMs: startMs + index - 1 }];
    const item = { chain, cost: 1, units: 1, bytes, returned };
    return { item, clockUs: (startMs + index) * 1000, empties: index === 0 };
  });
  const replies = await scripts.take(steps);
  assert.ok(replies.every(({ granted }) => granted === 1));
  assert.equal(replies.at(-1)?.resetMs[0], 60_001);
  const [key = ''] = chain.storeKeys;
  assert.equal(await scripts.redis.strlen(key), 36 + 16);
});
