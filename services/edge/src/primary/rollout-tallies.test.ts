import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorkerMetrics } from '@headgate/telemetry';
import { RolloutTallies } from './rollout-tallies.ts';

const HELD = { tenantId: 'a', revision: 7, serving: true };

function createScene() {
  const metrics = createWorkerMetrics();
  const tallies = new RolloutTallies();
  return {
    tallies,
    request: (tenantId: string, status: number) =>
      metrics.tenantSlot(tenantId).record(Math.floor(status / 100), 3, 0, 0),
    take: () => tallies.add(metrics.takeSnapshot()),
    told: () => tallies.totals().map(({ counts, ...rest }) => ({ ...rest, ...counts })),
  };
}

test('requests count from when a revision is held, of tenants with a rollout, as totals', () => {
  const { tallies, request, take, told } = createScene();
  request('a', 500); // before
  tallies.begin([HELD]);
  take();
  tallies.opened();
  for (let round = 1; round <= 2; round += 1) {
    for (const status of [200, 200, 404, 503]) request('a', status);
    request('b', 500);
    tallies.begin([HELD]);
    take();
    const [only, ...others] = told();
    assert.deepEqual(others, []);
    assert.deepEqual(only?.statuses, [0, 0, 2 * round, 0, round, round]);
    assert.equal(only.durations[4], 4 * round, 'longer than 2 ms, at most 4 ms');
    assert.deepEqual([only.tenantId, only.revision, only.serving], ['a', 7, true]);
  }
});

test('a new revision, or another side of it, counts from zero; one that is gone is not told of', () => {
  const { tallies, request, take, told } = createScene();
  for (const held of [HELD, { ...HELD, revision: 8 }, { ...HELD, revision: 8, serving: false }]) {
    request('a', 200);
    tallies.begin([held]);
    take();
    tallies.opened();
    request('a', 200);
    take();
    assert.deepEqual(told()[0]?.statuses, [0, 0, 1, 0, 0, 0]);
  }
  tallies.begin([]);
  assert.deepEqual(told(), []);
});
