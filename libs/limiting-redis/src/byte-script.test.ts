import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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
