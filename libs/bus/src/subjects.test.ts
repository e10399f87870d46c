import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeToken, presencePattern, presenceSubject } from './subjects.ts';

test('ordinary ids stay readable', () => {
  assert.equal(encodeToken('edge-7_b'), 'edge-7_b');
  assert.equal(presenceSubject('edge', 'a.b'), 'headgate.presence.v1.edge.a=2Eb');
  assert.equal(presencePattern('edge'), 'headgate.presence.v1.edge.*');
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('t1', ':', '*', '>', '.', '|', '{', '}', '\n', '=', '=2E', ' ', 'é'))
    .map((parts) => parts.join('')),
);

test('any id makes exactly one token without wildcards, and different ids different ones', () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      assert.match(encodeToken(a), /^[A-Za-z0-9_=-]+$/);
      // Lone surrogates have no UTF-8; ids from JSON or the environment are compared as encoded.
      assert.equal(encodeToken(a) === encodeToken(b), a.toWellFormed() === b.toWellFormed());
    }),
    { numRuns: 2000, seed: 2 },
  );
});
