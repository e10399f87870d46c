import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressCounts } from './address-counts.ts';

test('connections of an address are counted up to the bound, exactly, and nothing is kept of those that ended', () => {
  const counts = new AddressCounts(2);
  assert.deepEqual(
    [counts.take('a'), counts.take('a'), counts.take('a'), counts.take('b')],
    [true, true, false, true],
  );
  counts.release('a');
  assert.equal(counts.take('a'), true);
  for (const key of ['a', 'a', 'b']) counts.release(key);
  assert.equal(counts.size, 0);
});
