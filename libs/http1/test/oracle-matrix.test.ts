import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { oracleRequest, oracleResponse } from './grammar-oracle.ts';
import type { OracleMessage } from './grammar-oracle.ts';
import { byteByByte, cutAt, readRequests, readResponses } from './message-reader.ts';
import type { ReadStream } from './message-reader.ts';
import { SAMPLE_REQUESTS, SAMPLE_RESPONSES, editedMessages } from './sample-messages.ts';

// Every byte value at every position of these messages, once in place of the byte there and once
// before it, and every byte left out: what the codec makes of each must be what the oracle makes of
// it, whole and cut in two somewhere.

/** A base with one byte changed, and where it may be cut. */
function* variantsOf(base: string): Generator<[text: string, cut: number]> {
  for (let at = 0; at <= base.length; at++) {
    const before = base.slice(0, at);
    const after = base.slice(at + 1);
    yield [before + after, (at * 13) % base.length];
    for (let byte = 0; byte < 256; byte++) {
      const character = String.fromCharCode(byte);
      const cut = (at * 7 + byte) % base.length;
      yield [before + character + after, cut];
      yield [before + character + base.slice(at), cut];
    }
  }
}

const countOf = (base: string): number => (base.length + 1) * (1 + 2 * 256);

function verify(
  base: string,
  read: (pieces: Iterable<Buffer>) => ReadStream,
  oracle: (text: string) => OracleMessage | null,
  verdict: (stream: ReadStream) => OracleMessage | null,
): void {
  let count = 0;
  let accepted = 0;
  for (const [text, cut] of variantsOf(base)) {
    count++;
    const bytes = Buffer.from(text, 'latin1');
    const expected = oracle(text);
    if (expected !== null) accepted++;
    const stream = read([bytes]);
    const actual = verdict(stream);
    if (!same(actual, expected)) assert.deepEqual(actual, expected, JSON.stringify(text));
    const inTwo = read(cutAt(bytes, [cut]));
    if (inTwo.fault !== stream.fault || !same(verdict(inTwo), actual)) {
      assert.deepEqual(inTwo, stream, `${JSON.stringify(text)} cut at ${cut}`);
    }
  }
  assert.equal(count, countOf(base));
  assert.ok(accepted > 0 && accepted < count, `${accepted} of ${count} are accepted`);
}

function same(a: OracleMessage | null, b: OracleMessage | null): boolean {
  if (a === null || b === null) return a === b;
  return a.start === b.start && a.host === b.host && a.body === b.body;
}

function firstOf(stream: ReadStream): OracleMessage | null {
  const [message] = stream.messages;
  if (message?.complete !== true) return null;
  const { start, host, body } = message;
  return { start, host, body };
}

function finalOf(stream: ReadStream): OracleMessage | null {
  const message = stream.messages.at(-1);
  const { start, body, complete } = message ?? { start: '0', body: '', complete: false };
  const isFinal = Number(start) >= 200 || start === '101';
  return stream.fault === null && complete && isFinal ? { start, host: '', body } : null;
}

const readRequest = (pieces: Iterable<Buffer>): ReadStream => readRequests(pieces);
const readResponse = (pieces: Iterable<Buffer>): ReadStream => readResponses(pieces, 'GET');
const oracleOfGet = (text: string): OracleMessage | null => oracleResponse(text, 'GET');

for (const [name, base] of Object.entries(SAMPLE_REQUESTS)) {
  test(`${name}: ${countOf(base)} requests read as the grammar says`, () => {
    verify(base, readRequest, oracleRequest, firstOf);
  });
}

for (const [name, base] of Object.entries(SAMPLE_RESPONSES)) {
  test(`${name}: ${countOf(base)} responses read as the grammar says`, () => {
    verify(base, readResponse, oracleOfGet, finalOf);
  });
}

const bases = [...Object.values(SAMPLE_REQUESTS), ...Object.values(SAMPLE_RESPONSES)];
const isResponse = (base: string): boolean => base.startsWith('HTTP/');
const triples = bases.reduce((sum, base) => sum + (base.length * (base.length - 1)) / 2, 0);

test(`${triples} ways to cut the messages in three lead to the same`, () => {
  for (const base of bases) {
    const read = isResponse(base) ? readResponse : readRequest;
    const bytes = Buffer.from(base, 'latin1');
    const whole = JSON.stringify(read([bytes]));
    assert.equal(JSON.stringify(read(byteByByte(bytes))), whole);
    for (let first = 0; first < base.length; first++) {
      for (let second = first + 1; second < base.length; second++) {
        const stream = read(cutAt(bytes, [first, second]));
        assert.equal(JSON.stringify(stream), whole, `${base} cut at ${first} and ${second}`);
      }
    }
  }
});

const EDITS = 60_000;
const SEED = 20_261_121;

test(`${EDITS} messages with two to five edits read as the grammar says`, () => {
  let accepted = 0;
  for (const { text, isResponse: isAnswer, cuts } of editedMessages(EDITS, SEED)) {
    const bytes = Buffer.from(text, 'latin1');
    const [read, oracle, verdict] = isAnswer
      ? ([readResponse, oracleOfGet, finalOf] as const)
      : ([readRequest, oracleRequest, firstOf] as const);
    const stream = read([bytes]);
    const expected = oracle(text);
    if (expected !== null) accepted++;
    assert.deepEqual(verdict(stream), expected, JSON.stringify(text));
    assert.deepEqual(read(cutAt(bytes, cuts)), stream, `${JSON.stringify(text)} at ${cuts.join()}`);
  }
  assert.ok(accepted > EDITS / 100, `${accepted} are accepted`);
});
