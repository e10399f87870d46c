import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { createArrivals } from './arrivals.ts';
import { OpenLoop, type LoadConnection } from './open-loop.ts';

/** A loop with requests due at the given times, and the numbers of those that were sent. */
function createLoop(dueMs: readonly number[], connections: number, settleMs = 0) {
  const clock = { nowMs: 0 };
  const sent: number[] = [];
  const due = [...dueMs];
  const loop = new OpenLoop(
    { nowMs: () => clock.nowMs, nextArrivalMs: () => due.shift() ?? Infinity },
    { settleMs, endMs: 1000 },
  );
  const all = Array.from({ length: connections }, (): LoadConnection => {
    return { send: (request) => void sent.push(request) };
  });
  for (const connection of all) loop.add(connection);
  const at = (nowMs: number): boolean => {
    clock.nowMs = nowMs;
    return loop.sendDue();
  };
  return { loop, sent, connections: all, clock, at };
}

test('arrivals rise, have the wanted rate, bursts included, and repeat with the seed', () => {
  const next = createArrivals(createSeededRandom(1), 5000);
  const again = createArrivals(createSeededRandom(1), 5000);
  const times = Array.from({ length: 50_000 }, next);
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
  assert.ok(gaps.every((gap) => gap >= 0));
  assert.ok(Math.abs((times.at(-1) ?? 0) / 10_000 - 1) < 0.02, `${times.at(-1)} ms`);
  // Exponential: 1 - 1/e of all gaps are below the mean, and few are a multiple of it.
  const below = gaps.filter((gap) => gap < 0.2).length / gaps.length;
  assert.ok(Math.abs(below - 0.632) < 0.01, `${below}`);
  assert.deepEqual(Array.from({ length: 100 }, again), times.slice(0, 100));
});

test('requests are sent when they are due, although earlier ones are not answered', () => {
  const { sent, at } = createLoop([1, 2, 2.5, 10], 9);
  assert.equal(at(0.9), true);
  assert.deepEqual(sent, []);
  at(1);
  assert.deepEqual(sent, [0]);
  at(3);
  assert.deepEqual(sent, [0, 1, 2]);
  assert.equal(at(10), false, 'nothing more is due');
  assert.deepEqual(sent, [0, 1, 2, 3]);
});

test('latency counts from the writing, and from the schedule; lateness is the difference', () => {
  const { loop, connections, clock, at } = createLoop([1], 1);
  at(1.5);
  clock.nowMs = 4;
  loop.answered(connections[0] as LoadConnection, 200);
  assert.deepEqual(loop.report(), {
    answered: 1,
    measured: 1,
    dropped: 0,
    failed: 0,
    failures: {},
    lostConnections: 0,
    p50Ms: 2.5,
    p99Ms: 2.5,
    p99FromScheduleMs: 3,
    latenessP99Ms: 0.5,
  });
});

test('without a free connection a request is dropped and counted; an answer frees one', () => {
  const { loop, sent, connections, at } = createLoop([1, 2, 3], 1);
  at(2);
  assert.deepEqual(sent, [0]);
  loop.answered(connections[0] as LoadConnection, 200);
  at(3);
  assert.deepEqual(sent, [0, 1]);
  loop.answered(connections[0] as LoadConnection, 200);
  assert.equal(loop.report().dropped, 1);
});

test('what is due while it settles is sent and not measured', () => {
  const { loop, connections, at } = createLoop([1, 2, 3, 4, 6], 3, 5);
  at(4); // one is dropped
  const [a, b, c] = connections as [LoadConnection, LoadConnection, LoadConnection];
  loop.answered(c, 500);
  loop.lost(b);
  at(6);
  loop.answered(c, 200);
  loop.answered(a, 200);
  assert.deepEqual(
    { ...loop.report(), p50Ms: 0, p99Ms: 0, p99FromScheduleMs: 0, latenessP99Ms: 0 },
    {
      answered: 3,
      measured: 1,
      dropped: 0,
      failed: 0,
      failures: {},
      lostConnections: 0,
      p50Ms: 0,
      p99Ms: 0,
      p99FromScheduleMs: 0,
      latenessP99Ms: 0,
    },
  );
});

test('bad statuses, lost connections and missing answers are failures; idle ones that end are not', () => {
  const { loop, sent, connections, at } = createLoop([1, 2, 3, 4], 4);
  at(3);
  const [idle, missing, lost, bad] = connections as [
    LoadConnection,
    LoadConnection,
    LoadConnection,
    LoadConnection,
  ];
  loop.answered(bad, 500);
  loop.lost(lost);
  loop.lost(idle);
  loop.lost(bad);
  assert.equal(loop.inFlight, 1);
  assert.equal(loop.report().failed, 3);
  assert.deepEqual(loop.report().failures, { 500: 1, lost: 1, unanswered: 1 });
  at(4);
  assert.equal(sent.length, 3, 'lost connections get no request');
  loop.answered(missing, 200);
  loop.answered(missing, 200);
  const { failed, answered, dropped, lostConnections } = loop.report();
  assert.deepEqual([failed, answered, dropped, lostConnections], [2, 2, 1, 3]);
});

test('a loop without a measured answer has no report', () => {
  assert.throws(() => createLoop([], 1).loop.report(), RangeError);
});
