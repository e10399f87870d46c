import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAllowedMethods } from './allowed-methods.ts';

test('the methods of a path are those of all its operations, and HEAD where there is GET', () => {
  const allowedMethods = createAllowedMethods([
    { method: 'GET', path: '/v1/plans' },
    { method: 'PUT', path: '/v1/plans/{planId}' },
    { method: 'GET', path: '/v1/plans/{planId}' },
    { method: 'POST', path: '/v1/tenants/{tenantId}/api-keys/{apiKeyId}' },
    { method: 'GET', path: '/openapi.json' },
  ]);
  assert.deepEqual(allowedMethods('/v1/plans'), ['GET', 'HEAD']);
  assert.deepEqual(allowedMethods('/v1/plans/gold'), ['GET', 'HEAD', 'PUT']);
  assert.deepEqual(allowedMethods('/v1/tenants/a/api-keys/b'), ['POST']);
  for (const path of ['/', '/v1/plans/', '/v1/plans/a/b', '/v1/plan', '/openapi-json']) {
    assert.deepEqual(allowedMethods(path), [], path);
  }
});
