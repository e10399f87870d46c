import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitUsage } from '@headgate/bus';
import { createFakeClock } from '@headgate/testkit';
import { EVENTS_KEPT_MAX, LimitEvents, type LimitEvent } from './limit-events.ts';

function usage(changes: Partial<LimitUsage> = {}): LimitUsage {
  return {
    ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: null, name: 'second' },
    ...{ kind: 'window', unit: 'requests', shadow: false, limit: 100 },
    ...{ capacity: 100, spanMs: 1000 },
    ...{ admitted: 10, alone: 0, denied: 0, remaining: 50, resetMs: 500 },
    ...changes,
  } as const;
}

function createScene(base: Partial<LimitUsage> = {}) {
  const clock = createFakeClock();
  const told: LimitEvent[] = [];
  const counts = { near: 0, reached: 0 };
  const leftOut: number[] = [];
  const events = new LimitEvents({
    clock,
    observer: {
      onCount: (event) => (counts[event] += 1),
      onEvent: (event) => told.push(event),
      onLeftOut: (count) => leftOut.push(count),
    },
  });
  const report = (...entries: readonly Partial<LimitUsage>[]): void =>
    events.receive({
      ...{ v: 1, edgeId: 'edge-1', atMs: clock.nowMs() },
      entries: entries.map((entry) => usage({ ...base, ...entry })),
    });
  /** The events that one report a second for so long brings. */
  const run = (seconds: number, ...entries: readonly Partial<LimitUsage>[]): string[] => {
    const from = told.length;
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1000);
      report(...entries);
    }
    return told.slice(from).map(({ event }) => event);
  };
  return { clock, told, counts, leftOut, events, report, run };
}

const used = (units: number, denied = 0): Partial<LimitUsage> => ({
  remaining: 100 - units,
  denied,
});

test('near is told once from 80 % on, reached once with the first refusal, with what is used', () => {
  const { run, told, counts } = createScene();
  assert.deepEqual(run(5, used(79)), []);
  assert.deepEqual(run(5, used(80)), ['near']);
  assert.deepEqual(run(5, used(100)), [], 'all is used, and nothing refused');
  assert.deepEqual(run(5, used(100, 3)), ['reached']);
  assert.deepEqual(run(30, used(90), used(100, 1)), []);
  assert.deepEqual(counts, { near: 1, reached: 1 });
  const { atMs: _, ...near } = told[0] ?? { atMs: 0 };
  assert.deepEqual(near, {
    ...{ event: 'near', tenantId: 'acme', level: 'tenant', scope: '', name: 'second' },
    ...{ kind: 'window', unit: 'requests', shadow: false },
    ...{ used: 80, limit: 100, capacity: 100, percent: 80 },
  });
});

test('a limit that refuses before it was near tells only that; what is used may be unknown', () => {
  const { run, told } = createScene();
  assert.deepEqual(run(3, { remaining: null, denied: 1, admitted: 0 }, used(90)), ['reached']);
  assert.deepEqual([told[0]?.used, told[0]?.percent], [null, null]);
});

test('it is told again after less than 60 % for ten seconds, not sooner, nor after 60 %', () => {
  const { run } = createScene();
  assert.deepEqual(run(1, used(85)), ['near']);
  assert.deepEqual(run(60, used(60)), []);
  assert.deepEqual(run(1, used(85)), []);
  assert.deepEqual(run(9, used(59)), []);
  assert.deepEqual(run(1, used(60)), [], 'the ten seconds begin anew');
  assert.deepEqual(run(10, used(59)), []);
  assert.deepEqual(run(1, used(85)), ['near'], 'ten seconds after the first report of less');
  assert.deepEqual(run(1, used(50, 1)), ['reached']);
  assert.deepEqual(run(20, used(10), { remaining: null, denied: 1 }), [], 'refusals keep it up');
});

test('windows longer than ten seconds have to be calm for a window; silence counts once all has left', () => {
  const minute = { spanMs: 60_000 };
  const told = createScene(minute);
  assert.deepEqual(told.run(1, used(90)), ['near']);
  assert.deepEqual(told.run(60, used(10)), []);
  assert.deepEqual(told.run(1, used(90)), ['near']);
  const silent = createScene(minute);
  assert.deepEqual(silent.run(1, used(90)), ['near']);
  silent.clock.advance(118_000);
  assert.deepEqual(silent.run(1, used(90)), []);
  silent.clock.advance(119_000);
  assert.deepEqual(silent.run(1, used(90)), ['near']);
});

test('a quota is told anew in the next period, whether or not edges tell of it in between', () => {
  const day = { kind: 'quota', spanMs: 86_400_000, resetMs: 3_600_000 } as const;
  const { run, clock } = createScene(day);
  assert.deepEqual(run(1, used(90)), ['near']);
  clock.advance(3_600_000);
  assert.deepEqual(run(1, used(95)), []);
  clock.advance(3_609_000);
  assert.deepEqual(run(1, used(80)), ['near']);
  assert.deepEqual(run(1, { ...used(100, 1), resetMs: 0 }), ['reached']);
  clock.advance(60_000);
  assert.deepEqual(run(1, used(100, 1)), [], 'a refusal that knows no end does not shorten it');
  assert.deepEqual(run(10, used(1)), []);
  assert.deepEqual(run(1, used(85)), ['near']);
});

