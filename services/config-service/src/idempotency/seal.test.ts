import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeal } from './seal.ts';

test('what was sealed is read with the same credential and purpose, and with no other', () => {
  const seal = createSeal('Bearer a', 'key-1');
  const sealed = seal.seal('hgk_secret ✓');
  assert.ok(!Buffer.from(sealed, 'base64url').toString('latin1').includes('secret'));
  assert.equal(createSeal('Bearer a', 'key-1').open(sealed), 'hgk_secret ✓');
  assert.equal(createSeal('Bearer b', 'key-1').open(sealed), null);
  assert.equal(createSeal('Bearer a', 'key-2').open(sealed), null);
  assert.notEqual(seal.seal('hgk_secret ✓'), sealed, 'each sealing has its own nonce');
});

test('a sealed text that was altered is not read', () => {
  const seal = createSeal('Bearer a', 'key-1');
  const bytes = Buffer.from(seal.seal('text'), 'base64url');
  for (let index = 0; index < bytes.length; index++) {
    const altered = Buffer.from(bytes);
    altered[index] = (altered[index] ?? 0) ^ 1;
    assert.equal(seal.open(altered.toString('base64url')), null, `byte ${index}`);
  }
  assert.equal(seal.open(''), null);
});
