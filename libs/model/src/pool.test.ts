import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolSpread } from './index.ts';

test('all releases find the same entities of a tenant', () => {
  // As 0.1.0 computed them: edges of two releases share the pools of a cluster. Never to be changed.
  assert.equal(poolSpread('acme'), 2_183_869_357);
  assert.equal(poolSpread('tenant-7'), 3_599_116_749);
});
