import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPicker } from './picker.ts';
import { seededRandom, testEndpoints } from './picker.case.ts';
import { LeastRequestPicker } from './least-request.ts';
import { RoundRobinPicker } from './round-robin.ts';

test('createPicker gives each kind its picker', () => {
  const endpoints = testEndpoints([1]);
  const random = seededRandom(50);
  assert.ok(createPicker('round_robin', endpoints, random) instanceof RoundRobinPicker);
  assert.ok(createPicker('least_request', endpoints, random) instanceof LeastRequestPicker);
});
