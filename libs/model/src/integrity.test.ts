import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coversHost } from './integrity.ts';

const cases = [
  ['a.example', 'a.example', true],
  ['a.example', 'b.example', false],
  ['*.example', 'a.example', true],
  ['*.example', 'b.a.example', true],
  ['*.example', '*.a.example', true],
  ['*.example', '*.example', true],
  ['*.example', 'example', false],
  ['*.example', 'notexample', false],
  ['*.a.example', '*.example', false],
  ['a.example', '*.a.example', false],
] as const;

for (const [owned, host, covered] of cases) {
  test(`${owned} ${covered ? 'covers' : 'does not cover'} ${host}`, () => {
    assert.equal(coversHost(owned, host), covered);
  });
}
