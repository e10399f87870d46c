import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerOf } from './sharding.ts';

const keys = Array.from({ length: 9000 }, (_, index) => `tenant-${index}/web`);

test('sharding: the order of the replicas does not matter', () => {
  for (const key of keys.slice(0, 500)) {
    assert.equal(ownerOf(key, ['a', 'b', 'c']), ownerOf(key, ['c', 'a', 'b']));
  }
});

test('sharding: shares are even within 5 standard deviations', () => {
  const counts = new Map<string | null, number>();
  for (const key of keys) {
    const owner = ownerOf(key, ['health-1', 'health-2', 'health-3']);
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  assert.equal(counts.size, 3);
  const bound = 5 * Math.sqrt(keys.length * (1 / 3) * (2 / 3));
  for (const count of counts.values()) assert.ok(Math.abs(count - 3000) < bound, `${count}`);
});

test('sharding: a replica that leaves moves only its own keys', () => {
  for (const key of keys) {
    const before = ownerOf(key, ['a', 'b', 'c']);
    if (before !== 'b') assert.equal(ownerOf(key, ['a', 'c']), before);
  }
});

test('sharding: nobody owns a key when there are no replicas', () => {
  assert.equal(ownerOf('t/u', []), null);
});
