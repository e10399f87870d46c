import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { BODY_DATA, BODY_END, BODY_FAULT, BODY_NEED_MORE, BodyDecoder } from './body-decoder.ts';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';

const nothing = Buffer.alloc(0);

test('a message without a body ends at once and takes no byte', () => {
  const decoder = new BodyDecoder();
  decoder.reset(FRAMING_NONE, -1);
  assert.equal(decoder.next(Buffer.from('GET'), 1, 3), BODY_END);
  assert.equal(decoder.position, 1);
  decoder.reset(FRAMING_LENGTH, 0);
  assert.equal(decoder.next(nothing, 0, 0), BODY_END);
  assert.equal(decoder.finish(), true);
});

test('a body with a length ends behind its last byte', () => {
  const decoder = new BodyDecoder();
  const chunk = Buffer.from('..helloGET');
  decoder.reset(FRAMING_LENGTH, 5);
  assert.equal(decoder.next(chunk, 2, 4), BODY_DATA);
  assert.deepEqual([decoder.dataStart, decoder.dataEnd, decoder.position], [2, 4, 4]);
  assert.equal(decoder.next(chunk, 4, 4), BODY_NEED_MORE);
  assert.equal(decoder.finish(), false);
  assert.equal(decoder.next(chunk, 4, 10), BODY_DATA);
  assert.deepEqual([decoder.dataStart, decoder.dataEnd, decoder.position], [4, 7, 7]);
  assert.equal(decoder.finish(), true);
  assert.equal(decoder.next(chunk, 7, 10), BODY_END);
  assert.deepEqual([decoder.position, decoder.bytesDecoded], [7, 5]);
});

test('a body without a length lasts until the connection ends', () => {
  const decoder = new BodyDecoder();
  decoder.reset(FRAMING_CLOSE, -1);
  assert.equal(decoder.next(nothing, 0, 0), BODY_NEED_MORE);
  assert.equal(decoder.next(Buffer.from('abc'), 0, 3), BODY_DATA);
  assert.equal(decoder.next(nothing, 0, 0), BODY_NEED_MORE);
  assert.equal(decoder.finish(), true);
});

test('chunks are reported as ranges of the slice, and what follows is left alone', () => {
  const decoder = new BodyDecoder();
  const chunk = Buffer.from('3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\nGET');
  decoder.reset(FRAMING_CHUNKED, -1);
  assert.equal(decoder.next(chunk, 0, chunk.length), BODY_DATA);
  assert.equal(chunk.toString('latin1', decoder.dataStart, decoder.dataEnd), 'abc');
  assert.equal(decoder.next(chunk, decoder.position, chunk.length), BODY_DATA);
  assert.equal(chunk.toString('latin1', decoder.dataStart, decoder.dataEnd), 'de');
  assert.equal(decoder.finish(), false);
  assert.equal(decoder.next(chunk, decoder.position, chunk.length), BODY_END);
  assert.deepEqual([decoder.position, decoder.bytesDecoded], [chunk.length - 3, 5]);
  assert.equal(decoder.finish(), true);
});

test('a chunk may be as large as 2^53 - 1 bytes, and no larger', () => {
  const decoder = new BodyDecoder();
  for (const [size, event] of [
    ['1fffffffffffff', BODY_DATA],
    ['0000001fffffffffffff', BODY_DATA],
    ['20000000000000', BODY_FAULT],
    ['20000000000001', BODY_FAULT],
    ['ffffffffffffffff', BODY_FAULT],
    ['10000000000000000', BODY_FAULT],
  ] as const) {
    const chunk = Buffer.from(`${size}\r\nx`);
    decoder.reset(FRAMING_CHUNKED, -1);
    assert.equal(decoder.next(chunk, 0, chunk.length), event, size);
  }
});

test('a fault stays until the next body', () => {
  const decoder = new BodyDecoder();
  decoder.reset(FRAMING_CHUNKED, -1);
  assert.equal(decoder.next(Buffer.from('x'), 0, 1), BODY_FAULT);
  assert.equal(decoder.next(Buffer.from('0'), 0, 1), BODY_FAULT);
  assert.equal(decoder.fault?.code, 'HG_HTTP_CHUNK_SIZE');
  assert.equal(decoder.finish(), false);
  decoder.reset(FRAMING_CHUNKED, -1);
  assert.equal(decoder.fault, null);
  assert.equal(decoder.next(Buffer.from('0\r\n\r\n'), 0, 5), BODY_END);
});
