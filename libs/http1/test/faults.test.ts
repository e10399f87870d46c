import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { HTTP1_FAULTS } from '../src/index.ts';
import type { Http1FaultCode, Http1Limits } from '../src/index.ts';
import { byteByByte, readRequests, readResponses } from './message-reader.ts';

const line = 'GET / HTTP/1.1\r\n';
const get = `${line}Host: a.test\r\n`;
const chunked = `${get}Transfer-Encoding: chunked\r\n\r\n`;
const target = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const host = (value: string): string => `${line}Host: ${value}\r\n\r\n`;

/** Small bounds, so that the inputs that pass and break them stay readable. */
const limits: Http1Limits = {
  headBytesMax: 512,
  headerCountMax: 4,
  targetBytesMax: 64,
  headerNameBytesMax: 32,
  chunkLineBytesMax: 16,
  trailerBytesMax: 64,
};

/** For every fault, requests that meet it. */
const requests: Readonly<Partial<Record<Http1FaultCode, readonly string[]>>> = {
  HG_HTTP_METHOD_INVALID: [
    ' / HTTP/1.1',
    'G(T / HTTP/1.1',
    '\x16\x03\x01',
    'X'.repeat(33),
    '\r\n\r\n',
  ],
  HG_HTTP_METHOD_REFUSED: ['CONNECT a:1 HTTP/1.1', 'TRACE / HTTP/1.1', 'Trace / HTTP/1.1'],
  HG_HTTP_TARGET_INVALID: [
    'GET  / HTTP/1.1',
    'GET \r\n',
    target('a/b'),
    target('*'),
    target('ftp://a.test/'),
    target('http:///a'),
    target('//a.test/').replace('//', 'http:/'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
  HG_HTTP_TARGET_BYTE: [target('/a#b'), target('/a\\b'), target('/\xe9'), target('/a\tb')],
  HG_HTTP_TARGET_ESCAPE: [
    ...['/%', '/a%z', '/%zz', '/%4', '/%2f', '/%2F', '/%5c', '/%00', '/%0a', '/%7F'].map(target),
    target('/%2?a=b'),
  ],
  HG_HTTP_TARGET_SEGMENT: [
    ...['//', '/a//b', '//a', '/.', '/..', '/./', '/../a', '/a/..', '/a/./b'].map(target),
    ...['/%2e', '/a/%2E%2e/b', '/.%2e/', '/a/..;/b', '/.;x=1/b', '/..%3bx/', '/..?a'].map(target),
    target('http://a.test//'),
  ],
  HG_HTTP_TARGET_TOO_LONG: [target(`/${'a'.repeat(64)}`)],
  HG_HTTP_VERSION_INVALID: [
    'GET /\r\n',
    'GET /\n',
    'GET / http/1.1\r\n',
    'GET / HTTP/01.1\r\n',
    'GET / HTTP/1.1 \r\n',
    'GET / HTTP/1.10\r\n',
    'GET / HTTP/2\r\n',
  ],
  HG_HTTP_VERSION_UNSUPPORTED: ['GET / HTTP/2.0\r\n', 'GET / HTTP/1.2\r\n', 'GET / HTTP/0.9\r\n'],
  HG_HTTP_BARE_CR: [
    'GET / HTTP/1.1\rHost: a\r\n',
    `${get}\rX`,
    `${get}a: b\rc`,
    '\rGET / HTTP/1.1\r\n',
    `${chunked}1\r;`,
    `${chunked}0\r\n\rX`,
    `${chunked}0\r\na: b\rX`,
  ],
  HG_HTTP_BARE_LF: [
    'GET / HTTP/1.1\n',
    `${get}a: b\n`,
    `${get}\n`,
    `${chunked}1\n`,
    `${chunked}1;a\n`,
    `${chunked}1;a="\n`,
    `${chunked}0\r\n\n`,
    `${chunked}0\r\na: b\n`,
  ],
  HG_HTTP_NAME_INVALID: [`${get}: x\r\n`, `${get}a[b]: x\r\n`, `${chunked}0\r\nabc\r\n`],
  HG_HTTP_NAME_SPACE: [`${get}a : x\r\n`, `${get}a\t: x\r\n`, `${get}a b: x\r\n`],
  HG_HTTP_NAME_ALIAS: [
    ...['Content_Length', 'TRANSFER_ENCODING', 'x_forwarded_for', 'X-Forwarded_Host'],
    ...['X_Tenant_Id', 'x_request_id', 'x_consumer_name', 'X_Real-IP', 'keep_alive'],
  ].map((name) => `${get}${name}: 1\r\n`),
  HG_HTTP_NAME_TOO_LONG: [`${get}${'a'.repeat(33)}: 1\r\n`, `${chunked}0\r\n${'a'.repeat(33)}`],
  HG_HTTP_FOLDED: [`${get}a: b\r\n c: d\r\n`, `${get}a:\r\n\tb\r\n`, `${line} Host: a\r\n`],
  HG_HTTP_VALUE_INVALID: [`${get}a: b\0\r\n`, `${get}a: \x7f`, `${chunked}0\r\na: \x01`],
  HG_HTTP_HEADERS_TOO_MANY: [`${get}${'a: b\r\n'.repeat(4)}\r\n`],
  HG_HTTP_HEAD_TOO_LARGE: [`${get}a: ${'b'.repeat(512)}`, `${get}a:${' '.repeat(512)}`],
  HG_HTTP_CONNECTION_INVALID: [`${get}Connection: ${'a,'.repeat(65)}\r\n\r\n`],
  HG_HTTP_HOST_MISSING: [`${line}\r\n`, 'GET http://a.test/ HTTP/1.1\r\n\r\n'],
  HG_HTTP_HOST_REPEATED: [`${get}Host: a.test\r\n\r\n`, `${get}hOST: b\r\n\r\n`],
  HG_HTTP_HOST_INVALID: [
    ...['', 'a@b', 'a b', 'a/b', 'a:', 'a:0', 'a:080', 'a:65536', 'a:8x', ':80', '.', 'a..b'].map(
      host,
    ),
    ...['.a', 'a..', '\xe9', 'a%2eb', 'a,b', '[::1', '[::g]', '[::1]x', '[fe80::1%25lo]'].map(host),
    ...[`${'a'.repeat(64)}.b`, 'a.b.'.repeat(64) + 'c', 'a\xe3\x80\x82b'].map(host),
    'GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
  ],
  HG_HTTP_HOST_MISMATCH: [
    'GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test:81/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
  ],
  HG_HTTP_LENGTH_INVALID: [
    ...['', '+1', '-1', '0x1', '1e1', '1_0', '1.0', '1,1', '1 1', '9007199254740992', '\xa01'],
  ].map((value) => `${get}Content-Length: ${value}\r\n\r\n`),
  HG_HTTP_LENGTH_REPEATED: [`${get}Content-Length: 1\r\ncontent-length: 1\r\n\r\n`],
  HG_HTTP_LENGTH_AND_CODING: [`${get}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  HG_HTTP_CODING_INVALID: [
    ...['', 'gzip', 'identity', 'chunked, gzip', 'chunked,chunked', 'gzip,,chunked', '"chunked"'],
    ...[',chunked', 'chunked,', 'chunked;a=b', 'x chunked', 'chunked x', 'xchunked', 'gzip;q=1'],
  ].map((value) => `${get}Transfer-Encoding: ${value}\r\n\r\n`),
  HG_HTTP_CODING_UNSUPPORTED: [`${get}Transfer-Encoding: gzip , \t Chunked\r\n\r\n`],
  HG_HTTP_CODING_VERSION: ['GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  HG_HTTP_EXPECTATION: [
    ...['', '100', 'continue', '100-continue, x', '100-continue;q=1', '200-ok'],
    '100-continue\r\nExpect: 200-ok',
  ].map((value) => `${get}Content-Length: 1\r\nExpect: ${value}\r\n\r\n`),
  HG_HTTP_CHUNK_SIZE: ['+1', '-1', ' 1', '0x1', '1g', '\r\n', ';a', '1 ', '20000000000000'].map(
    (size) => `${chunked}${size}\r\n`,
  ),
  HG_HTTP_CHUNK_EXTENSION: [
    '1;',
    '1;a=',
    '1; a',
    '1;a ',
    '1;a="b"c',
    '1;a="b',
    '1;=b',
    '1;a="\\\0"',
  ].map((size) => `${chunked}${size}\r\n`),
  HG_HTTP_CHUNK_LINE_TOO_LONG: [`${chunked}1;${'a'.repeat(15)}`, `${chunked}${'0'.repeat(17)}`],
  HG_HTTP_CHUNK_END: [`${chunked}1\r\nab`, `${chunked}1\r\na\n`, `${chunked}1\r\na\r\r`],
  HG_HTTP_TRAILER_TOO_LARGE: [`${chunked}0\r\na: ${'b'.repeat(62)}`],
};

/** The same for responses, where they have faults of their own. */
const responses: typeof requests = {
  HG_HTTP_STATUS_INVALID: [
    ...['HTTP/1.1 20 OK', 'HTTP/1.1 2000', 'HTTP/1.1  200', 'HTTP/1.1 099 x', 'HTTP/1.1 600 x'],
    ...['HTTP/1.1 -20', 'http/1.1 200', 'ICY 200 OK', '\r\n', 'HTTP/1.1 200\t', 'HTTP/1.1 200 \0'],
  ].map((start) => `${start}\r\n\r\n`),
  HG_HTTP_VERSION_UNSUPPORTED: ['HTTP/2.0 200 OK\r\n\r\n', 'HTTP/1.2 200 OK\r\n\r\n'],
  HG_HTTP_BARE_LF: ['HTTP/1.1 200 OK\n', 'HTTP/1.1 200 OK\r\na: b\n'],
  HG_HTTP_BARE_CR: ['HTTP/1.1 200 OK\rX'],
  HG_HTTP_NAME_ALIAS: ['HTTP/1.1 200 OK\r\nContent_Length: 1\r\n'],
  HG_HTTP_LENGTH_AND_CODING: [
    'HTTP/1.1 304 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  HG_HTTP_INTERIM_BODY: [
    'HTTP/1.1 100 x\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 101 x\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 199 x\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  ],
  HG_HTTP_CODING_VERSION: ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
};

test('every fault of the table has an input', () => {
  const covered = new Set([...Object.keys(requests), ...Object.keys(responses)]);
  assert.deepEqual([...covered].sort(), Object.keys(HTTP1_FAULTS).sort());
});

for (const [code, inputs] of Object.entries(requests)) {
  test(`${code} in requests, whole and byte by byte`, () => {
    for (const input of inputs) {
      const bytes = Buffer.from(input, 'latin1');
      const whole = readRequests([bytes], limits);
      assert.equal(whole.fault, code, JSON.stringify(input));
      assert.deepEqual(readRequests(byteByByte(bytes), limits), whole, JSON.stringify(input));
    }
  });
}

for (const [code, inputs] of Object.entries(responses)) {
  test(`${code} in responses, whole and byte by byte`, () => {
    for (const input of inputs) {
      const bytes = Buffer.from(input, 'latin1');
      const whole = readResponses([bytes], 'GET', limits);
      assert.equal(whole.fault, code, JSON.stringify(input));
      const dripped = readResponses(byteByByte(bytes), 'GET', limits);
      assert.deepEqual(dripped, whole, JSON.stringify(input));
    }
  });
}

test('messages at a bound pass', () => {
  const name = 'a'.repeat(32);
  for (const input of [
    target(`/${'a'.repeat(63)}`),
    `${get}${'a: b\r\n'.repeat(3)}\r\n`,
    `${get}${name}: b\r\n\r\n`,
    `${get}a: ${'b'.repeat(512 - get.length - 7)}\r\n\r\n`,
    `${chunked}1;${'a'.repeat(14)}\r\nx\r\n0\r\n${name}:\r\n\r\n`,
  ]) {
    for (const pieces of [[Buffer.from(input)], byteByByte(Buffer.from(input))]) {
      const stream = readRequests(pieces, limits);
      assert.equal(stream.fault, null, JSON.stringify(input));
      assert.equal(stream.messages.at(-1)?.complete, true, JSON.stringify(input));
    }
  }
});

test('chunk extensions may not dwarf the data, but may grow with it', () => {
  const signed = (data: string): string =>
    `${data.length.toString(16)};chunk-signature=${'a'.repeat(64)}\r\n${data}\r\n`;
  const large = Buffer.from(`${chunked}${signed('x'.repeat(8192)).repeat(400)}0\r\n\r\n`);
  assert.equal(readRequests([large]).messages[0]?.complete, true);
  const dwarfed = Buffer.from(`${chunked}${signed('x').repeat(400)}0\r\n\r\n`);
  assert.equal(readRequests([dwarfed]).fault, 'HG_HTTP_CHUNK_LINE_TOO_LONG');
});
