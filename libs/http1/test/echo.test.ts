import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BODY_DATA,
  BODY_END,
  BodyDecoder,
  CHUNK_END,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  HeaderSet,
  LAST_CHUNK,
  RequestParser,
  ResponseParser,
  chunkHeader,
  writeRequestHead,
  writeResponseHead,
} from '../src/index.ts';
import type { Framing } from '../src/index.ts';
import { oracleRequest, oracleResponse } from './grammar-oracle.ts';
import { byteByByte, cutAt, readRequests, readResponses } from './message-reader.ts';
import { editedMessages } from './sample-messages.ts';

const RUNS = { numRuns: 500, seed: 20_261_121 };
const EDITED = 80_000;
const SEED = 7;
const NOTHING_DROPPED = new HeaderSet([]);
const APPENDED = 'X-Edge: 1\r\n';

/** The head that goes on for the first request of `text`; null when it is refused or not whole. */
function forwardedHead(text: string): { head: string; framing: Framing } | null {
  const parser = new RequestParser();
  const bytes = Buffer.from(text, 'latin1');
  if (parser.parse(bytes, 0, bytes.length) <= 0) return null;
  const { head } = parser;
  const host = head.host + head.hostPort;
  const written = writeRequestHead(head, head.target, host, NOTHING_DROPPED, APPENDED);
  return { head: written, framing: head.framing };
}

function withBody(head: string, framing: Framing, body: string): string {
  if (framing !== FRAMING_CHUNKED) return head + body;
  const chunk = body === '' ? '' : chunkHeader(body.length) + body + CHUNK_END;
  return head + chunk + LAST_CHUNK;
}

test(`of ${EDITED} edited messages, each request that passes is forwarded as one and the same`, () => {
  let forwarded = 0;
  for (const { text, isResponse } of editedMessages(EDITED, SEED)) {
    if (isResponse) continue;
    const [message] = readRequests([Buffer.from(text, 'latin1')]).messages;
    const written = forwardedHead(text);
    if (message?.complete !== true || written === null) continue;
    // Without any host, which HTTP/1.0 allows, what goes on is `Host:` (RFC 9112 section 3.2).
    if (message.host === '') continue;
    forwarded++;
    const echo = withBody(written.head, written.framing, message.body);
    const again = readRequests([Buffer.from(echo, 'latin1')]);
    const shown = `${JSON.stringify(text)} became ${JSON.stringify(echo)}`;
    assert.deepEqual(
      [again.fault, again.headPending, again.messages.length],
      [null, false, 1],
      shown,
    );
    const { start, host, body } = message;
    const [read] = again.messages;
    assert.deepEqual([read?.start, read?.host, read?.body], [start, host, body], shown);
    assert.deepEqual(oracleRequest(echo), { start, host, body }, shown);
    assert.equal(read?.headers.filter(([key]) => key === 'X-Edge').length, 1, shown);
    assert.ok(!/\r\n(?:connection|upgrade|te|trailer):/i.test(written.head), shown);
  }
  assert.ok(forwarded > EDITED / 100, `${forwarded} were forwarded`);
});

test(`of ${EDITED} edited messages, each response that passes is returned as one and the same`, () => {
  let returned = 0;
  for (const { text, isResponse } of editedMessages(EDITED, SEED + 1)) {
    if (!isResponse) continue;
    const stream = readResponses([Buffer.from(text, 'latin1')], 'GET');
    const final = stream.messages.at(-1);
    if (stream.fault !== null || final?.complete !== true || Number(final.start) < 200) continue;
    returned++;
    const echo = returnedResponse(text, final.body);
    const again = readResponses([Buffer.from(echo, 'latin1')], 'GET');
    const shown = `${JSON.stringify(text)} became ${JSON.stringify(echo)}`;
    assert.deepEqual([again.fault, again.messages.length], [null, 1], shown);
    const [read] = again.messages;
    assert.deepEqual([read?.start, read?.body], [final.start, final.body], shown);
    const { start, body } = final;
    assert.deepEqual(oracleResponse(echo, 'GET'), { start, host: '', body }, shown);
  }
  assert.ok(returned > EDITED / 100, `${returned} were returned`);
});

/** The final response of `text` as an HTTP/1.1 client gets it: what lasted until the end in chunks. */
function returnedResponse(text: string, body: string): string {
  const parser = new ResponseParser();
  const bytes = Buffer.from(text, 'latin1');
  let at = parser.parse(bytes, 0, bytes.length, 'GET');
  while (parser.head.status < 200) {
    parser.reset();
    at += parser.parse(bytes, at, bytes.length, 'GET');
  }
  const { head } = parser;
  const framing = head.framing === FRAMING_CLOSE ? FRAMING_CHUNKED : head.framing;
  const written = writeResponseHead(head, NOTHING_DROPPED, framing, head.contentLength, APPENDED);
  return withBody(written, framing, body);
}

test('decoding what was encoded gives the bytes again, however they are cut', () => {
  const blocks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(), { maxLength: 20 });
  fc.assert(
    fc.property(blocks, cuts, fc.boolean(), (data, offsets, drips) => {
      const plain = Buffer.concat(data);
      const encoded = Buffer.from(
        data
          .map(
            (block) =>
              chunkHeader(block.length) + Buffer.from(block).toString('latin1') + CHUNK_END,
          )
          .join('') + LAST_CHUNK,
        'latin1',
      );
      const sorted = offsets.map((cut) => cut % (encoded.length + 1)).sort((a, b) => a - b);
      const pieces = drips ? byteByByte(encoded) : cutAt(encoded, sorted);
      assert.deepEqual(decode(pieces, FRAMING_CHUNKED, -1), plain);
      const plainCuts = offsets.map((cut) => cut % (plain.length + 1)).sort((a, b) => a - b);
      assert.deepEqual(decode(cutAt(plain, plainCuts), FRAMING_LENGTH, plain.length), plain);
    }),
    RUNS,
  );
});

/** All data of a body that is complete with its last byte. */
function decode(pieces: Iterable<Buffer>, framing: Framing, length: number): Buffer {
  const decoder = new BodyDecoder();
  decoder.reset(framing, length);
  const data: Buffer[] = [];
  let event = decoder.next(Buffer.alloc(0), 0, 0);
  for (const piece of pieces) {
    let at = 0;
    for (;;) {
      event = decoder.next(piece, at, piece.length);
      at = decoder.position;
      if (event !== BODY_DATA) break;
      data.push(Buffer.from(piece.subarray(decoder.dataStart, decoder.dataEnd)));
    }
    assert.equal(at, piece.length, 'nothing is left over');
  }
  assert.equal(event, BODY_END);
  const all = Buffer.concat(data);
  assert.equal(decoder.bytesDecoded, all.length);
  return all;
}
