import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseReaders } from './response-readers.ts';

const CUT_HEAD = Buffer.from('HTTP/1.1 200 OK\r\nContent-Le', 'latin1');
const WHOLE_HEAD = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n', 'latin1');

test('response readers: one that comes back in the middle of a head starts anew', () => {
  const readers = new ResponseReaders();
  const first = readers.take();
  assert.equal(first.parser.parse(CUT_HEAD, 0, CUT_HEAD.length, 'GET'), 0);
  readers.giveBack(first);
  const second = readers.take();
  assert.equal(second, first);
  const headBytes = second.parser.parse(WHOLE_HEAD, 0, WHOLE_HEAD.length, 'GET');
  assert.equal(headBytes, WHOLE_HEAD.length);
  assert.equal(second.parser.head.status, 204);
});

test('response readers: two at a time are two', () => {
  const readers = new ResponseReaders();
  assert.notEqual(readers.take(), readers.take());
});
