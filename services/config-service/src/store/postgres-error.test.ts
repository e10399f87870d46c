import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyFailure } from './postgres-error.ts';

const withCode = (code: string) => Object.assign(new Error('x'), { code });

const cases = [
  [withCode('23505'), 'race'],
  [withCode('40P01'), 'race'],
  [new Error('wrapped', { cause: withCode('23503') }), 'race'],
  [withCode('22P05'), 'unstorable-text'],
  [withCode('57P01'), 'unavailable'],
  [withCode('53300'), 'unavailable'],
  [withCode('ECONNREFUSED'), 'unavailable'],
  [withCode('EPIPE'), 'unavailable'],
  [new Error('timeout exceeded when trying to connect'), 'unavailable'],
  [withCode('42601'), 'bug'],
  [new TypeError('x'), 'bug'],
] as const;

for (const [error, failure] of cases) {
  test(`${'code' in error ? error.code : error.name} is ${failure}`, () => {
    assert.equal(classifyFailure(error), failure);
  });
}
