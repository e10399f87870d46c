import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitUsage } from '@headgate/bus';
import { UsageMerge } from './usage-merge.ts';

const USAGE: LimitUsage = {
  ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: null, name: 'down' },
  ...{ kind: 'window', unit: 'requests', shadow: false, limit: 100 },
  ...{ capacity: 100, spanMs: 1000 },
  ...{ admitted: 7, alone: 1, denied: 2, remaining: 93, resetMs: 900 },
};

test('what workers saw of a limit is joined; what is left is what the newer one knows', () => {
  const merge = new UsageMerge();
  merge.add(USAGE);
  merge.add({ ...USAGE, admitted: 3, remaining: 90, resetMs: 800 });
  merge.add({ ...USAGE, admitted: 1, alone: 0, denied: 0, remaining: null, resetMs: 0 });
  const counts = { admitted: 11, alone: 2, denied: 4, remaining: 90, resetMs: 800 };
  assert.deepEqual(merge.take(), [{ ...USAGE, ...counts }]);
  assert.deepEqual(merge.take(), []);
});

test('what workers admitted while a limit changes is told of the larger one, whichever they tell last', () => {
  const lowered = { ...USAGE, limit: 10, capacity: 10, admitted: 4, remaining: 6 };
  for (const order of [
    [USAGE, lowered],
    [lowered, USAGE],
  ]) {
    const merge = new UsageMerge();
    for (const usage of order) merge.add(usage);
    const told = merge.take().map(({ limit, capacity, admitted }) => [limit, capacity, admitted]);
    assert.deepEqual(told, [[100, 100, 11]]);
  }
});

test('a limit that counts something else is another one: requests are not added to bytes, nor those of a second to those of a minute', () => {
  const merge = new UsageMerge();
  const bytes = { ...USAGE, unit: 'response-bytes', admitted: 65_536 } as const;
  const minute = { ...USAGE, spanMs: 60_000, admitted: 5 };
  for (const usage of [USAGE, bytes, minute, USAGE]) merge.add(usage);
  assert.deepEqual(
    merge.take().map(({ unit, spanMs, admitted }) => [unit, spanMs, admitted]),
    [
      ['requests', 1000, 14],
      ['response-bytes', 1000, 65_536],
      ['requests', 60_000, 5],
    ],
  );
});
