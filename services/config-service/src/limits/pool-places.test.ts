import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanPool, poolEntity, poolSpread } from '@headgate/model';
import { PoolPlaces } from './pool-places.ts';

const limits = [{ name: 'all', limit: 100, windowMs: 1000 }];

test('each place has the tenants that requests find there, and they add up to the pool', () => {
  const places = new PoolPlaces('gold', PlanPool.parse({ limits, entities: 8 }));
  const ids = Array.from({ length: 1000 }, (_, id) => `tenant-${id}`);
  for (const id of ids) places.add(id);
  const listed = places.list(4000);
  assert.equal(places.tenants, 1000);
  for (const { entity, scope, tenants, blastRadius } of listed) {
    const there = ids.filter((id) => poolEntity(poolSpread(id), 8) === entity);
    assert.deepEqual([scope, tenants], [`gold.${entity}`, there.length]);
    assert.deepEqual(blastRadius, {
      tenants: there.length - 1,
      ofPool: (there.length - 1) / 999,
      ofAll: (there.length - 1) / 3999,
    });
    assert.ok(tenants > 90 && tenants < 160, `${tenants} of about 125`);
  }
});

test('who is alone in its place stops nobody, with one place everybody', () => {
  const alone = new PoolPlaces('gold', PlanPool.parse({ limits, entities: 3 }));
  alone.add('acme');
  assert.deepEqual(
    alone.list(1).map(({ blastRadius: { tenants, ofPool, ofAll } }) => [tenants, ofPool, ofAll]),
    [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ],
  );
  const shared = new PoolPlaces('platform', PlanPool.parse({ limits }));
  for (const id of ['a', 'b', 'c']) shared.add(id);
  assert.deepEqual(shared.list(3), [
    {
      ...{ level: 'platform', scope: '0', entity: 0, tenants: 3 },
      blastRadius: { tenants: 2, ofPool: 1, ofAll: 1 },
    },
  ]);
});
