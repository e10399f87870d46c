import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY, BODY_BYTES } from './backend.ts';

test('the body has the promised size', () => {
  assert.equal(Buffer.byteLength(BODY), BODY_BYTES);
});
