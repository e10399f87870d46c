import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { FetchLanes, type FetchLanesOptions } from './fetch-lanes.ts';

function scene(options: Partial<FetchLanesOptions>) {
  const clock = createFakeClock();
  const lanes = new FetchLanes(
    {
      clock,
      schedule(callback, delayMs) {
        const timer = clock.setTimeout(callback, delayMs);
        return () => timer.clear();
      },
    },
    options,
  );
  const begun: string[] = [];
  const ended: string[] = [];
  const fetches = new Map<string, PromiseWithResolvers<void>>();
  const begin = (name: string): void => {
    const owner = name.charAt(0);
    lanes
      .run(owner, (timeoutMs) => {
        begun.push(`${name} ${timeoutMs}`);
        const fetch = Promise.withResolvers<void>();
        fetches.set(name, fetch);
        return fetch.promise;
      })
      .then(
        () => ended.push(name),
        (error: Error) => ended.push(`${name}: ${error.message}`),
      );
  };
  /** Ends a fetch and runs what follows of it. */
  const end = async (name: string): Promise<void> => {
    fetches.get(name)?.resolve();
    await settled();
  };
  return { clock, begin, end, begun, ended };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('fetches at the same time', () => {
  test('an owner has few of them, and does not hold up others', async () => {
    const { begin, end, begun, ended } = scene({ fetchesMax: 4, ownFetchesMax: 2 });
    for (const name of ['a1', 'a2', 'a3', 'b1']) begin(name);
    assert.deepEqual(begun, ['a1 3000', 'a2 3000', 'b1 3000']);
    await end('a1');
    assert.deepEqual(begun.slice(3), ['a3 3000']);
    for (const name of ['b1', 'a2', 'a3']) await end(name);
    assert.deepEqual(ended, ['a1', 'b1', 'a2', 'a3']);
  });

  test('owners that wait take turns', async () => {
    const { begin, end, begun } = scene({ fetchesMax: 1 });
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) begin(name);
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']) await end(name);
    assert.deepEqual(
      begun.map((text) => text.slice(0, 2)),
      ['a1', 'a2', 'b1', 'c1', 'a3', 'b2'],
    );
  });

  test('the time that one waits is taken from its own; what has not begun by then fails', async () => {
    const { clock, begin, end, begun, ended } = scene({ fetchesMax: 1, deadlineMs: 1000 });
    for (const name of ['a1', 'b1', 'c1']) begin(name);
    clock.advance(600);
    await end('a1');
    assert.deepEqual(begun, ['a1 1000', 'b1 400']);
    clock.advance(400);
    await settled();
    assert.deepEqual(ended, ['a1', 'c1: it was not its turn in time']);
    await end('b1');
    begin('c2');
    assert.equal(begun.at(-1), 'c2 1000');
    assert.equal(clock.pendingTimers(), 0);
  });

  test('an owner has few that wait', async () => {
    const { begin, ended } = scene({ fetchesMax: 1, ownWaitingMax: 2 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) begin(name);
    await settled();
    assert.deepEqual(ended, ['a4: too many fetches wait for their turn']);
  });
});
