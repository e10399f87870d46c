import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { tenantDocument } from '../../test/support/edge-process.ts';
import { Probation } from './probation.ts';

const LONG_MS = 1_000_000;
const good = tenantDocument({ id: 'a', upstreams: {}, routes: {} }, 1);

function createScene() {
  const clock = createFakeClock();
  const probation = new Probation(clock, { soakMs: 300_000, soonMs: 60_000 });
  return { clock, probation };
}

suite('probation: soak', () => {
  test('a document is good after the soak, not before, and is told of once', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(299_999);
    assert.deepEqual(probation.takeSoaked(), []);
    clock.advance(1);
    assert.deepEqual(probation.takeSoaked(), ['tenant.a']);
    assert.deepEqual([probation.takeSoaked(), probation.size], [[], 0]);
    assert.equal(probation.goodOf('tenant.a'), undefined);
  });

  test('any worker that ends starts the soak of all anew', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(200_000);
    assert.deepEqual(probation.workerEnded(0, LONG_MS), []);
    clock.advance(200_000);
    assert.deepEqual(probation.takeSoaked(), []);
    clock.advance(100_000);
    assert.deepEqual(probation.takeSoaked(), ['tenant.a']);
  });

  test('a newer revision soaks from its own start, and goes back to the same good one', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(200_000);
    probation.begin('tenant.b', null);
    probation.begin('tenant.a', tenantDocument({ id: 'a', upstreams: {}, routes: {} }, 2));
    assert.equal(probation.goodOf('tenant.a'), good);
    assert.equal(probation.goodOf('tenant.b'), null);
    clock.advance(200_000);
    assert.deepEqual(probation.takeSoaked(), []);
  });
});

suite('probation: loops', () => {
  test('one worker that ends withdraws nothing; the second in a row does', () => {
    const { probation } = createScene();
    probation.begin('tenant.a', good);
    assert.deepEqual(probation.workerEnded(0, LONG_MS), []);
    assert.deepEqual(probation.workerEnded(0, 500), ['tenant.a']);
  });

  test('a document whose timer throws a minute after each start is withdrawn at the second', () => {
    const clock = createFakeClock();
    const probation = new Probation(clock);
    probation.begin('tenant.a', good);
    clock.advance(60_010);
    assert.deepEqual(probation.workerEnded(0, LONG_MS), []);
    clock.advance(61_000);
    assert.deepEqual(probation.workerEnded(0, 60_010), ['tenant.a']);
  });

  test('workers of different places that end make no loop', () => {
    const { probation } = createScene();
    probation.begin('tenant.a', null);
    for (const index of [0, 1, 2]) {
      assert.deepEqual(probation.workerEnded(index, 500), []);
    }
    assert.deepEqual(probation.workerEnded(1, 500), ['tenant.a']);
  });

  test('ends with a minute of peace between them are no loop', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    assert.deepEqual(probation.workerEnded(0, 500), []);
    clock.advance(60_001);
    assert.deepEqual(probation.workerEnded(0, 500), []);
  });

  test('old workers that end long after the last change speak against nothing', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(60_001);
    for (let count = 0; count < 5; count += 1) {
      assert.deepEqual(probation.workerEnded(0, LONG_MS), []);
    }
    assert.equal(probation.size, 1);
  });

  test('what came last goes first; if the loop goes on, all that is on probation', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(100_000);
    probation.begin('tenant.b', null);
    assert.deepEqual(probation.workerEnded(0, LONG_MS), []);
    assert.deepEqual(probation.workerEnded(0, 500), ['tenant.b']);
    probation.end('tenant.b');
    assert.deepEqual(probation.workerEnded(0, 500), []);
    assert.deepEqual(probation.workerEnded(0, 500), ['tenant.a']);
  });

  test('an end that is explained only starts the soak anew', () => {
    const { clock, probation } = createScene();
    probation.begin('tenant.a', good);
    clock.advance(299_999);
    for (let count = 0; count < 3; count += 1) {
      assert.deepEqual(probation.workerEnded(0, 500, true), []);
    }
    clock.advance(1);
    assert.deepEqual(probation.takeSoaked(), []);
  });
});
