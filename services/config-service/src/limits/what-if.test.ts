import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanSpec } from '@headgate/model';
import { judgePool, judgeTenant, PoolDemand } from './what-if.ts';

const HOUR = 3_600_000;
const MINUTES = [{ atMs: HOUR, total: 100, peak: 10 }];
const limit = (name: string, count: number) => ({ name, limit: count, windowMs: 60_000 });

test('each limit is judged by itself, as if no other one refused anything', () => {
  const rules = (plan: object) => ({
    ...{ planId: 'gold', plan: PlanSpec.parse(plan), limits: [], timeZone: 'UTC' },
  });
  const limits = [limit('half', 50), limit('most', 20)];
  const judged = judgeTenant({
    ...{ id: 'acme', minutes: MINUTES },
    ...{ now: rules({}), proposed: rules({ limits }) },
  });
  assert.deepEqual(
    judged.map(({ limit: { name }, refused, demand }) => [name, refused.cost, demand]),
    [
      ['half', 50, 100],
      ['most', 80, 100],
    ],
  );
});

test('a pool is judged by the sum of its tenants, entity by entity', () => {
  const { pool } = PlanSpec.parse({ pool: { limits: [limit('all', 150)] } });
  assert.ok(pool !== undefined);
  const demanded = new PoolDemand(pool);
  assert.deepEqual(judgePool('gold', demanded, null), []);
  for (const id of ['acme', 'other']) demanded.add({ id, minutes: MINUTES });
  demanded.add({ id: 'later', minutes: [{ atMs: 0, total: 10, peak: 1 }] });
  assert.deepEqual(demanded.byEntity(), [
    [
      0,
      [
        { atMs: 0, total: 10, peak: 1 },
        { atMs: HOUR, total: 200, peak: 10 },
      ],
    ],
  ]);
  const [refused, ...others] = judgePool('gold', demanded, null);
  assert.deepEqual([refused?.scope, refused?.refused.cost, others], ['gold.0', 50, []]);
});
