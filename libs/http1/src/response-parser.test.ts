import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import type { Framing } from './framing.ts';
import type { ResponseHead } from './response-head.ts';
import { ResponseParser } from './response-parser.ts';

function parse(text: string, requestMethod = 'GET'): ResponseHead {
  const parser = new ResponseParser();
  const bytes = Buffer.from(text, 'latin1');
  assert.equal(parser.parse(bytes, 0, bytes.length, requestMethod), bytes.length);
  return parser.head;
}

const chunked = 'Transfer-Encoding: chunked\r\n';
const length = 'Content-Length: 7\r\n';

/** Status line, headers, request method; framing, contentLength, persistent. */
const framings: readonly (readonly [string, string, string, Framing, number, boolean])[] = [
  ['HTTP/1.1 200 OK', length, 'GET', FRAMING_LENGTH, 7, true],
  ['HTTP/1.1 200 OK', chunked, 'GET', FRAMING_CHUNKED, -1, true],
  ['HTTP/1.1 200 OK', '', 'GET', FRAMING_CLOSE, -1, false],
  ['HTTP/1.1 200 OK', length, 'HEAD', FRAMING_NONE, 7, true],
  ['HTTP/1.1 200 OK', chunked, 'HEAD', FRAMING_NONE, -1, true],
  ['HTTP/1.1 304 Not Modified', length, 'GET', FRAMING_NONE, 7, true],
  ['HTTP/1.1 304 Not Modified', '', 'GET', FRAMING_NONE, -1, true],
  ['HTTP/1.1 204 No Content', '', 'GET', FRAMING_NONE, -1, true],
  ['HTTP/1.1 204 No Content', 'Content-Length: 0\r\n', 'GET', FRAMING_NONE, -1, true],
  ['HTTP/1.1 204 No Content', length, 'GET', FRAMING_NONE, -1, false],
  ['HTTP/1.1 204 No Content', chunked, 'GET', FRAMING_NONE, -1, false],
  ['HTTP/1.1 205 Reset Content', 'Content-Length: 0\r\n', 'GET', FRAMING_LENGTH, 0, true],
  ['HTTP/1.1 100 Continue', '', 'POST', FRAMING_NONE, -1, true],
  ['HTTP/1.1 103 Early Hints', 'Content-Length: 0\r\n', 'GET', FRAMING_NONE, -1, true],
  ['HTTP/1.0 200 OK', length, 'GET', FRAMING_LENGTH, 7, false],
  ['HTTP/1.0 200 OK', `${length}Connection: keep-alive\r\n`, 'GET', FRAMING_LENGTH, 7, true],
  ['HTTP/1.1 200 OK', `${length}Connection: close\r\n`, 'GET', FRAMING_LENGTH, 7, false],
];

for (const [line, lines, method, framing, contentLength, persistent] of framings) {
  test(`${line} ${JSON.stringify(lines)} to ${method}`, () => {
    const head = parse(`${line}\r\n${lines}\r\n`, method);
    assert.deepEqual(
      [head.framing, head.contentLength, head.persistent],
      [framing, contentLength, persistent],
    );
  });
}

test('status and reason are read, also when the reason or its space is missing', () => {
  for (const [line, reason] of [
    ['HTTP/1.1 404 Not Found', 'Not Found'],
    ['HTTP/1.1 404 ', ''],
    ['HTTP/1.1 404', ''],
    ['HTTP/1.1 404 \xe9\t!', '\xe9\t!'],
  ] as const) {
    const head = parse(`${line}\r\n\r\n`);
    assert.deepEqual([head.status, head.reason], [404, reason]);
  }
});

test('a 101 names its protocol', () => {
  const head = parse(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  assert.deepEqual([head.status, head.upgrade, head.framing], [101, 'websocket', FRAMING_NONE]);
});

test('after a 1xx the same parser reads the final head from the rest of the slice', () => {
  const parser = new ResponseParser();
  const bytes = Buffer.from(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${length}\r\n`);
  const first = parser.parse(bytes, 0, bytes.length, 'POST');
  assert.equal(parser.head.status, 100);
  parser.reset();
  assert.equal(parser.started, false);
  assert.equal(parser.parse(bytes, first, bytes.length, 'POST'), bytes.length - first);
  assert.equal(parser.head.status, 200);
  assert.throws(() => parser.parse(bytes, 0, 1, 'POST'), /needs a reset/);
});
