import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientPace } from './client-pace.ts';

const RATE = 500;
const BEHIND_MS = 20_000;

/** Seconds until a client that moves `bytesAt(second)` bytes is too slow, looked at once a second; null: never in an hour. */
function secondsUntilSlow(pace: ClientPace, bytesAt: (second: number) => number): number | null {
  let moved = 0;
  pace.look(0, moved);
  for (let second = 1; second <= 3600; second += 1) {
    moved += bytesAt(second);
    if (pace.look(second * 1000, moved)) return second;
  }
  return null;
}

test('a client that moves nothing is too slow after the time that it may be behind', () => {
  assert.equal(
    secondsUntilSlow(new ClientPace(RATE, BEHIND_MS), () => 0),
    21,
  );
});

test('the least rate is enough, for ever; half of it lasts twice as long as nothing', () => {
  assert.equal(
    secondsUntilSlow(new ClientPace(RATE, BEHIND_MS), () => RATE),
    null,
  );
  assert.equal(
    secondsUntilSlow(new ClientPace(RATE, BEHIND_MS), () => RATE / 2),
    41,
  );
});

test('bursts may come as rarely as the time behind allows', () => {
  const everyTen = (second: number): number => (second % 10 === 0 ? 10 * RATE : 0);
  assert.equal(secondsUntilSlow(new ClientPace(RATE, BEHIND_MS), everyTen), null);
});

test('a quick start is no credit: silence after a gigabyte is cut as early as at the start', () => {
  const start = (second: number): number => (second === 1 ? 1e9 : 0);
  assert.equal(secondsUntilSlow(new ClientPace(RATE, BEHIND_MS), start), 22);
});

test('time in which the client had to wait is not counted, what it owes stays', () => {
  const pace = new ClientPace(RATE, BEHIND_MS);
  let nowMs = 0;
  const lookFor = (seconds: number): boolean => {
    let slow = pace.look(nowMs, 0);
    for (let second = 0; second < seconds; second += 1) slow = pace.look((nowMs += 1000), 0);
    return slow;
  };
  assert.equal(lookFor(15), false);
  pace.rest();
  nowMs += 3_600_000;
  assert.equal(lookFor(5), false);
  assert.equal(lookFor(1), true);
  pace.reset();
  assert.equal(lookFor(20), false);
});

test('one late look counts as two seconds: the loop was late to read, too', () => {
  const pace = new ClientPace(RATE, 2000);
  pace.look(0, 0);
  assert.equal(pace.look(60_000, 0), false);
  assert.equal(pace.look(60_001, 0), true);
});

test('a rate of 0 allows everything', () => {
  assert.equal(
    secondsUntilSlow(new ClientPace(0, BEHIND_MS), () => 0),
    null,
  );
  assert.equal(
    secondsUntilSlow(new ClientPace(0, BEHIND_MS), () => 1),
    null,
  );
});
