import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busiestWindow } from './load.ts';

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
