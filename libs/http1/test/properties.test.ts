import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CHUNK_END,
  HeaderSet,
  LAST_CHUNK,
  RequestParser,
  chunkHeader,
  writeRequestHead,
} from '../src/index.ts';
import { cutAt, readRequests, readResponses } from './message-reader.ts';

const RUNS = { numRuns: 400, seed: 20_261_121 };

const tokenCharacters = [..."!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"];
const token = (lengthMax: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...tokenCharacters), minLength: 1, maxLength: lengthMax });
/** Prefixed, so that no generated name has a meaning. */
const name = token(20).map((text) => `x${text}`);
/** Any field value without white space around it. */
const value = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => Buffer.from(bytes.filter((b) => b >= 32 && b !== 127)).toString('latin1'))
  .map((text) => text.replace(/^ +| +$/g, ''));
const headers = fc.array(fc.tuple(name, value), { maxLength: 30 });
const method = token(10).filter((text) => !/^(connect|trace)$/i.test(text));
const target = fc
  .tuple(fc.array(token(8).map((text) => text.replace(/[%#.]/g, 'e'))), token(10))
  .map(([segments, query]) => `/${segments.join('/')}?${query.replaceAll('#', '.')}`);
const blocks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 });
const space = fc.constantFrom('', ' ', '\t', '  \t ');

interface Generated {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly bytes: Buffer;
}

/** A valid request, with white space where the grammar has it, and its serialisation. */
const request: fc.Arbitrary<Generated> = fc
  .record({ method, target, headers, blocks, space, chunked: fc.boolean() })
  .map((parts) => {
    const body = Buffer.concat(parts.blocks).toString('latin1');
    const framing: [string, string] = parts.chunked
      ? ['Transfer-Encoding', 'chunked']
      : ['Content-Length', String(body.length)];
    const all = [['Host', 'a.test'] as const, ...parts.headers, framing];
    const { space: ows } = parts;
    // A tab is refused around the value that delimits the message.
    const spaceOf = (key: string): string => (key === framing[0] ? ows.replaceAll('\t', ' ') : ows);
    const lines = all
      .map(([key, text]) => `${key}:${spaceOf(key)}${text}${spaceOf(key)}\r\n`)
      .join('');
    const chunks = parts.blocks.map(
      (block) => chunkHeader(block.length) + Buffer.from(block).toString('latin1') + CHUNK_END,
    );
    const payload = parts.chunked ? chunks.join('') + LAST_CHUNK : body;
    const head = `${parts.method} ${parts.target} HTTP/1.1\r\n${lines}\r\n`;
    const bytes = Buffer.from(head + payload, 'latin1');
    return { method: parts.method, target: parts.target, headers: all, body, bytes };
  });

test('what is serialised is what is read, and several requests on end stay apart', () => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), (requests) => {
      const stream = readRequests([Buffer.concat(requests.map(({ bytes }) => bytes))]);
      assert.equal(stream.fault, null);
      assert.deepEqual(
        stream.messages.map(({ start, headers: read, body }) => ({ start, read, body })),
        requests.map((one) => ({
          start: `${one.method} ${one.target}`,
          read: one.headers,
          body: one.body,
        })),
      );
    }),
    RUNS,
  );
});

test('no cut changes a verdict, for requests with any damage', () => {
  const damage = fc.tuple(
    fc.nat(),
    fc.constantFrom('', '\r', '\n', '\r\n', '\0', ' ', ':', 'a', ';'),
  );
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  fc.assert(
    fc.property(request, damage, cuts, ({ bytes }, [at, text], offsets) => {
      const position = at % bytes.length;
      const damaged = Buffer.concat([
        bytes.subarray(0, position),
        Buffer.from(text, 'latin1'),
        bytes.subarray(position + (at % 2)),
      ]);
      const sorted = offsets.map((cut) => cut % (damaged.length + 1)).sort((a, b) => a - b);
      const whole = readRequests([damaged]);
      assert.deepEqual(readRequests(cutAt(damaged, sorted)), whole);
      const response = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n'), damaged]);
      assert.deepEqual(
        readResponses(cutAt(response, sorted), 'GET'),
        readResponses([response], 'GET'),
      );
    }),
    RUNS,
  );
});

test('a rewritten head is read back as the same request without what was dropped', () => {
  const drop = new HeaderSet(['x-dropped', 'x-forwarded-for']);
  const dropped = fc.constantFrom(
    'X-Dropped',
    'x-forwarded-FOR',
    'Keep-Alive',
    'TE',
    'x-nominated',
  );
  fc.assert(
    fc.property(request, fc.array(fc.tuple(dropped, value)), (one, extra) => {
      const lines = extra.map(([key, text]) => `${key}: ${text}\r\n`).join('');
      const head = one.bytes
        .toString('latin1')
        .replace('\r\n', () => `\r\n${lines}Connection: X-Nominated\r\n`);
      const parser = new RequestParser();
      const bytes = Buffer.from(head, 'latin1');
      assert.ok(parser.parse(bytes, 0, bytes.length) > 0);
      const append = 'X-Nominated: edge\r\n';
      const written = writeRequestHead(parser.head, one.target, 'b.test', drop, append);
      const again = readRequests([Buffer.from(written, 'latin1')]);
      assert.equal(again.fault, null);
      const [message] = again.messages;
      assert.equal(message?.start, `${one.method} ${one.target}`);
      const [, ...kept] = one.headers;
      assert.deepEqual(message?.headers, [['Host', 'b.test'], ...kept, ['X-Nominated', 'edge']]);
    }),
    RUNS,
  );
});

test('no bytes make the parsers throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      readRequests([Buffer.from(noise)]);
      readResponses([Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n'), noise])], 'GET');
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      readRequests([Buffer.from(head), Buffer.from(noise)]);
    }),
    RUNS,
  );
});
