import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStopwatch } from './stopwatch.ts';
import { waitFor } from './wait-for.ts';

test('a stopwatch counts the time that passes, not the time in which the process is held up', async () => {
  const startMs = performance.now();
  const stopwatch = startStopwatch();
  await waitFor(() => performance.now() - startMs >= 100, { message: '100 ms', intervalMs: 1 });
  const waitedMs = stopwatch.elapsedMs();
  assert.ok(waitedMs > 5 && waitedMs <= performance.now() - startMs, `${waitedMs} ms`);

  holdUp(300);
  const elapsedMs = stopwatch.stop();
  assert.ok(performance.now() - startMs >= 400);
  assert.ok(elapsedMs - waitedMs < 100, `${elapsedMs - waitedMs} ms of 300`);
  assert.equal(stopwatch.elapsedMs(), elapsedMs, 'it stands');
});

test('it counts the time in which code of the process itself blocks the event loop', () => {
  const stopwatch = startStopwatch();
  work(200);
  const workedMs = stopwatch.stop();
  assert.ok(workedMs >= 200, `${workedMs} ms of 200`);
});

/** Like a busy system: the thread stands still and uses no CPU time. */
function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Takes so much CPU time, however long the system lets it wait meanwhile. */
function work(cpuMs: number): void {
  const from = process.threadCpuUsage();
  for (;;) {
    const { user, system } = process.threadCpuUsage(from);
    if (user + system >= cpuMs * 1000) return;
  }
}
