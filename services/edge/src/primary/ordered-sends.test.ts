import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OrderedMessage } from '../ipc/messages.ts';
import { OrderedSends, UNDER_WAY_MAX } from './ordered-sends.ts';

const removed = (key: string): OrderedMessage => ({ type: 'removed', keys: [key] });

test('a few messages are under way at a time; all are sent once, in order', () => {
  const sent: OrderedMessage[] = [];
  const underWay: (() => void)[] = [];
  const sends = new OrderedSends((message, onSent) => {
    sent.push(message);
    underWay.push(onSent);
  });
  const messages = Array.from({ length: 3 * UNDER_WAY_MAX }, (_, index) => removed(`k${index}`));
  for (const message of messages) sends.push(message);
  assert.deepEqual(sent, messages.slice(0, UNDER_WAY_MAX));
  for (let written = 1; written <= messages.length; written += 1) {
    underWay.shift()?.();
    assert.deepEqual(sent, messages.slice(0, UNDER_WAY_MAX + written));
  }
  sends.push(removed('later'));
  assert.deepEqual(sent.at(-1), removed('later'), 'at once, as nothing is before it');
});

test('the messages of a worker that is gone stay where they are', () => {
  let sent = 0;
  const sends = new OrderedSends(() => (sent += 1));
  for (let index = 0; index < 2 * UNDER_WAY_MAX; index += 1) sends.push(removed(`k${index}`));
  assert.equal(sent, UNDER_WAY_MAX);
});
