import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { bearerToken, compileApiKeys } from './index.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a key is accepted by its hash until it expires', () => {
  const table = compileApiKeys(
    [
      { id: 'forever', sha256: sha256('hgk_one') },
      { id: 'short', sha256: sha256('hgk_two'), expiresAt: '2026-01-01T00:00:00Z' },
    ],
    (key) => key.id,
  );
  const expiry = Date.parse('2026-01-01T00:00:00Z');
  assert.deepEqual(table.verify('hgk_one', 0), { outcome: 'accepted', principal: 'forever' });
  assert.deepEqual(table.verify('hgk_two', expiry - 1), {
    outcome: 'accepted',
    principal: 'short',
  });
  assert.deepEqual(table.verify('hgk_two', expiry), { outcome: 'expired' });
  const held = (key: string, nowMs: number): boolean => table.holds(sha256(key), nowMs);
  assert.deepEqual([held('hgk_one', expiry), held('hgk_two', expiry - 1)], [true, true]);
  assert.deepEqual([held('hgk_two', expiry), held('hgk_three', 0)], [false, false]);
  for (const wrong of ['', 'hgk_on', 'HGK_ONE', 'hgk_one ', sha256('hgk_one'), 'x'.repeat(1e6)]) {
    assert.deepEqual(table.verify(wrong, 0), { outcome: 'unknown' }, wrong.slice(0, 20));
  }
});

test('only the Bearer scheme carries a key', () => {
  const cases: [string, string | null][] = [
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER  abc', ' abc'],
    ['Basic abcdef', null],
    ['Bearerabc', null],
    ['Bearer', null],
    ['', null],
  ];
  for (const [value, token] of cases) assert.equal(bearerToken(value), token, value);
});
