import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreFailure } from '@headgate/limiting';
import { settleWithin } from './settle-within.ts';

test('an answer in time passes through, and so does a rejection', async () => {
  assert.equal(await settleWithin(Promise.resolve(7), 1000, assert.fail), 7);
  await assert.rejects(
    settleWithin(Promise.reject(new Error('no')), 1000, assert.fail),
    /^Error: no$/,
  );
});

test('no answer in time rejects as a timeout, and the late one is dropped', async () => {
  const late = Promise.withResolvers<number>();
  let timeouts = 0;
  await assert.rejects(
    settleWithin(late.promise, 1, () => (timeouts += 1)),
    (error) => error instanceof StoreFailure && error.kind === 'timeout',
  );
  late.resolve(1);
  await late.promise;
  assert.equal(timeouts, 1);
});

test('a stall of this process is not a timeout: what has arrived by then is read first', async () => {
  const answer = Promise.withResolvers<string>();
  const settled = settleWithin(answer.promise, 5, assert.fail);
  const untilMs = performance.now() + 20;
  setImmediate(() => answer.resolve('arrived during the stall'));
  while (performance.now() < untilMs);
  assert.equal(await settled, 'arrived during the stall');
});

test('a loop that is held up again and again has not waited: each stall counts as one part', async () => {
  const answer = Promise.withResolvers<string>();
  const settled = settleWithin(answer.promise, 25, assert.fail);
  for (let stall = 0; stall < 3; stall += 1) {
    const untilMs = performance.now() + 26;
    while (performance.now() < untilMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  answer.resolve('in time');
  assert.equal(await settled, 'in time');
});
