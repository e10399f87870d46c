import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TenantLabels } from './tenant-labels.ts';
import { SLOT_WIDTH } from './tenant-slot.ts';

function requests(count: number): number[] {
  const counts = new Array<number>(SLOT_WIDTH).fill(0);
  counts[2] = count;
  return counts;
}

function seriesOf(labels: TenantLabels): Record<string, number> {
  labels.settle();
  const rows = labels.labelled().map(({ tenantId, totals }) => [tenantId, totals[2] ?? 0]);
  return Object.fromEntries([...rows, ['other', labels.other[2] ?? 0]]) as Record<string, number>;
}

test('the busiest tenants get the labels and the rest is other', () => {
  const labels = new TenantLabels({ nowMs: () => 0, labelsMax: 2 });
  labels.add('small', requests(1));
  labels.add('big', requests(100));
  labels.add('middle', requests(10));
  labels.add('middle', requests(5));
  assert.deepEqual(seriesOf(labels), { big: 100, middle: 15, other: 1 });
});

test('a tenant twice as busy takes the label of the least busy once its hold has passed', () => {
  let nowMs = 0;
  const labels = new TenantLabels({ nowMs: () => nowMs, labelsMax: 1, holdMs: 1000 });
  labels.add('first', requests(10));
  assert.deepEqual(seriesOf(labels), { first: 10, other: 0 });
  labels.add('second', requests(100));
  assert.deepEqual(seriesOf(labels), { first: 10, other: 100 }, 'held');
  nowMs = 1000;
  labels.add('second', requests(7));
  labels.add('first', requests(3));
  assert.deepEqual(seriesOf(labels), { second: 7, other: 103 }, 'history stays where it was');
});

test('a tenant only a little busier does not take a label', () => {
  let nowMs = 0;
  const labels = new TenantLabels({ nowMs: () => nowMs, labelsMax: 1, holdMs: 10 });
  labels.add('first', requests(100));
  labels.settle();
  nowMs = 10;
  labels.add('second', requests(150));
  assert.deepEqual(seriesOf(labels), { first: 100, other: 150 });
});

test('a removed tenant shows its last counts, then its series ends and other is unchanged', () => {
  const labels = new TenantLabels({ nowMs: () => 0 });
  labels.add('a', requests(5));
  assert.deepEqual(seriesOf(labels), { a: 5, other: 0 });
  labels.add('a', requests(2));
  labels.release('a');
  assert.deepEqual(seriesOf(labels), { a: 7, other: 0 });
  assert.deepEqual(seriesOf(labels), { other: 0 });
});

test('a tenant with the id other never gets a series of its own', () => {
  const labels = new TenantLabels({ nowMs: () => 0 });
  labels.add('other', requests(5));
  labels.settle();
  assert.deepEqual(labels.labelled(), []);
  assert.equal(labels.other[2], 5);
});

test('in any history no series goes backwards and every request is counted exactly once', () => {
  const tenantId = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.record({
    adds: fc.array(fc.tuple(tenantId, fc.integer({ min: 1, max: 1000 })), { maxLength: 6 }),
    release: fc.option(tenantId),
    elapsedMs: fc.integer({ min: 0, max: 2000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let nowMs = 0;
      const options = { nowMs: () => nowMs, labelsMax: 2, holdMs: 1000, halfLifeMs: 1000 };
      const labels = new TenantLabels(options);
      let before: Record<string, number> = {};
      let added = 0;
      let counted = 0;
      for (const { adds, release, elapsedMs } of steps) {
        nowMs += elapsedMs;
        for (const [id, count] of adds) {
          labels.add(id, requests(count));
          added += count;
        }
        if (release !== null) labels.release(release);
        const now = seriesOf(labels);
        for (const [series, value] of Object.entries(now)) {
          const increase = value - (before[series] ?? 0);
          assert.ok(increase >= 0, `${series} went backwards`);
          counted += increase;
        }
        assert.ok(Object.keys(now).length <= 3);
        before = now;
      }
      assert.equal(counted, added);
    }),
    { seed: 5, numRuns: 300 },
  );
});
