import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseReader } from './response-reader.ts';

const OK = 'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nX: y\r\n\r\nhello';
const EMPTY = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n';

/** Statuses that were read from the pieces, and whether all were understood. */
function read(pieces: readonly string[]): { statuses: number[]; sound: boolean } {
  const statuses: number[] = [];
  const reader = new ResponseReader((status) => statuses.push(status));
  const sound = pieces.every((piece) => {
    const bytes = Buffer.from(`${piece}rest of an older message`, 'latin1');
    return reader.push(bytes, piece.length);
  });
  return { statuses, sound };
}

test('answers end where their Content-Length says', () => {
  assert.deepEqual(read([OK]), { statuses: [200], sound: true });
  assert.deepEqual(read([OK + EMPTY + OK]), { statuses: [200, 503, 200], sound: true });
  assert.deepEqual(read([OK.slice(0, -1)]), { statuses: [], sound: true });
});

test('any splitting of the bytes gives the same answers', () => {
  const stream = OK + EMPTY + OK;
  for (let at = 1; at < stream.length; at += 1) {
    const pieces = [stream.slice(0, at), stream.slice(at)];
    assert.deepEqual(read(pieces), { statuses: [200, 503, 200], sound: true }, `split at ${at}`);
  }
  assert.deepEqual(read([...stream]).statuses, [200, 503, 200], 'byte by byte');
});

test('a body may look like a head', () => {
  const body = 'HTTP/1.1 500 X\r\n\r\n';
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  assert.deepEqual(read([answer + OK]).statuses, [200, 200]);
});

test('what has no Content-Length, no status line or no end is refused', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const text of [
    chunked,
    'SSH-2.0-x\r\n\r\n',
    `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(20_000)}`,
  ]) {
    assert.equal(read([text]).sound, false, text.slice(0, 40));
  }
});
