import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPassiveHealth, type PassiveFailureKind } from './passive-health.ts';

const inARow: [PassiveFailureKind, number][] = [
  ['connect_refused', 1],
  ['connect_timeout', 2],
  ['reset', 3],
  ['response_timeout', 5],
];

for (const [kind, count] of inARow) {
  test(`passive health: ${count} ${kind} in a row eject, a success between starts anew`, () => {
    const passive = createPassiveHealth();
    for (let failure = 1; failure < count; failure += 1) passive.recordFailure(failure, kind);
    assert.equal(passive.isEjected(count), false);
    passive.recordSuccess(count);
    for (let failure = 1; failure < count; failure += 1) passive.recordFailure(10, kind);
    assert.equal(passive.isEjected(10), false);
    passive.recordFailure(11, kind);
    assert.equal(passive.isEjected(11), true);
    assert.equal(passive.ejectedAtMs, 11);
  });
}

test('passive health: kinds add up: one connect timeout and two resets eject', () => {
  const passive = createPassiveHealth();
  passive.recordFailure(1, 'connect_timeout');
  passive.recordFailure(2, 'reset');
  assert.equal(passive.isEjected(2), false);
  passive.recordFailure(3, 'reset');
  assert.equal(passive.isEjected(3), true);
});

test('passive health: attempts that die together count as one ejection', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000 });
  for (let failure = 0; failure < 100; failure += 1) passive.recordFailure(5, 'connect_refused');
  assert.equal(passive.ejections, 1);
  assert.equal(passive.isEjected(1004), true);
  assert.equal(passive.isEjected(1005), false);
});

test('passive health: probation admits one trial; its success ends it', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000 });
  passive.recordFailure(0, 'connect_refused');
  assert.equal(passive.isEjected(1000), false);
  passive.recordAttempt(1000);
  assert.equal(passive.isEjected(1001), true, 'the trial is out');
  passive.recordSuccess(1010);
  assert.equal(passive.isEjected(1011), false);
  passive.recordAttempt(1012);
  assert.equal(passive.isEjected(1013), false, 'in use again: attempts are not limited');
});

test('passive health: a trial without outcome makes room for another after its time', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000, trialMsMax: 500 });
  passive.recordFailure(0, 'connect_refused');
  passive.recordAttempt(1000);
  assert.equal(passive.isEjected(1499), true);
  assert.equal(passive.isEjected(1500), false);
});

test('passive health: a failed trial of any kind ejects for base × count, up to the cap', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000, ejectionMsMax: 3000 });
  let nowMs = 0;
  passive.recordFailure(nowMs, 'connect_refused');
  for (const lengthMs of [1000, 2000, 3000, 3000]) {
    assert.equal(passive.isEjected(nowMs + lengthMs - 1), true);
    assert.equal(passive.isEjected(nowMs + lengthMs), false);
    nowMs += lengthMs;
    passive.recordAttempt(nowMs);
    passive.recordFailure(nowMs, 'response_timeout');
  }
  assert.equal(passive.ejections, 5);
});

test('passive health: the count starts anew after a calm, not before', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000, ejectionMsMax: 10_000 });
  passive.recordFailure(0, 'connect_refused');
  passive.recordSuccess(1000);
  passive.recordFailure(11_000, 'connect_refused');
  assert.equal(passive.ejections, 2);
  passive.recordSuccess(13_000);
  passive.recordFailure(23_001, 'connect_refused');
  assert.equal(passive.ejections, 1);
});

test('passive health: a late success on an older connection does not end an ejection', () => {
  const passive = createPassiveHealth({ ejectionBaseMs: 1000 });
  passive.recordFailure(0, 'connect_refused');
  passive.recordSuccess(10);
  assert.equal(passive.isEjected(11), true);
});

test('each ejection is told once, with the failure that tipped the scales', () => {
  const told: PassiveFailureKind[] = [];
  const passive = createPassiveHealth({
    ejectionBaseMs: 1000,
    onEjected: (kind) => told.push(kind),
  });
  passive.recordFailure(0, 'connect_timeout');
  passive.recordFailure(0, 'reset');
  passive.recordFailure(0, 'reset');
  passive.recordFailure(1, 'connect_refused');
  passive.recordAttempt(1000);
  passive.recordFailure(1001, 'response_timeout');
  assert.deepEqual(told, ['reset', 'response_timeout']);
});
