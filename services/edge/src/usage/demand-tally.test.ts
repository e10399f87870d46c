import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEMAND_TENANTS_MAX } from '@headgate/bus';
import { DemandTally } from './demand-tally.ts';

const cell = (tenantId: string) => ({ tenantId, cost: 0 });

test('demand is told by tenant and whole second, once the second is over', () => {
  const tally = new DemandTally();
  const [acme, calm] = [cell('acme'), cell('calm')];
  tally.note(acme, 2, 10_000);
  tally.note(calm, 1, 10_400);
  tally.note(acme, 3, 10_999);
  assert.deepEqual(tally.take(10_999), []);
  tally.note(acme, 1, 11_000);
  assert.deepEqual(tally.take(11_500), [
    {
      second: 10,
      costs: [
        ['acme', 5],
        ['calm', 1],
      ],
    },
  ]);
  assert.deepEqual(tally.take(12_000), [{ second: 11, costs: [['acme', 1]] }]);
  assert.deepEqual(tally.take(13_000), []);
});

test('memory is bounded: tenants in a second, and seconds that nobody takes', () => {
  const tally = new DemandTally();
  for (let id = 0; id < DEMAND_TENANTS_MAX + 10; id += 1) tally.note(cell(`t-${id}`), 1, 1000);
  const [first] = tally.take(2000);
  assert.equal(first?.costs.length, DEMAND_TENANTS_MAX);
  for (let second = 3; second < 100; second += 1) tally.note(cell('acme'), 1, second * 1000);
  const seconds = tally.take(100_000).map(({ second }) => second);
  assert.deepEqual([seconds.length, seconds[0], seconds.at(-1)], [10, 90, 99]);
});
