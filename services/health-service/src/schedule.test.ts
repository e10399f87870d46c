import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock, createSeededRandom } from '@headgate/testkit';
import { HealthCheck } from '@headgate/model';
import type { Probe, ProbeOutcome } from './probe.ts';
import { Schedule, type ProbeRun } from './schedule.ts';
import type { ProbeTarget } from './targets.ts';

const success: ProbeOutcome = { result: 'success', reason: 'ok' };

function target(index: number, intervalMs = 2000, timeoutMs = 1000): ProbeTarget {
  const check = HealthCheck.parse({ intervalMs, timeoutMs });
  const endpointId = `10.0.0.1:${index}`;
  return { key: `${endpointId} ${intervalMs}`, endpointId, host: '10.0.0.1', port: index, check };
}

function setUp(probe: Probe, options: { concurrencyMax?: number; probesMax?: number } = {}) {
  const clock = createFakeClock();
  const errors: unknown[] = [];
  const schedule = new Schedule(
    { probe, clock, random: createSeededRandom(1), onError: (error) => errors.push(error) },
    { concurrencyMax: 256, probesMax: 10_000, ...options },
  );
  /** Lets time pass tick by tick; probes that end at once have ended when it returns. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      schedule.tick();
      await new Promise(setImmediate);
    }
  };
  return { clock, schedule, pass, errors };
}

test('schedule: 2,000 probes are spread evenly over their interval and keep it', async () => {
  const startsPerTick = new Map<number, number>();
  const runs = new Map<number, number>();
  const { schedule, pass, clock } = setUp(async ({ port }) => {
    const tick = clock.monotonicMs();
    startsPerTick.set(tick, (startsPerTick.get(tick) ?? 0) + 1);
    runs.set(port, (runs.get(port) ?? 0) + 1);
    return success;
  });
  for (let index = 1; index <= 2000; index += 1) {
    assert.notEqual(
      schedule.add(target(index), () => undefined),
      null,
    );
  }
  await pass(20_000);
  // 2,000 over 40 ticks: 50 a tick, standard deviation 7.
  assert.ok(Math.max(...startsPerTick.values()) < 90, `${Math.max(...startsPerTick.values())}`);
  assert.equal(runs.size, 2000);
  for (const count of runs.values()) assert.ok(count >= 8 && count <= 11, `${count} runs in 20 s`);
});

test('schedule: never more than concurrencyMax in flight; the others wait their turn', async () => {
  const waiting: (() => void)[] = [];
  let peak = 0;
  const { schedule, pass } = setUp(
    () =>
      new Promise((resolve) => {
        waiting.push(() => resolve(success));
        peak = Math.max(peak, schedule.inFlight + 1);
      }),
    { concurrencyMax: 10 },
  );
  const lags: number[] = [];
  const done = new Set<number>();
  for (let index = 1; index <= 100; index += 1) {
    schedule.add(target(index, 100, 60_000), (run) => {
      lags.push(run.lagMs);
      done.add(index);
    });
  }
  await pass(1000);
  assert.equal(schedule.inFlight, 10);
  while (done.size < 100) {
    waiting.shift()?.();
    await pass(50);
  }
  assert.equal(peak, 10);
  assert.ok(Math.max(...lags) > 1000, 'a probe that waited for a place reports its lag');
});

test('schedule: a probe that takes too long is ended by its signal', async () => {
  const { schedule, pass } = setUp(
    (_, signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () =>
          resolve({ result: 'timeout', reason: String((signal.reason as Error).name) }),
        ),
      ),
  );
  const runs: ProbeRun[] = [];
  schedule.add(target(1, 100, 500), (run) => runs.push(run));
  await pass(550);
  assert.equal(runs.length, 0);
  await pass(150);
  assert.equal(runs[0]?.reason, 'TimeoutError');
});

test('schedule: a removed probe does not run again and its outcome is dropped', async () => {
  const answers: (() => void)[] = [];
  const { schedule, pass } = setUp(
    () => new Promise((resolve) => answers.push(() => resolve(success))),
  );
  const probe = schedule.add(target(1, 100), () => assert.fail('outcome of a removed probe'));
  await pass(150);
  assert.equal(answers.length, 1);
  probe?.remove();
  probe?.remove();
  assert.equal(schedule.size, 0);
  answers[0]?.();
  await pass(1000);
  assert.equal(answers.length, 1);
});

test('schedule: at most probesMax probes; a removed one makes room', () => {
  const { schedule } = setUp(async () => success, { probesMax: 2 });
  const first = schedule.add(target(1), () => undefined);
  assert.notEqual(
    schedule.add(target(2), () => undefined),
    null,
  );
  assert.equal(
    schedule.add(target(3), () => undefined),
    null,
  );
  first?.remove();
  assert.notEqual(
    schedule.add(target(3), () => undefined),
    null,
  );
});

test('schedule: a probe that throws is reported and runs again', async () => {
  let runs = 0;
  const { schedule, pass, errors } = setUp(() => {
    runs += 1;
    return Promise.reject(new Error('bug'));
  });
  schedule.add(target(1, 100), () => assert.fail('no outcome'));
  await pass(1000);
  assert.ok(runs >= 7, `${runs} runs`);
  assert.equal(errors.length, runs);
});

test('schedule: close ends what is in flight and starts nothing more', async () => {
  let started = 0;
  const { schedule, pass } = setUp((_, signal) => {
    started += 1;
    return new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve({ result: 'failure', reason: 'ended' })),
    );
  });
  for (let index = 1; index <= 5; index += 1) {
    schedule.add(target(index, 100, 60_000), () => assert.fail('an outcome after close'));
  }
  await pass(200);
  assert.equal(started, 5);
  await schedule.close();
  assert.equal(schedule.inFlight, 0);
  await pass(1000);
  assert.equal(started, 5);
});
