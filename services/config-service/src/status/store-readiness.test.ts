import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { createStoreReadiness } from './store-readiness.ts';

test('ready is a service whose database answers, and nothing else', async () => {
  let answers = true;
  const store = {
    figures: () =>
      answers
        ? Promise.resolve({ revision: 1, pending: 7, oldestPending: null })
        : Promise.reject(new Error('away')),
  };
  const readiness = createStoreReadiness(store, 1);
  try {
    assert.deepEqual(readiness.current(), { ready: true, reasons: [] });
    answers = false;
    await waitFor(() => !readiness.current().ready, { message: 'the loss to be seen' });
    assert.deepEqual(readiness.current().reasons, ['the database does not answer']);
    answers = true;
    await waitFor(() => readiness.current().ready, { message: 'the return to be seen' });
  } finally {
    readiness.close();
  }
});
