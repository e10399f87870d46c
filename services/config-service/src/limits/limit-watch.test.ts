import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitUsage } from '@headgate/bus';
import { createFakeClock } from '@headgate/testkit';
import { LimitWatch } from './limit-watch.ts';
import type { LimitExcess } from './self-audit.ts';

function usage(changes: Partial<LimitUsage> = {}): LimitUsage {
  return {
    ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: null, name: 'second' },
    ...{ kind: 'window', unit: 'requests', shadow: false, limit: 100 },
    ...{ capacity: 100, spanMs: 1000 },
    ...{ admitted: 0, alone: 0, denied: 0, remaining: 50, resetMs: 500 },
    ...changes,
  } as const;
}

function createScene() {
  const clock = createFakeClock();
  const excesses: LimitExcess[] = [];
  const watch = new LimitWatch({ clock, onExcess: (_, excess) => excesses.push(excess) });
  const report = (edgeId: string, ...entries: LimitUsage[]): void =>
    watch.receive({ v: 1, edgeId, atMs: clock.nowMs(), entries });
  return { clock, excesses, watch, report };
}

/** Two edges report each second for `seconds`, with the same entry each. */
function run(scene: ReturnType<typeof createScene>, seconds: number, entry: LimitUsage): void {
  for (let second = 0; second < seconds; second += 1) {
    scene.clock.advance(1000);
    scene.report('edge-1', entry);
    scene.report('edge-2', entry);
  }
}

test('what all edges admit together is compared: the whole limit is no excess, half as much again is one', () => {
  const scene = createScene();
  run(scene, 180, usage({ admitted: 50 }));
  assert.equal(scene.excesses.length, 0);
  run(scene, 62, usage({ admitted: 75 }));
  assert.equal(scene.excesses.length, 1, 'told once per span');
  assert.equal(scene.excesses[0]?.cause, 'unexplained');
  assert.ok((scene.excesses[0]?.admitted ?? 0) > 6000);
});

test('an excess while the store was lost says so; another limit is judged anew', () => {
  const scene = createScene();
  run(scene, 62, usage({ admitted: 75, alone: 20 }));
  assert.deepEqual(
    scene.excesses.map(({ cause }) => cause),
    ['store_lost'],
  );
  const raised = createScene();
  run(raised, 60, usage({ admitted: 500, limit: 1000, capacity: 1000 }));
  run(raised, 60, usage({ admitted: 50 }));
  assert.deepEqual(raised.excesses, []);
});

test('bytes that one edge gives back and another takes are no excess, whoever tells first; what stays too much is', () => {
  const scene = createScene();
  const bytes = { unit: 'response-bytes', limit: 1000, capacity: 1000, spanMs: 60_000 } as const;
  const report = (edgeId: string, admitted: number): void => {
    scene.clock.advance(500);
    scene.report(edgeId, usage({ ...bytes, admitted }));
  };
  report('edge-1', 900);
  report('edge-2', 900);
  report('edge-1', -800);
  for (let step = 0; step < 40; step += 1) report(step % 2 === 0 ? 'edge-2' : 'edge-1', 0);
  assert.deepEqual(scene.excesses, []);
  report('edge-1', 200);
  for (let step = 0; step < 40; step += 1) report(step % 2 === 0 ? 'edge-2' : 'edge-1', 0);
  assert.deepEqual(
    scene.excesses.map(({ admitted }) => admitted),
    [1200],
  );
});

test('windows of an hour, rates and quotas are judged by their own measure', () => {
  const hour = usage({ spanMs: 3_600_000, limit: 10_000, capacity: 10_000 });
  const rate = usage({ kind: 'rate', capacity: 500 });
  const day = usage({ kind: 'quota', spanMs: 86_400_000, limit: 10_000, capacity: 10_000 });
  for (const [entry, fine, tooMuch] of [
    [hour, 5000, 6000],
    [rate, 3000, 4000],
    [day, 12_000, 16_000],
  ] as const) {
    for (const [admitted, found] of [
      [fine, 0],
      [tooMuch, 1],
    ] as const) {
      const scene = createScene();
      run(scene, 1, { ...entry, admitted });
      assert.equal(scene.excesses.length, found, `${entry.kind}: ${admitted} by each of two edges`);
    }
  }
});

test('a counter that admits and never moves is stuck, until it moves', () => {
  const scene = createScene();
  run(scene, 9, usage({ admitted: 5, remaining: 100 }));
  assert.equal(scene.watch.stuck, 0);
  run(scene, 4, usage({ admitted: 5, remaining: 100 }));
  assert.equal(scene.watch.stuck, 1);
  run(scene, 1, usage({ admitted: 5, remaining: 95 }));
  assert.equal(scene.watch.stuck, 0);
  const alone = createScene();
  run(alone, 20, usage({ admitted: 5, alone: 5, remaining: 100 }));
  assert.equal(alone.watch.stuck, 0, 'admitted without the store');
});

test('top: refusals first, then the fullest, only what is near, fresh and visible', () => {
  const { clock, watch, report } = createScene();
  const of = (tenantId: string, changes: Partial<LimitUsage>) => usage({ tenantId, ...changes });
  report('edge-1', of('gone', { remaining: 0 }));
  clock.advance(11_000);
  report(
    'edge-1',
    of('calm', { remaining: 90 }),
    of('near', { remaining: 15 }),
    of('full', { remaining: 0 }),
    of('over', { remaining: 40, denied: 5 }),
    of('hidden', { remaining: 0, denied: 9 }),
  );
  const top = watch.top(0.8, (tenantId) => tenantId !== 'hidden');
  assert.deepEqual(
    top.map(({ usage: { tenantId } }) => tenantId),
    ['over', 'full', 'near'],
  );
  assert.equal(top[0]?.deniedPerSecond, 1);
});

test('what was heard grows old: resets come nearer, and what must have come back is no longer told', () => {
  const { clock, watch, report } = createScene();
  const hour = { spanMs: 3_600_000, remaining: 20, resetMs: 60_000 };
  report('edge-1', usage(hour), usage({ name: 'slots', kind: 'concurrency', spanMs: 0 }));
  clock.advance(45_000);
  const [window, slots] = watch.ofTenant('acme', 0);
  assert.deepEqual([window?.used, window?.resetMs, window?.ageMs], [80, 15_000, 45_000]);
  assert.deepEqual([slots?.used, slots?.remaining], [null, null]);
  clock.advance(3_600_000);
  assert.equal(watch.ofTenant('acme', 0)[0]?.used, null);
});

test('a report of an edge whose clock is far off is not believed, and memory is bounded', () => {
  const { clock, watch, report } = createScene();
  watch.receive({ v: 1, edgeId: 'x', atMs: clock.nowMs() + 60_000, entries: [usage()] });
  assert.equal(watch.size, 0);
  report('edge-1', usage());
  for (let client = 0; client < 10_100; client += 1) {
    report('edge-1', usage({ consumer: `a${client}` }));
  }
  assert.equal(watch.size, 10_001);
  assert.equal(watch.ofTenant('acme', 0).filter(({ usage: { consumer } }) => !consumer).length, 1);
});
