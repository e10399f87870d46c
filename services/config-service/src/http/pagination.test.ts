import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCursor, encodeCursor, toPage } from './pagination.ts';

test('a cursor is read back, and nothing else is one', () => {
  assert.equal(decodeCursor(encodeCursor('acme-1')), 'acme-1');
  for (const bad of ['', 'A', '====', encodeCursor("x' or 1=1"), `${encodeCursor('acme')}=`]) {
    assert.equal(decodeCursor(bad), null, bad);
  }
});

test('one item more than asked for shows that there is another page', () => {
  const items = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
  assert.deepEqual(toPage(items, 2), { items: items.slice(0, 2), nextCursor: encodeCursor('b') });
  assert.deepEqual(toPage(items, 3), { items, nextCursor: null });
  assert.deepEqual(toPage([], 3), { items: [], nextCursor: null });
});
