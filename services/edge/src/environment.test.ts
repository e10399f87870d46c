import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentError } from '@headgate/runtime';
import { readSettings } from './environment.ts';

const KEY = Buffer.alloc(32, 1).toString('base64url');

test('without its address there is no listener with TLS; with it, it has its bounds', () => {
  assert.equal(readSettings({ HEADGATE_SECRETS_KEY: KEY }).settings.tls, null);
  const { tls } = readSettings({ HEADGATE_EDGE_TLS_LISTEN: ':8443' }).settings;
  assert.deepEqual(tls, {
    listen: { host: '127.0.0.1', port: 8443 },
    ...{ secretsKeys: [], files: null, handshakeMs: 5000, handshakesMax: 2000, contextsMax: 2000 },
  });
});

for (const [title, environment, fault] of [
  ['the port of plain HTTP', { HEADGATE_EDGE_TLS_LISTEN: '8080' }, /TLS needs one of its own/],
  [
    'a certificate without its key',
    { HEADGATE_EDGE_TLS_CERTIFICATE_FILE: 'x.pem' },
    /_KEY_FILE: one without the other/,
  ],
  ['a key of another length', { HEADGATE_SECRETS_KEY: 'short' }, /\(hidden\): must be 1 to 8 keys/],
] as const) {
  test(`${title} is refused with the rule`, () => {
    assert.throws(
      () => readSettings(environment),
      (error) => error instanceof EnvironmentError && fault.test(error.message),
    );
  });
}
