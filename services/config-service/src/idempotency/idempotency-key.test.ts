import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf, parseIdempotencyKey } from './idempotency-key.ts';

test('a key is a Structured Field string or bare, and the same either way', () => {
  assert.equal(parseIdempotencyKey('"8e03978e-40d5"'), '8e03978e-40d5');
  assert.equal(parseIdempotencyKey(' 8e03978e-40d5 '), '8e03978e-40d5');
  assert.equal(parseIdempotencyKey('"two words; and: signs"'), 'two words; and: signs');
  assert.equal(parseIdempotencyKey(`"${'x'.repeat(255)}"`)?.length, 255);
});

test('what is no key is none', () => {
  const bad = ['', '""', '"a', 'a"', 'two words', '"a", "b"', '"a\\"b"', '"ä"', 'x'.repeat(256)];
  for (const field of bad) assert.equal(parseIdempotencyKey(field), null, field);
});

test('a request has another fingerprint as soon as anything of it differs', () => {
  const request = { method: 'PUT', target: '/v1/plans/a', ifMatch: '"1"', ifNoneMatch: undefined };
  const requests = [
    { ...request, body: { a: 1 } },
    { ...request, body: { a: '1' } },
    { ...request, body: undefined },
    { ...request, body: { a: 1 }, method: 'POST' },
    { ...request, body: { a: 1 }, target: '/v1/plans/b' },
    { ...request, body: { a: 1 }, ifMatch: undefined },
    { ...request, body: { a: 1 }, ifMatch: undefined, ifNoneMatch: '"1"' },
  ];
  assert.equal(new Set(requests.map(fingerprintOf)).size, requests.length);
  assert.equal(fingerprintOf({ ...request, body: { a: 1 } }), requests.map(fingerprintOf)[0]);
});
