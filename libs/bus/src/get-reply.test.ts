import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeGetReply, encodeGetReply } from './get-reply.ts';

const documents = ['tenant.a', 'tenant.b', 'plan.c'].map(
  (key, index) => [key, new Uint8Array(20_000).fill(index + 10)] as const,
);

test('documents that fit are sent, the others are named', () => {
  const bytes = encodeGetReply(documents, 60_000);
  assert.ok(bytes.length <= 60_000);
  const reply = decodeGetReply(bytes);
  assert.deepEqual(
    reply?.documents.map(([key, body]) => [key, body[0], body.length]),
    [
      ['tenant.a', 10, 20_000],
      ['tenant.b', 11, 20_000],
    ],
  );
  assert.deepEqual(reply?.remaining, ['plan.c']);
});

test('at least one document is sent, so every reply makes progress', () => {
  assert.equal(decodeGetReply(encodeGetReply(documents, 100))?.documents.length, 1);
  assert.deepEqual(decodeGetReply(encodeGetReply([], 100)), { documents: [], remaining: [] });
});

test('damaged replies are refused, never half read and never an exception', () => {
  const bytes = encodeGetReply(documents.slice(0, 1), 60_000);
  for (let length = 0; length < bytes.length; length += 7) {
    assert.equal(decodeGetReply(bytes.subarray(0, length)), null);
  }
  assert.equal(decodeGetReply(Buffer.concat([bytes, Buffer.from('x')])), null);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => decodeGetReply(random) === null),
    { numRuns: 1000, seed: 3 },
  );
});
