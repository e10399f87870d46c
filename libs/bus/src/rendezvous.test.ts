import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rendezvousOrder, rendezvousOwner } from './rendezvous.ts';

const members = ['a', 'b', 'c', 'd', 'e'];
const keys = Array.from({ length: 5000 }, (_, number) => `key-${number}`);

test('the owner is the first in the order, whatever order the members are given in', () => {
  for (const key of keys.slice(0, 200)) {
    const order = rendezvousOrder(members, key);
    assert.deepEqual([...order].sort(), members);
    assert.deepEqual(rendezvousOrder([...members].reverse(), key), order);
    assert.equal(rendezvousOwner(members, key), order[0]);
  }
  assert.equal(rendezvousOwner([], 'key'), null);
});

test('keys spread evenly, and a member that goes moves only its own', () => {
  const without = members.filter((id) => id !== 'c');
  const counts = new Map<string, number>();
  for (const key of keys) {
    const order = rendezvousOrder(members, key);
    const owner = order[0] ?? '';
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
    assert.equal(rendezvousOwner(without, key), owner === 'c' ? order[1] : owner);
  }
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 150, `${count}`);
});
