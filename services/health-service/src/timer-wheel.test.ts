import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { TimerWheel } from './timer-wheel.ts';

test('timer wheel: fires at the first tick that is not early', () => {
  const wheel = new TimerWheel(0, 50);
  const fired: number[] = [];
  for (const dueMs of [0, 1, 50, 51, 100]) {
    wheel.set(
      wheel.createTimer(() => fired.push(dueMs)),
      dueMs,
    );
  }
  wheel.advance(49);
  assert.deepEqual(fired, []);
  wheel.advance(50);
  assert.deepEqual(fired, [0, 1, 50]);
  wheel.advance(149);
  assert.deepEqual(fired, [0, 1, 50, 51, 100]);
  assert.equal(wheel.size, 0);
});

test('timer wheel: a time of several turns away waits for its turn', () => {
  const wheel = new TimerWheel(0, 50);
  let fired = 0;
  wheel.set(
    wheel.createTimer(() => (fired += 1)),
    60_000,
  );
  for (let nowMs = 0; nowMs < 60_000; nowMs += 50) wheel.advance(nowMs);
  assert.equal(fired, 0);
  wheel.advance(60_000);
  assert.equal(fired, 1);
});

test('timer wheel: a cleared or moved timer does not fire at its old time', () => {
  const wheel = new TimerWheel(0, 50);
  let fired = 0;
  const cleared = wheel.createTimer(() => assert.fail('cleared'));
  const moved = wheel.createTimer(() => (fired += 1));
  wheel.set(cleared, 100);
  wheel.set(moved, 100);
  wheel.clear(cleared);
  wheel.set(moved, 300);
  wheel.advance(299);
  assert.equal(fired, 0);
  wheel.advance(300);
  assert.equal(fired, 1);
});

test('timer wheel: a timer that sets itself again while it fires does so once per tick', () => {
  const wheel = new TimerWheel(0, 50);
  let fired = 0;
  const timer = wheel.createTimer(() => {
    fired += 1;
    wheel.set(timer, 0);
  });
  wheel.set(timer, 0);
  for (let tick = 1; tick <= 2000; tick += 1) wheel.advance(tick * 50);
  assert.equal(fired, 2000);
});

test('timer wheel: agrees with a sorted list over random times, stalls included', () => {
  const random = createSeededRandom(1);
  const wheel = new TimerWheel(0, 50);
  const waiting = new Map<number, number>();
  let nowMs = 0;
  for (let id = 0; id < 5000; id += 1) {
    const dueMs = nowMs + Math.floor(random.next() * 90_000);
    waiting.set(id, Math.max(Math.ceil(dueMs / 50), Math.floor(nowMs / 50) + 1));
    wheel.set(
      wheel.createTimer(() => {
        const dueTick = waiting.get(id) ?? Infinity;
        assert.ok(dueTick * 50 <= nowMs, `timer ${id} fired early`);
        waiting.delete(id);
      }),
      dueMs,
    );
    nowMs += id % 500 === 0 ? 40_000 : Math.floor(random.next() * 100);
    wheel.advance(nowMs);
    assert.equal(wheel.size, waiting.size);
  }
  for (const [id, dueTick] of waiting) assert.ok(dueTick * 50 > nowMs, `timer ${id} is overdue`);
});
