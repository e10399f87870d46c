import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from './fake-clock.ts';

test('time stands still until it is advanced; the wall clock can step alone', () => {
  const clock = createFakeClock(1_000_000);
  assert.equal(clock.nowMs(), 1_000_000);
  assert.equal(clock.monotonicMs(), 0);
  clock.advance(250);
  clock.stepWallClock(-5000);
  assert.equal(clock.nowMs(), 995_250);
  assert.equal(clock.monotonicMs(), 250);
  assert.throws(() => clock.advance(-1), RangeError);
});

test('timers fire in order of their due times, and each sees its own due time', () => {
  const clock = createFakeClock(0);
  const fired: string[] = [];
  clock.setTimeout(() => fired.push(`late ${clock.monotonicMs()}`), 30);
  clock.setTimeout(() => {
    fired.push(`early ${clock.monotonicMs()}`);
    clock.setTimeout(() => fired.push(`nested ${clock.monotonicMs()}`), 5);
  }, 10);
  clock.setTimeout(() => fired.push('cleared'), 20).clear();
  clock.advance(29);
  assert.deepEqual(fired, ['early 10', 'nested 15']);
  assert.equal(clock.pendingTimers(), 1);
  clock.advance(1);
  assert.deepEqual(fired, ['early 10', 'nested 15', 'late 30']);
});

test('an interval fires once per period until it is cleared', () => {
  const clock = createFakeClock(0);
  const fired: number[] = [];
  const interval = clock.setInterval(() => fired.push(clock.monotonicMs()), 10);
  clock.advance(35);
  interval.clear();
  clock.advance(100);
  assert.deepEqual(fired, [10, 20, 30]);
});
