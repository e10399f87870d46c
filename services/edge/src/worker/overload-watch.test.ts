import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createFakeClock, waitFor } from '@headgate/testkit';
import { watchOverload, type OverloadChange } from './overload-watch.ts';

test('overload watch: a turn of the loop that does not end is noticed while it lasts, as requests come', () => {
  const clock = createFakeClock();
  const changes: OverloadChange[] = [];
  const watch = watchOverload(clock, 200, (change) => changes.push(change));
  // No await: no timer fires and no message arrives.
  let shed = 0;
  for (let passedMs = 0; passedMs < 3000; passedMs += 10) {
    clock.advance(10);
    if (watch.sheds(clock.monotonicMs())) shed += 1;
  }
  watch.close();
  assert.deepEqual(
    changes.map(({ level }) => level),
    [1, 2, 3],
  );
  assert.ok(shed > 50, `${shed} of 300 requests were shed`);
});

test('overload watch: a loop that turns is no overload, however many requests come', async () => {
  const clock = createFakeClock();
  const watch = watchOverload(clock, 200, () => assert.fail('a level'));
  for (let turn = 0; turn < 100; turn += 1) {
    clock.advance(60);
    for (let request = 0; request < 1000; request += 1) {
      assert.equal(watch.sheds(clock.monotonicMs()), false);
    }
    await nextTurn(); // the message arrives
  }
  watch.close();
});

test('overload watch: what waits among the sockets is measured by a message to ourselves', async () => {
  const clock = createFakeClock();
  const changes: OverloadChange[] = [];
  const watch = watchOverload(clock, 200, (change) => changes.push(change));
  await waitFor(
    () => {
      watch.sheds(clock.monotonicMs()); // sends a message …
      clock.advance(260); // … that arrives in the next turn of the loop, by then so late
      return watch.ladder.level === 1;
    },
    { message: 'level 1', intervalMs: 1 },
  );
  watch.close();
  assert.ok(changes.every(({ lagMs }) => lagMs >= 200));
});

const HOLDS_BUFFERS = `
  import { systemClock } from '@headgate/runtime';
  import { watchOverload } from ${JSON.stringify(new URL('overload-watch.ts', import.meta.url).href)};
  let held = Array.from({ length: 220 }, () => Buffer.alloc(1024 * 1024));
  const deadline = setTimeout(() => process.exit(1), 30_000);
  const watch = watchOverload(systemClock, 60_000, ({ level, memoryShare }) => {
    console.log(held === null ? 'freed' : 'held', level, memoryShare >= 0.85);
    held = null;
    if (level === 0) clearTimeout(deadline);
  });
`;

test('overload watch: buffers count as memory until nobody holds them, though nothing makes V8 collect them', async () => {
  const flags = ['--max-old-space-size=64', '--expose-gc', '--single-threaded-gc', '--no-warnings'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '--input-type=module', '--eval', HOLDS_BUFFERS],
    { cwd: import.meta.dirname },
  );
  const lines = stdout.trim().split('\n');
  assert.match(lines[0] ?? '', /^held [123] true$/);
  assert.equal(lines.at(-1), 'freed 0 false');
});
