import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createStopRequests } from './stop-requests.ts';

function setUp() {
  let nowMs = 0;
  const source = new EventEmitter();
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const requests = createStopRequests(source, clock);
  let forced = false;
  void requests.forced.then(() => (forced = true));
  return {
    ...{ source, requests },
    signalAt: async (atMs: number, name: NodeJS.Signals) => {
      nowMs = atMs;
      source.emit(name, name);
      await Promise.resolve();
      return forced;
    },
  };
}

test('the first signal asks to stop', async () => {
  const { requests, signalAt } = setUp();
  assert.equal(requests.signal.aborted, false);
  await signalAt(0, 'SIGTERM');
  assert.equal(await requests.first, 'SIGTERM');
  assert.equal(requests.signal.aborted, true);
});

test('copies of one Ctrl-C do not insist, a second Ctrl-C does', async () => {
  const { signalAt } = setUp();
  assert.equal(await signalAt(1000, 'SIGINT'), false);
  assert.equal(await signalAt(1005, 'SIGINT'), false, 'the copy that npm passes on');
  assert.equal(await signalAt(1600, 'SIGINT'), true);
});

test('after dispose signals are left to others', () => {
  const { source, requests } = setUp();
  requests.dispose();
  assert.deepEqual(source.eventNames(), []);
});
