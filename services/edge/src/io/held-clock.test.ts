import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { HeldClock } from './held-clock.ts';

test('held clock: stands still from the first look of a hold to its release', () => {
  const machine = createFakeClock();
  const clock = new HeldClock(machine);
  assert.equal(clock.nowMs(), machine.nowMs());
  clock.hold();
  machine.advance(5);
  const held = { now: clock.nowMs(), monotonic: clock.monotonicMs() };
  assert.deepEqual(held, { now: machine.nowMs(), monotonic: machine.monotonicMs() });
  machine.advance(5);
  assert.deepEqual({ now: clock.nowMs(), monotonic: clock.monotonicMs() }, held);
  clock.release();
  assert.equal(clock.nowMs(), machine.nowMs());
  assert.equal(clock.monotonicMs(), machine.monotonicMs());
});

test('held clock: a new hold sees the present', () => {
  const machine = createFakeClock();
  const clock = new HeldClock(machine);
  clock.hold();
  const first = clock.monotonicMs();
  clock.hold();
  machine.advance(7);
  assert.equal(clock.monotonicMs(), first + 7);
});
