import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admissibleAt, busiestWindow } from './load.ts';

const at = (sentMs: number, tookMs = 0) => ({ sentMs, receivedMs: sentMs + tookMs });

test('the busiest window counts requests that lie wholly inside of it', () => {
  assert.equal(busiestWindow([], 1000), 0);
  assert.equal(busiestWindow([at(0), at(999), at(1000)], 1000), 2);
  assert.equal(busiestWindow([at(500), at(0), at(1000), at(1400)], 1000), 3);
  assert.equal(busiestWindow([at(0, 2000), at(10), at(20)], 1000), 2, 'a slow one is not certain');
});

test('a limiter with fixed windows is found out', () => {
  // 100 at the end of one window and 100 at the start of the next: fixed windows let them pass.
  const burst = (fromMs: number) => Array.from({ length: 100 }, (_, i) => at(fromMs + i, 1));
  assert.equal(busiestWindow([...burst(900), ...burst(1000)], 1000), 200);
});

test('what a limit lets pass depends on when it is asked', () => {
  const twoInTen = { limit: 2, windowMs: 10 };
  assert.equal(admissibleAt([], twoInTen), 0);
  assert.equal(admissibleAt([0, 1, 2, 9, 10, 11, 12], twoInTen), 4);
  assert.equal(admissibleAt([20, 0, 1, 2], twoInTen), 3, 'a pause leaves some of it unused');
  assert.equal(admissibleAt([0, 0, 0, 30, 30, 30], twoInTen), 4);
});
