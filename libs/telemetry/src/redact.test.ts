import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretKey, redactFields, redactText } from './redact.ts';

const secret =
  'authorization Authorization proxy-authorization x-api-key apiKey api_key cookie set-cookie token ' +
  'adminToken HEADGATE_ADMIN_TOKEN password natsPassword clientSecret key privateKey credentials';
const harmless = 'apiKeyId keyId tokens host path monkey keys tenantId msg cookieName tokenCount';

for (const name of secret.split(' ')) {
  test(`${name} is secret`, () => assert.equal(isSecretKey(name), true));
}
for (const name of harmless.split(' ')) {
  test(`${name} is not secret`, () => assert.equal(isSecretKey(name), false));
}

test('secrets are replaced at any depth and the input stays as it was', () => {
  const input = { a: { b: [{ token: 't', host: 'h' }] }, password: 'p', token: null };
  assert.deepEqual(redactFields(input), {
    a: { b: [{ token: '[redacted]', host: 'h' }] },
    password: '[redacted]',
    token: null,
  });
  assert.equal(input.password, 'p');
});

test('what is deeper than six levels, such as a cycle, is cut', () => {
  const cycle: Record<string, unknown> = { host: 'h' };
  cycle['self'] = cycle;
  assert.match(JSON.stringify(redactFields(cycle)), /\[cut\]/);
});

for (const [text, expected] of [
  ['redis://user:pa55@h:1/0', 'redis://user:[redacted]@h:1/0'],
  ['{"m":"redis://:pa55@h"}', '{"m":"redis://:[redacted]@h"}'],
  ['Bearer abcdefgh.ijk', 'Bearer [redacted]'],
  [`key hgk_${'a'.repeat(43)} used`, 'key hgk_[redacted] used'],
  ['http://127.0.0.1:80/a@b', 'http://127.0.0.1:80/a@b'],
] as const) {
  test(`text: ${expected}`, () => assert.equal(redactText(text), expected));
}
