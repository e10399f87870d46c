// Micro-benchmark of the codec's hot functions; run with `node libs/http1/bench/codec.bench.ts`.
// Prints nanoseconds per call: the best of several rounds, as the machine is rarely idle.
import { Buffer } from 'node:buffer';
import process from 'node:process';
import {
  BODY_DATA,
  BODY_END,
  BodyDecoder,
  FRAMING_CHUNKED,
  FRAMING_LENGTH,
  HeaderSet,
  RequestParser,
  ResponseParser,
  canonicalPath,
  parseHost,
  pathReadings,
  writeRequestHead,
  writeResponseHead,
} from '../src/index.ts';

// Rounds of some milliseconds: on a busy machine a few of them run without an interruption.
const CALLS_PER_ROUND = 2000;
const ROUNDS = 400;

const requestBytes = Buffer.from(
  'GET /api/v1/orders/4711?expand=items HTTP/1.1\r\n' +
    'Host: shop.example.com\r\n' +
    'User-Agent: load/1.0 (linux; x64)\r\n' +
    'Accept: application/json\r\n' +
    'Accept-Encoding: gzip, br\r\n' +
    'Authorization: Bearer hg_0123456789abcdef\r\n' +
    'X-Forwarded-For: 10.1.2.3\r\n' +
    'Connection: keep-alive\r\n' +
    '\r\n',
);
const escapedBytes = Buffer.from(requestBytes.toString().replace('orders', '%6frders/%c3%a9'));
const responseBytes = Buffer.from(
  'HTTP/1.1 200 OK\r\n' +
    'Content-Type: application/json; charset=utf-8\r\n' +
    'Cache-Control: no-store\r\n' +
    'X-Request-Id: 0190a8c4-2f6b-7cc2-9d4e-1f2a3b4c5d6e\r\n' +
    'Date: Sat, 21 Nov 2026 03:00:00 GMT\r\n' +
    'Connection: keep-alive\r\n' +
    'Keep-Alive: timeout=5\r\n' +
    'Content-Length: 280\r\n' +
    '\r\n',
);
const chunkedBytes = Buffer.concat(
  Array.from({ length: 8 }, () => Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`)).concat(
    Buffer.from('0\r\n\r\n'),
  ),
);
const dropFromRequest = new HeaderSet([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-request-id',
  'x-tenant-id',
  'x-real-ip',
  'forwarded',
  'expect',
]);
const dropFromResponse = new HeaderSet(['server', 'x-request-id']);
const requestAppend =
  'X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: http\r\nX-Tenant-Id: t1\r\nVia: 1.1 headgate\r\n';
const out = Buffer.alloc(65_536);

const requests = new RequestParser();
const responses = new ResponseParser();
const bodies = new BodyDecoder();

measure(`request parse, ${requestBytes.length} bytes`, () => {
  requests.reset();
  return requests.parse(requestBytes, 0, requestBytes.length);
});
measure('request parse + path and host read', () => {
  requests.reset();
  requests.parse(requestBytes, 0, requestBytes.length);
  return requests.head.path.length + requests.head.host.length;
});
/** What the edge asks a request for, and a response: mostly absent. */
const ASKED = ['traceparent', 'x-tenant-id', 'x-api-key', 'via', 'x-forwarded-proto', 'user-agent'];
measure(`${ASKED.length} names looked up`, () => {
  let found = 1;
  for (let i = 0; i < ASKED.length; i++) found += requests.head.indexOf(ASKED[i] ?? '');
  return found + 10;
});
measure(`request parse + ${ASKED.length} names looked up`, () => {
  requests.reset();
  requests.parse(requestBytes, 0, requestBytes.length);
  let found = 10;
  for (let i = 0; i < ASKED.length; i++) found += requests.head.indexOf(ASKED[i] ?? '');
  return found;
});
measure('request parse, escaped path', () => {
  requests.reset();
  return requests.parse(escapedBytes, 0, escapedBytes.length);
});
measure('request parse, in two pieces', () => {
  requests.reset();
  requests.parse(requestBytes, 0, 100);
  return requests.parse(requestBytes, 100, requestBytes.length);
});
measure('canonicalPath', () => canonicalPath('/caf%C3%A9/menu')?.length ?? 0);
measure('parseHost', () => parseHost('Shop.Example.com:8080')?.host.length ?? 0);
measure('pathReadings of a path with an escape', () => pathReadings('/users/a%40b.test/x').length);
requests.reset();
requests.parse(requestBytes, 0, requestBytes.length);
measure('writeRequestHead', () => rewriteRequest().length);
measure('writeRequestHead + write to a buffer', () => out.write(rewriteRequest(), 'latin1'));
measure('request parse + rewrite + write to a buffer', () => {
  requests.reset();
  requests.parse(requestBytes, 0, requestBytes.length);
  return out.write(rewriteRequest(), 'latin1');
});
measure(`response parse, ${responseBytes.length} bytes`, () => {
  responses.reset();
  return responses.parse(responseBytes, 0, responseBytes.length, 'GET');
});
measure('writeResponseHead', () => rewriteResponse().length);
measure('writeResponseHead + write to a buffer', () => out.write(rewriteResponse(), 'latin1'));
measure('response parse + rewrite + write to a buffer', () => {
  responses.reset();
  responses.parse(responseBytes, 0, responseBytes.length, 'GET');
  return out.write(rewriteResponse(), 'latin1');
});
measure(`chunked decode, 8 chunks, ${chunkedBytes.length} bytes`, () => {
  bodies.reset(FRAMING_CHUNKED, -1);
  let at = 0;
  while (bodies.next(chunkedBytes, at, chunkedBytes.length) === BODY_DATA) at = bodies.position;
  return bodies.bytesDecoded;
});
measure('length decode, 1 KiB', () => {
  bodies.reset(FRAMING_LENGTH, 1024);
  bodies.next(chunkedBytes, 0, 1024);
  return bodies.next(chunkedBytes, bodies.position, 1024) === BODY_END ? 1 : 0;
});

function rewriteRequest(): string {
  const head = requests.head;
  return writeRequestHead(head, head.target, head.host, dropFromRequest, requestAppend);
}

function rewriteResponse(): string {
  const append = 'Via: 1.1 headgate\r\nX-Request-Id: 1\r\n';
  return writeResponseHead(responses.head, dropFromResponse, FRAMING_LENGTH, 280, append);
}

/** The sum of the results is checked, so that no call can be optimised away. */
function measure(name: string, call: () => number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let sum = 0;
    const before = process.hrtime.bigint();
    for (let i = 0; i < CALLS_PER_ROUND; i++) sum += call();
    const ns = Number(process.hrtime.bigint() - before) / CALLS_PER_ROUND;
    if (sum <= 0) throw new Error(`${name} did not do its work`);
    if (ns < best) best = ns;
  }
  console.log(`${best.toFixed(0).padStart(7)} ns  ${name}`);
}
