import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ApiKeyVerifier, bearerToken, compileApiKeys } from './index.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a key is accepted by its hash until it expires', () => {
  const table = compileApiKeys(
    [
      { id: 'forever', sha256: sha256('hgk_one') },
      { id: 'short', sha256: sha256('hgk_two'), expiresAt: '2026-01-01T00:00:00Z' },
    ],
    (key) => key.id,
  );
  const verifier = new ApiKeyVerifier<string>();
  const verify = (key: string, nowMs: number) => verifier.verify(table, key, nowMs);
  const expiry = Date.parse('2026-01-01T00:00:00Z');
  assert.deepEqual(verify('hgk_one', 0), { outcome: 'accepted', principal: 'forever' });
  assert.deepEqual(verify('hgk_two', expiry - 1), {
    outcome: 'accepted',
    principal: 'short',
  });
  assert.deepEqual(verify('hgk_two', expiry), { outcome: 'expired' });
  const held = (key: string, nowMs: number): boolean => table.holds(sha256(key), nowMs);
  assert.deepEqual([held('hgk_one', expiry), held('hgk_two', expiry - 1)], [true, true]);
  assert.deepEqual([held('hgk_two', expiry), held('hgk_three', 0)], [false, false]);
  for (const wrong of ['', 'hgk_on', 'HGK_ONE', 'hgk_one ', sha256('hgk_one'), 'x'.repeat(1e6)]) {
    assert.deepEqual(verify(wrong, 0), { outcome: 'unknown' }, wrong.slice(0, 20));
  }
});

test('a key that was the last one is accepted for no other table, and no longer than others', () => {
  const compile = (id: string, keys: readonly string[]) =>
    compileApiKeys(
      keys.map((key) => ({ id: `${id}-${key}`, sha256: sha256(key) })),
      (key) => key.id,
    );
  const acme = compile('acme', ['k1', 'k2']);
  const other = compile('other', ['k2']);
  const verifier = new ApiKeyVerifier<string>();
  for (const [table, key, expected] of [
    [acme, 'k1', 'acme-k1'],
    [acme, 'k1', 'acme-k1'],
    [other, 'k1', 'unknown'],
    [acme, 'k2', 'acme-k2'],
    [other, 'k2', 'other-k2'],
    [acme, 'k', 'unknown'],
    [acme, '', 'unknown'],
    [acme, 'k1', 'acme-k1'],
    [compile('next', ['k3']), 'k1', 'unknown'],
  ] as const) {
    const verdict = verifier.verify(table, key, 0);
    assert.equal(verdict.outcome === 'accepted' ? verdict.principal : verdict.outcome, expected);
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