test('rates are measured by their burst, and calm while it comes back; slots while nobody tells for a minute', () => {
  const rate = { kind: 'rate', limit: 10, capacity: 200, spanMs: 1000 } as const;
  const scene = createScene(rate);
  assert.deepEqual(scene.run(1, { remaining: 41 }), []);
  assert.deepEqual(scene.run(1, { remaining: 40 }), ['near']);
  assert.equal(scene.told[0]?.percent, 80);
  assert.deepEqual(scene.run(20, { remaining: 200 }), []);
  assert.deepEqual(scene.run(1, { remaining: 40 }), ['near']);
  const slots = createScene({ kind: 'concurrency', spanMs: 0, resetMs: 0 });
  assert.deepEqual(slots.run(1, used(90)), ['near']);
  slots.clock.advance(60_000);
  assert.deepEqual(slots.run(1, used(90)), []);
  slots.clock.advance(70_000);
  assert.deepEqual(slots.run(1, used(90)), ['near']);
});

test('a larger limit is told anew, once, although edges have it in two sizes for a while', () => {
  const { run } = createScene();
  const larger = { limit: 200, capacity: 200, remaining: 20 };
  assert.deepEqual(run(1, used(100, 1)), ['reached']);
  assert.deepEqual(run(10, larger, used(90)), ['near']);
});

test('without the store what is left is a share: nothing is near, but what refuses is reached', () => {
  const { run } = createScene();
  assert.deepEqual(run(3, { ...used(90), alone: 10 }), []);
  assert.deepEqual(run(3, { ...used(90), admitted: 0 }), [], 'another limit refused it all');
  assert.deepEqual(run(3, { ...used(90, 1), alone: 10 }), ['reached']);
});

test('limits of consumers and addresses tell nothing; keys, routes and pools do, each for itself', () => {
  const { run, told } = createScene();
  run(
    3,
    { ...used(100, 9), consumer: 'a192.0.2.7' },
    { ...used(90), level: 'key', scope: 'ci' },
    { ...used(90), level: 'route', scope: 'ci' },
    { ...used(90), tenantId: '', level: 'pool', scope: 'gold.3' },
  );
  assert.deepEqual(
    told.map(({ level, scope }) => `${level} ${scope}`),
    ['key ci', 'route ci', 'pool gold.3'],
  );
});

test('a limit in shadow says so, and is told anew once it refuses in earnest', () => {
  const { run, told } = createScene();
  assert.deepEqual(run(3, { ...used(100, 1), shadow: true }), ['reached']);
  assert.deepEqual(run(3, used(100, 1)), ['reached']);
  assert.deepEqual(
    told.map(({ shadow }) => shadow),
    [true, false],
  );
});

test('a storm is told in part, ten events a second of a tenant and fifty of all, and counted in whole', () => {
  const { report, clock, told, counts, leftOut } = createScene();
  const storm = (tenantId: string) =>
    Array.from({ length: 40 }, (_, route) => ({
      ...{ ...used(90), tenantId, level: 'route', scope: `r${route}` },
    })) as Partial<LimitUsage>[];
  clock.advance(1000);
  report(...storm('t0'), { ...used(90), tenantId: 'other' });
  assert.equal(told.length, 11);
  for (let tenant = 1; tenant < 8; tenant += 1) report(...storm(`t${tenant}`));
  assert.equal(told.length, 50);
  assert.equal(counts.near, 321);
  assert.deepEqual(leftOut, []);
  clock.advance(1000);
  report({ ...used(90), tenantId: 'later' });
  assert.deepEqual(leftOut, [271]);
  assert.equal(told.at(-1)?.tenantId, 'later');
});

test('what is remembered is bounded: limits that are near, and events to read, newest first', () => {
  const { report, clock, events } = createScene();
  for (let tenant = 0; tenant < 10_100; tenant += 1) {
    if (tenant % 10 === 0) clock.advance(1000);
    report({ ...used(90), tenantId: `t${tenant}` }, { ...used(10), tenantId: `calm${tenant}` });
  }
  assert.equal(events.size, 10_000);
  const kept = [...events.list(() => true)];
  assert.equal(kept.length, EVENTS_KEPT_MAX);
  assert.deepEqual([kept[0]?.tenantId, kept.at(-1)?.tenantId], ['t10099', 't9100']);
  assert.deepEqual(
    [...events.list((tenantId) => tenantId === 't9900')].map(({ atMs }) => atMs),
    [clock.nowMs() - 19_000],
  );
});

test('a report of an edge whose clock is far off is not believed', () => {
  const { clock, events, told } = createScene();
  const entries = [usage(used(100, 1))];
  events.receive({ v: 1, edgeId: 'x', atMs: clock.nowMs() - 60_000, entries });
  assert.deepEqual(told, []);
});
