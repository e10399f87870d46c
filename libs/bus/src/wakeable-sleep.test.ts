import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWakeableSleep } from './wakeable-sleep.ts';

test('a sleep ends at its time or when it is woken, and an early call wakes the next', async () => {
  const begun = performance.now();
  const sleep = createWakeableSleep();
  await sleep.sleep(1);
  const long = sleep.sleep(1_000_000);
  sleep.wake();
  await long;
  sleep.wake();
  await sleep.sleep(1_000_000);
  assert.ok(performance.now() - begun < 5000);
});
