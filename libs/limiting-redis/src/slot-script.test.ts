import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  propertyOptions,
  runSlotSchedule,
  slotSchedules,
  type SlotCall,
} from '@headgate/limiting/slot-case';
import { createScriptHarness, readReplies, type ScriptStep } from '../test/script-harness.ts';
import { renewalCalls, takeCalls } from './script-calls.ts';

const scripts = await createScriptHarness();

function stepOf({ call }: SlotCall): ScriptStep {
  const isTake = 'item' in call;
  const [sent] = isTake ? takeCalls([call.item]) : renewalCalls(call.renewals);
  return { script: isTake ? 'take' : 'renewSlots', call: sent ?? assert.fail() };
}

test('the scripts answer as the model that the oracle has passed, number for number, over 1,000 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(slotSchedules(), async (schedule) => {
      // A renewal of nothing is no call.
      const calls = (await runSlotSchedule(schedule)).filter(
        ({ call }) => 'item' in call || call.renewals.length > 0,
      );
      const steps = calls.map(stepOf);
      const replies = await scripts.run(
        steps.map((step, index) => {
          return { ...step, clockUs: (calls[index]?.clockMs ?? 0) * 1000, empties: index === 0 };
        }),
      );
      for (const [index, { call }] of calls.entries()) {
        if (!('item' in call)) {
          assert.deepEqual(replies[index], [call.lapsed]);
          continue;
        }
        const { call: sent } = steps[index] ?? assert.fail();
        const read = readReplies(sent, [call.item], replies[index]);
        // Of a window only the time differs: its buckets begin where the clock says.
        assert.deepEqual(
          [read[0]?.granted, read[0]?.remaining],
          [call.reply.granted, call.reply.remaining],
        );
      }
    }),
    propertyOptions(1000, 20_260_101),
  );
});
