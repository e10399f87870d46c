import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeDelay, delayMs } from './change-delay.ts';

for (const [name, delays, p50Ms, p99Ms] of [
  ['no edge', [], null, null],
  ['one edge', [7], 7, 7],
  ['an even number, in any order', [40, 10, 30, 20], 20, 40],
  ['one of 100 is slow', [900, ...Array<number>(99).fill(5)], 5, 5],
  ['one of 50 is slow', [900, ...Array<number>(49).fill(5)], 5, 900],
] as const) {
  test(`percentiles of delays, ${name}`, () => {
    assert.deepEqual(changeDelay(delays), { edges: delays.length, p50Ms, p99Ms });
  });
}

test('an edge whose clock is behind has a delay of 0', () => {
  const committedAt = new Date(1000);
  assert.deepEqual([delayMs(committedAt, 1250), delayMs(committedAt, 990)], [250, 0]);
});
