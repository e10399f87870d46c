import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { DemandHistory, type DemandBounds } from './demand-history.ts';

const START_MS = Date.UTC(2026, 2, 2, 8);

function createScene(bounds?: DemandBounds) {
  const clock = createFakeClock(START_MS);
  const history = new DemandHistory({ clock }, bounds);
  const tell = (tenantId: string, ...costs: number[]): void => {
    const fromSecond = Math.floor(clock.nowMs() / 5000) * 5;
    const entries = [{ tenantId, costs }];
    history.receive({ v: 1, edgeId: 'edge-1', fromSecond, entries });
  };
  return { clock, history, tell };
}

test('minutes hold what all edges told, and the busiest second of all together', () => {
  const { clock, history, tell } = createScene();
  assert.equal(history.span, null);
  tell('acme', 1, 2, 0, 0, 4);
  tell('acme', 0, 3, 0, 0, 0);
  assert.deepEqual(history.minutesOf('acme', 0), [{ atMs: START_MS, total: 10, peak: 5 }]);
  const made = 'the minute in which the tenant was made counts';
  assert.equal(history.minutesOf('acme', START_MS + 59_999).length, 1, made);
  assert.deepEqual(history.minutesOf('acme', START_MS + 60_000), []);
  clock.advance(120_000);
  tell('acme', 7, 0, 0, 0, 0);
  const later = { atMs: START_MS + 120_000, total: 7, peak: 7 };
  assert.deepEqual(history.minutesOf('acme', 0), [{ atMs: START_MS, total: 10, peak: 5 }, later]);
  assert.equal(history.minutesOf('acme', START_MS + 59_999).length, 2, made);
  const another = 'of another tenant that had the same id';
  assert.deepEqual(history.minutesOf('acme', START_MS + 60_000), [later], another);
  assert.deepEqual(history.span, [START_MS, START_MS + 125_000]);
});

test('what is told too late, or of another time, is not believed', () => {
  const { clock, history } = createScene();
  const entries = [{ tenantId: 'acme', costs: [1, 1, 1, 1, 1] }];
  for (const aheadMs of [-36_000, 36_000]) {
    const fromSecond = Math.floor((clock.nowMs() + aheadMs) / 5000) * 5;
    history.receive({ v: 1, edgeId: 'edge-1', fromSecond, entries });
  }
  assert.deepEqual(history.minutesOf('acme', 0), []);
});

test('a day is kept, and of less time with more tenants; nobody pushes out the present hour', () => {
  const { clock, history, tell } = createScene({ tenantHoursMax: 3, openTenantsMax: 2 });
  for (const tenant of ['a', 'b', 'c']) tell(tenant, 1, 0, 0, 0, 0);
  assert.equal(history.leftOut, 1, 'no room for the third in its minute');
  clock.advance(3_600_000);
  for (const tenant of ['a', 'b']) tell(tenant, 1, 0, 0, 0, 0);
  clock.advance(120_000);
  assert.deepEqual(history.minutesOf('a', 0).length, 1);
  assert.deepEqual(history.span?.[0], START_MS + 3_600_000, 'the first hour made room');
  for (const tenant of ['c', 'd']) tell(tenant, 1, 0, 0, 0, 0);
  clock.advance(120_000);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((tenant) => history.minutesOf(tenant, 0).length),
    [1, 1, 1, 0],
  );
  clock.advance(26 * 3_600_000);
  assert.deepEqual(history.minutesOf('a', 0), []);
});
