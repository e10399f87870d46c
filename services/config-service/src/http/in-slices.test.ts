import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inSlices } from './in-slices.ts';

test('others have their turns while long work goes on, and it goes on to its end', async () => {
  let turns = 0;
  let goesOn = true;
  const countTurns = () => {
    turns += 1;
    if (goesOn) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  function* work(): Generator<undefined, number> {
    const endMs = performance.now() + 100;
    let steps = 0;
    for (; performance.now() < endMs; steps++) yield;
    return steps;
  }
  assert.ok((await inSlices(work())) > 0);
  goesOn = false;
  assert.ok(turns >= 3, `${turns} turns in 100 ms of work`);
});

test('a failure of the work is that of the promise', async () => {
  function* work(): Generator<undefined, never> {
    yield;
    throw new RangeError('of the work');
  }
  await assert.rejects(inSlices(work()), { message: 'of the work' });
});
