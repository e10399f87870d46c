import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEMAND_TENANTS_MAX } from '@headgate/bus';
import { DemandSpans } from './demand-spans.ts';

test('what workers count is told by spans of five seconds, once the last of them has told', () => {
  const spans = new DemandSpans();
  spans.add([{ second: 101, costs: [['acme', 2]] }]);
  spans.add([
    { second: 101, costs: [['acme', 3]] },
    { second: 104, costs: [['calm', 1]] },
    { second: 105, costs: [['acme', 9]] },
  ]);
  assert.deepEqual(spans.takeOver(106_900), []);
  assert.deepEqual(spans.takeOver(107_000), [
    {
      fromSecond: 100,
      entries: [
        { tenantId: 'acme', costs: [0, 5, 0, 0, 0] },
        { tenantId: 'calm', costs: [0, 0, 0, 0, 1] },
      ],
    },
  ]);
  assert.deepEqual(spans.takeOver(112_000), [
    { fromSecond: 105, entries: [{ tenantId: 'acme', costs: [9, 0, 0, 0, 0] }] },
  ]);
});

test('tenants and spans are bounded; a span of a clock that stepped back is let go', () => {
  const spans = new DemandSpans();
  const costs = Array.from({ length: DEMAND_TENANTS_MAX + 5 }, (_, id) => [`t-${id}`, 1] as const);
  spans.add([{ second: 100, costs }]);
  for (let second = 200; second < 300; second += 5) spans.add([{ second, costs: [['acme', 1]] }]);
  const told = spans.takeOver(10_000);
  assert.deepEqual(
    told.map(({ fromSecond, entries }) => [fromSecond, entries.length]),
    [
      [100, DEMAND_TENANTS_MAX],
      [200, 1],
      [205, 1],
      [210, 1],
    ],
  );
});
