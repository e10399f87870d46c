import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from './wait-for.ts';

test('the first truthy value is returned', async () => {
  let calls = 0;
  assert.equal(await waitFor(() => (++calls < 3 ? 0 : calls), { message: 'a third call' }), 3);
});

test('a failure names what was waited for, the last value and the last exception', async () => {
  const late = { message: 'the moon', deadlineMs: 30, intervalMs: 5 };
  await assert.rejects(
    waitFor(() => '', late),
    /waited 30 ms for the moon; last value: ''/,
  );
  await assert.rejects(
    waitFor(() => Promise.resolve(false), { ...late, describe: () => ({ phase: 'new' }) }),
    /the moon; last value: { phase: 'new' }/,
  );
  const cause = new Error('no telescope');
  await assert.rejects(
    waitFor(() => Promise.reject(cause), late),
    (error) => error instanceof Error && error.cause === cause,
  );
});

test('a condition that never settles does not outlive the deadline', async () => {
  const pending = new Promise<boolean>(() => undefined);
  await assert.rejects(waitFor(() => pending, { message: 'a silent one', deadlineMs: 30 }));
});
