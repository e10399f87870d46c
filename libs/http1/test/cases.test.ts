import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { byteByByte, cutAt, readRequests, readResponses } from './message-reader.ts';
import type { ReadStream } from './message-reader.ts';
import { seededRandom } from './random.ts';

interface Case {
  readonly id: string;
  readonly side: 'client' | 'backend';
  readonly title: string;
  readonly bytes: string;
  readonly request?: string;
  readonly expect: {
    readonly status: number | string | readonly (number | string)[];
    readonly conn?: string;
    readonly backend?: number | string;
  };
}

/** Cases whose verdict falls in the edge: the codec has no clock, no routes and no sockets. */
const needsEdge = new Map([
  ['chunk-31', 'body timeout'],
  ['conn-12', 'body timeout'],
  ['conn-13', 'answer while the request body is sent'],
  ['host-23', 'no host, so no tenant: 404'],
  ['host-24', 'unknown tenant'],
  ['lim-06', 'bound of a body'],
  ['upg-10', 'check of a 101 against the request'],
  ['resp-34', 'end of the connection before any byte'],
  ['resp-37', 'header timeout'],
  ['pp-03', 'PROXY protocol'],
  ['pp-07', 'PROXY protocol'],
  ['pp-09', 'PROXY protocol'],
  ['pp-10', 'PROXY protocol'],
  ['h2-02', 'HTTP/2'],
  ['h2-03', 'HTTP/2'],
  ['h2-06', 'HTTP/2'],
  ['h2-08', 'HTTP/2'],
]);

const RANDOM_CUTS = 8;
const SEED = 20_261_121;

const file = new URL('../test-data/cases.json', import.meta.url);
// The file is part of this repository; the shape is the one its field list names.
const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[];
const decidable = cases.filter((one) => !needsEdge.has(one.id));

test('the decidable cases and those of the edge are all 128', () => {
  const ids = new Set(cases.map((one) => one.id));
  assert.equal(cases.length, 128);
  assert.equal(ids.size, 128);
  for (const id of needsEdge.keys()) assert.ok(ids.has(id), `${id} is no case`);
  assert.equal(decidable.length, 128 - needsEdge.size);
});

for (const one of decidable) {
  test(`${one.id}: ${one.title}, however it is cut`, () => {
    const bytes = Buffer.from(expand(one.bytes), 'latin1');
    const whole = read(one, [bytes]);
    if (one.side === 'client') assertRequestVerdict(one, whole);
    else assertResponseVerdict(one, whole);
    assert.deepEqual(read(one, byteByByte(bytes)), whole, 'byte by byte');
    assert.deepEqual(read(one, cutAt(bytes, lineEnds(bytes, 2))), whole, 'behind each CRLF');
    assert.deepEqual(read(one, cutAt(bytes, lineEnds(bytes, 1))), whole, 'inside each CRLF');
    assert.deepEqual(read(one, cutAt(bytes, lineEnds(bytes, 0))), whole, 'before each CRLF');
    const random = seededRandom(SEED);
    for (let round = 0; round < RANDOM_CUTS; round++) {
      const offsets = Array.from({ length: 1 + random(6) }, () => random(bytes.length + 1));
      const pieces = cutAt(
        bytes,
        offsets.sort((a, b) => a - b),
      );
      assert.deepEqual(read(one, pieces), whole, `cut at ${offsets.join()}`);
    }
  });
}

for (const value of ['-1', '0x2', '2_0', '2.0', '']) {
  test(`resp-05 with Content-Length "${value}" is refused`, () => {
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${value}\r\n\r\nok`);
    assert.equal(readResponses([bytes], 'GET').fault, 'HG_HTTP_LENGTH_INVALID');
  });
}

function read(one: Case, pieces: Iterable<Buffer>): ReadStream {
  if (one.side === 'client') return readRequests(pieces);
  return readResponses(pieces, one.request?.split(' ', 1)[0] ?? 'GET');
}

/** The first message decides: forwarded, or refused with one of the statuses of the case. */
function assertRequestVerdict(one: Case, stream: ReadStream): void {
  const { status, conn, backend } = one.expect;
  const complete = stream.messages.filter((message) => message.complete).length;
  const verdict = complete > 0 ? 'forward' : stream.status;
  assert.ok(allows(status, verdict), `${verdict} (${stream.fault}) is not ${String(status)}`);
  const expected = backend === 'incomplete-or-0' && verdict !== 'forward' ? 0 : backend;
  if (typeof expected === 'number') assert.equal(complete, expected, 'requests parsed');
  const last = stream.messages.at(-1);
  const keeps = stream.fault === null && last?.complete === true && last.persistent;
  if (conn === 'close') assert.equal(keeps, false, 'the connection has to close');
  if (conn === 'keep') assert.equal(keeps, true, 'the connection has to stay');
}

/** A fault is a 502; an answer that is cut short is an abort; else its status is relayed. */
function assertResponseVerdict(one: Case, stream: ReadStream): void {
  const last = stream.messages.at(-1);
  let verdict: number | string = 502;
  if (stream.fault === null && last !== undefined) {
    verdict = last.complete ? Number(last.start) : 'abort';
  }
  assert.ok(allows(one.expect.status, verdict), `${verdict} (${stream.fault})`);
}

function allows(expected: Case['expect']['status'], verdict: number | string | null): boolean {
  const list = Array.isArray(expected) ? expected : [expected];
  return list.includes(verdict);
}

/** Offsets `shift` bytes behind the start of every CRLF. */
function lineEnds(bytes: Buffer, shift: number): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf('\r\n'); at !== -1; at = bytes.indexOf('\r\n', at + 2)) {
    offsets.push(at + shift);
  }
  return offsets;
}

/** `{{X*N}}` stands for X, N times. */
function expand(text: string): string {
  return text.replace(/\{\{([^{}]*)\*(\d+)\}\}/g, (_, part: string, count: string) =>
    part.repeat(Number(count)),
  );
}
