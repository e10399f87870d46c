import assert from 'node:assert/strict';
import process from 'node:process';
import { suite, test } from 'node:test';
import { createRevisionScope, RevisionFaults } from './revision-faults.ts';

const ROUTE = {};
const OTHER = {};

/** Goes through requests: true for one that throws, false for one that is answered. Returns the verdict of each throw. */
function verdicts(...requests: readonly (readonly [threw: boolean, route: object | null])[]) {
  const faults = new RevisionFaults('tenant.a', 1);
  return requests.flatMap(([threw, route]) => {
    if (threw) return [faults.threw(route)];
    faults.answered(route);
    return [];
  });
}

suite('requests that throw', () => {
  test('three in a row are told of, once', () => {
    const told = verdicts([true, ROUTE], [true, ROUTE], [true, ROUTE], [true, ROUTE]);
    assert.deepEqual(told, [false, false, true, false]);
  });

  test('one that is answered on the same route begins a new row', () => {
    const told = verdicts([true, ROUTE], [true, ROUTE], [false, ROUTE], [true, ROUTE]);
    assert.deepEqual(told, [false, false, false]);
  });

  test('those that are answered on other routes do not', () => {
    const told = verdicts(
      [true, ROUTE],
      [false, OTHER],
      [true, ROUTE],
      [false, OTHER],
      [true, ROUTE],
    );
    assert.deepEqual(told, [false, false, true]);
  });

  test('before a route is found, any that is answered does', () => {
    const told = verdicts([true, null], [true, null], [false, OTHER], [true, null]);
    assert.deepEqual(told, [false, false, false]);
  });
});

test('timers, promises and ticks know the revision whose compilation began them', async () => {
  const scope = createRevisionScope();
  const faults = new RevisionFaults('tenant.a', 1);
  const onTick = (work: () => void): void => process.nextTick(work);
  const begin = [setImmediate, queueMicrotask, setTimeout, onTick];
  const seen = scope.run(faults, () =>
    begin.map(
      (soon) =>
        new Promise((resolve) => {
          soon(() => resolve(scope.getStore()));
        }),
    ),
  );
  assert.equal(scope.getStore(), undefined);
  for (const owner of await Promise.all(seen)) assert.equal(owner, faults);
});
