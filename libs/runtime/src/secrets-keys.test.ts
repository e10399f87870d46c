import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { environmentSecretsKeys, SecretsKeys, type SecretPlace } from './secrets-keys.ts';

const OLD = Buffer.alloc(32, 1).toString('base64url');
const NEW = Buffer.alloc(32, 2).toString('base64url');
const PLACE: SecretPlace = { kind: 'certificate', tenantId: 'acme', id: 'web' };

suite('keys of secrets', () => {
  test('what one process seals another one with the same key opens', () => {
    const sealed = new SecretsKeys([OLD]).seal('the secret ✓', PLACE);
    assert.ok(!sealed.includes('secret'));
    assert.match(sealed, /^v1\.[\w-]{12}\.[\w-]+$/);
    assert.deepEqual(new SecretsKeys([OLD]).open(sealed, PLACE), {
      ok: true,
      text: 'the secret ✓',
    });
  });

  test('the same text is never sealed to the same envelope', () => {
    const keys = new SecretsKeys([OLD]);
    assert.notEqual(keys.seal('text', PLACE), keys.seal('text', PLACE));
  });

  test('rotation: the first key seals, all open', () => {
    const before = new SecretsKeys([OLD]).seal('text', PLACE);
    const both = new SecretsKeys([NEW, OLD]);
    assert.deepEqual([both.isNewest(before), both.open(before, PLACE).ok], [false, true]);
    const after = both.seal('text', PLACE);
    assert.deepEqual([both.isNewest(after), both.open(after, PLACE).ok], [true, true]);
    assert.equal(new SecretsKeys([NEW]).open(after, PLACE).ok, true);
  });

  test('without the key it stays closed, and the reason names the key that is missing', () => {
    const sealed = new SecretsKeys([OLD]).seal('text', PLACE);
    const other = new SecretsKeys([NEW]);
    const keyId = sealed.split('.')[1] ?? '';
    const reason = `is sealed with the key ${keyId}, which is not in HEADGATE_SECRETS_KEY here`;
    assert.equal(other.whyClosed(sealed), reason);
    assert.deepEqual(other.open(sealed, PLACE), { ok: false, reason });
    assert.match(other.whyClosed('v2.abcdefghijkl.xyz') ?? '', /version/);
  });

  test('it opens in its own place only, and not if any of it was altered', () => {
    const keys = new SecretsKeys([OLD]);
    const sealed = keys.seal('text', PLACE);
    const refusal = { ok: false, reason: 'was altered, or sealed for another place' };
    for (const place of [
      { ...PLACE, tenantId: 'globex' },
      { ...PLACE, id: 'web2' },
      { ...PLACE, tenantId: 'acme\nweb', id: '' },
    ]) {
      assert.deepEqual(keys.open(sealed, place), refusal);
    }
    const start = sealed.lastIndexOf('.') + 1;
    const bytes = Buffer.from(sealed.slice(start), 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(index) ^ 1, index);
      const envelope = sealed.slice(0, start) + altered.toString('base64url');
      assert.deepEqual(keys.open(envelope, PLACE), refusal);
    }
    assert.equal(keys.open(sealed.slice(0, start + 20), PLACE).ok, false);
  });

  test('the variable takes one key or several, each of 32 bytes', () => {
    assert.deepEqual(environmentSecretsKeys.parse(`${NEW}, ${OLD}`), [NEW, OLD]);
    for (const text of ['short', `${NEW},`, `${NEW}=`, `${NEW} ${OLD}`]) {
      assert.equal(environmentSecretsKeys.safeParse(text).success, false, text);
    }
  });
});
