import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeCursor,
  decodeSequenceCursor,
  encodeCursor,
  PageQuery,
  toPage,
} from './pagination.ts';

test('a cursor is read back, and nothing else is one', () => {
  assert.equal(decodeCursor(encodeCursor('acme-1')), 'acme-1');
  for (const bad of ['', 'A', '====', encodeCursor("x' or 1=1"), `${encodeCursor('acme')}=`]) {
    assert.equal(decodeCursor(bad), null, bad);
  }
});

test('one item more than asked for shows that there is another page', () => {
  const items = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
  const idOf = ({ id }: { id: string }) => id;
  assert.deepEqual(toPage(items, 2, idOf), {
    items: items.slice(0, 2),
    nextCursor: encodeCursor('b'),
  });
  assert.deepEqual(toPage(items, 3, idOf), { items, nextCursor: null });
  assert.deepEqual(toPage([], 3, idOf), { items: [], nextCursor: null });
});

test('a cursor of a list of numbers holds a number', () => {
  assert.equal(decodeSequenceCursor(encodeCursor('42')), 42);
  for (const bad of ['acme', '0', '042', '1e3', '9'.repeat(16)]) {
    assert.equal(decodeSequenceCursor(encodeCursor(bad)), null, bad);
  }
});

test('a limit is written in decimal digits', () => {
  assert.equal(PageQuery.parse({ limit: '16' }).limit, 16);
  assert.equal(PageQuery.parse({}).limit, 100);
  for (const bad of ['0x10', '1e2', ' 5', '5 ', '', '-1', '1.5', '0', '501', ['1', '2'], '٣']) {
    assert.equal(PageQuery.safeParse({ limit: bad }).success, false, String(bad));
  }
});
