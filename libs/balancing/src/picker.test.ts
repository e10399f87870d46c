import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { createPicker } from './picker.ts';
import { testEndpoints } from './picker.case.ts';
import { LeastRequestPicker } from './least-request.ts';
import { RoundRobinPicker } from './round-robin.ts';

test('createPicker gives each kind its picker', () => {
  const endpoints = testEndpoints([1]);
  const random = createSeededRandom(50);
  assert.ok(createPicker('round_robin', endpoints, random) instanceof RoundRobinPicker);
  assert.ok(createPicker('least_request', endpoints, random) instanceof LeastRequestPicker);
});
