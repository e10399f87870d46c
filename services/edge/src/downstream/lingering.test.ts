import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lingering } from './lingering.ts';

const QUIET_MS = 2000;
const STALL_MS = 75_000;

test('lingering: a client that has its answer and sends nothing is let go after a while', () => {
  const lingering = new Lingering(QUIET_MS, STALL_MS);
  assert.equal(lingering.begin(100, 0), 100 + QUIET_MS);
  assert.equal(lingering.lookAgainMs(100 + QUIET_MS, 0), null);
});

test('lingering: one that goes on sending is heard out, for 30 seconds at most', () => {
  const lingering = new Lingering(QUIET_MS, STALL_MS);
  let nowMs = lingering.begin(0, 0);
  let looks = 0;
  for (;;) {
    lingering.heard();
    const againMs = lingering.lookAgainMs(nowMs, 0);
    if (againMs === null) break;
    nowMs = againMs;
    looks += 1;
  }
  assert.equal(nowMs, 30_000);
  assert.equal(looks, 14);
});

test('lingering: a slow client keeps its connection while it takes any of its answer', () => {
  const lingering = new Lingering(QUIET_MS, STALL_MS);
  assert.equal(lingering.begin(0, 1000), STALL_MS);
  assert.equal(lingering.lookAgainMs(STALL_MS, 900), 2 * STALL_MS);
  assert.equal(lingering.lookAgainMs(2 * STALL_MS, 900), null, 'took nothing');
});

test('lingering: once all is taken the quiet time counts', () => {
  const lingering = new Lingering(QUIET_MS, STALL_MS);
  lingering.begin(0, 1000);
  assert.equal(lingering.drained(500), 500 + QUIET_MS);
  assert.equal(lingering.lookAgainMs(500 + QUIET_MS, 0), null);
});
