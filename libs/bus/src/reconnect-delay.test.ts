import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock, createSeededRandom } from '@headgate/testkit';
import { createReconnectDelay } from './reconnect-delay.ts';

test('one draw is kept until it was slept through, then the dial happens', () => {
  const clock = createFakeClock();
  const delay = createReconnectDelay({ clock, random: { next: () => 0.5 } }, 5000);
  for (const expectedMs of [50, 100, 200, 400, 800, 1600, 2500, 2500]) {
    assert.equal(delay.next(), expectedMs);
    assert.equal(delay.next(), expectedMs, 'asked again before the sleep');
    clock.advance(expectedMs);
    assert.equal(delay.next(), 0);
  }
  delay.reset();
  assert.equal(delay.next(), 50);
});

test('waits are spread over the whole range up to the cap', () => {
  const clock = createFakeClock();
  const random = createSeededRandom(1);
  const waits = Array.from({ length: 200 }, () => {
    const delay = createReconnectDelay({ clock, random }, 5000);
    for (let failure = 0; failure < 8; failure++) {
      clock.advance(delay.next());
      delay.next();
    }
    return delay.next();
  });
  assert.ok(waits.every((waitMs) => waitMs >= 0 && waitMs <= 5000));
  assert.ok(Math.min(...waits) < 250 && Math.max(...waits) > 4750);
});
