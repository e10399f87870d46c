import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../environment.ts';

const BASE = { HEADGATE_ADMIN_TOKEN: 'a-token-of-the-test-0123456789' };
const ISSUER = 'https://login.example.com/realms/ops';

test('OIDC is off without an issuer, and has defaults with one', () => {
  assert.equal(readSettings(BASE).settings.oidc, null);
  const oidc = { HEADGATE_OIDC_ISSUER: ISSUER, HEADGATE_OIDC_AUDIENCE: 'headgate' };
  assert.deepEqual(readSettings({ ...BASE, ...oidc }).settings.oidc, {
    ...{ issuer: ISSUER, audience: 'headgate', jwksUrl: undefined },
    claims: { role: 'headgate_role', tenants: 'headgate_tenants' },
  });
});

test('half of OIDC, and addresses that others can alter, end the start', () => {
  const oidc = { HEADGATE_OIDC_ISSUER: ISSUER, HEADGATE_OIDC_AUDIENCE: 'headgate' };
  for (const [env, fault] of [
    [
      { HEADGATE_OIDC_ISSUER: ISSUER },
      /HEADGATE_OIDC_AUDIENCE: required with HEADGATE_OIDC_ISSUER/,
    ],
    [{ HEADGATE_OIDC_AUDIENCE: 'x' }, /HEADGATE_OIDC_ISSUER: required/],
    [{ ...oidc, HEADGATE_OIDC_ISSUER: 'http://login.example.com' }, /must be https/],
    [{ ...oidc, HEADGATE_OIDC_ISSUER: 'https://u:p@login.example.com' }, /without a password/],
    [{ ...oidc, HEADGATE_OIDC_JWKS_URL: 'ftp://127.0.0.1/keys' }, /must be https/],
    [{ ...oidc, HEADGATE_OIDC_JWKS_URL: 'keys' }, /must be https/],
  ] as const) {
    assert.throws(() => readSettings({ ...BASE, ...env }), fault, JSON.stringify(env));
  }
  for (const url of ['http://127.0.0.1:9/keys', 'http://[::1]:9/', 'http://localhost/']) {
    assert.ok(readSettings({ ...BASE, ...oidc, HEADGATE_OIDC_JWKS_URL: url }).settings.oidc);
  }
});
