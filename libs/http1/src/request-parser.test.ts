import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import type { RequestHead } from './request-head.ts';
import { RequestParser } from './request-parser.ts';

function parse(text: string): RequestHead {
  const parser = new RequestParser();
  const bytes = Buffer.from(text, 'latin1');
  assert.equal(parser.parse(bytes, 0, bytes.length), bytes.length, parser.fault?.code ?? '');
  return parser.head;
}

function feed(parser: RequestParser, text: string): number {
  const bytes = Buffer.from(text, 'latin1');
  return parser.parse(bytes, 0, bytes.length);
}

test('the answer counts the bytes of the head in this slice, a leading CRLF included', () => {
  const parser = new RequestParser();
  const bytes = Buffer.from('xx\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest');
  assert.equal(parser.parse(bytes, 2, bytes.length), bytes.length - 6);
  assert.equal(parser.head.text, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  parser.reset();
  assert.equal(feed(parser, '\r'), 0);
  assert.equal(feed(parser, '\nGET / HTTP/1.1\r\nHost: a\r'), 0);
  assert.equal(feed(parser, '\n\r\nrest'), 3);
});

test('a leading CRLF does not start a head, its first byte does', () => {
  const parser = new RequestParser();
  assert.equal(feed(parser, ''), 0);
  assert.equal(feed(parser, '\r\n'), 0);
  assert.equal(parser.started, false);
  assert.equal(feed(parser, 'G'), 0);
  assert.equal(parser.started, true);
  parser.reset();
  assert.equal(parser.started, false);
});

test('a fault stays until the parser is reset, and a complete head must be reset', () => {
  const parser = new RequestParser();
  assert.equal(feed(parser, '(\r\n'), -1);
  assert.equal(feed(parser, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), -1);
  parser.reset();
  assert.equal(parser.fault, null);
  assert.ok(feed(parser, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n') > 0);
  assert.throws(() => feed(parser, 'G'), /needs a reset/);
});

test('a head leaves nothing behind in the next one', () => {
  const parser = new RequestParser();
  const first =
    'POST http://a.test:81/x?y HTTP/1.1\r\nHost: a.test:81\r\nContent-Length: 3\r\n' +
    'Expect: 100-continue\r\nConnection: upgrade, close\r\nUpgrade: foo\r\n\r\n';
  assert.ok(feed(parser, first) > 0);
  assert.equal(parser.head.upgrade, 'foo');
  assert.equal(parser.head.expectContinue, true);
  parser.reset();
  assert.ok(feed(parser, 'GET / HTTP/1.0\r\n\r\n') > 0);
  const { text, slots, fieldsStart, fieldsEnd, ...rest } = parser.head;
  assert.equal(text, 'GET / HTTP/1.0\r\n\r\n');
  assert.equal(slots.length > 0 && fieldsStart === fieldsEnd, true);
  assert.deepEqual(rest, {
    headerCount: 0,
    plainLength: -1,
    method: 'GET',
    target: '/',
    path: '/',
    pathFlags: 0,
    query: '',
    host: '',
    hostPort: '',
    minorVersion: 0,
    framing: FRAMING_NONE,
    contentLength: -1,
    persistent: false,
    expectContinue: false,
    upgrade: '',
  });
});

const targets: readonly (readonly [string, string, string, string])[] = [
  ['GET /', '/', '/', ''],
  ['GET /a/b;c=d/?e=%&f=//../', '/a/b;c=d/?e=%&f=//../', '/a/b;c=d/', '?e=%&f=//../'],
  ['GET /?', '/?', '/', '?'],
  ['GET /a%252f...%c0%af/..a/.b', '/a%252f...%C0%AF/..a/.b', '/a%252f...%C0%AF/..a/.b', ''],
  ['GET http://A.test/p?q', '/p?q', '/p', '?q'],
  ['GET HTTPS://a.test', '/', '/', ''],
  ['GET http://a.test?q', '/?q', '/', '?q'],
  ['OPTIONS *', '*', '*', ''],
  ['OPTIONS http://a.test', '*', '*', ''],
];

for (const [line, target, path, query] of targets) {
  test(`${line} is forwarded as ${target}`, () => {
    const head = parse(`${line} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    assert.deepEqual([head.target, head.path, head.query], [target, path, query]);
    assert.equal(head.host, 'a.test');
  });
}

const connections: readonly (readonly [string, string, boolean])[] = [
  ['1.1', '', true],
  ['1.1', 'Connection: Close\r\n', false],
  ['1.1', 'Connection: x , ,close\r\n', false],
  ['1.1', 'Connection: closed\r\n', true],
  ['1.0', '', false],
  ['1.0', 'Connection: Keep-Alive\r\n', true],
  ['1.0', 'Connection: keep-alive\r\nConnection: close\r\n', false],
];

for (const [version, lines, persistent] of connections) {
  test(`HTTP/${version} ${JSON.stringify(lines)} persists: ${persistent}`, () => {
    assert.equal(parse(`GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`).persistent, persistent);
  });
}

test('the framing is read, also from a request whose method mostly has no body', () => {
  const length = parse('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n');
  assert.deepEqual([length.framing, length.contentLength], [FRAMING_LENGTH, 12]);
  const chunked = parse('GET / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:CHUNKED\r\n\r\n');
  assert.deepEqual([chunked.framing, chunked.contentLength], [FRAMING_CHUNKED, -1]);
  const large = `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ${Number.MAX_SAFE_INTEGER}\r\n\r\n`;
  assert.equal(parse(large).contentLength, Number.MAX_SAFE_INTEGER);
});

test('Upgrade counts only when Connection names it, once, and not in HTTP/1.0', () => {
  const upgrade = (version: string, lines: string): string =>
    parse(`GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`).upgrade;
  assert.equal(upgrade('1.1', 'Upgrade: websocket\r\nConnection: x, Upgrade\r\n'), 'websocket');
  assert.equal(upgrade('1.1', 'Upgrade: websocket\r\n'), '');
  assert.equal(upgrade('1.1', 'Upgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n'), '');
  assert.equal(upgrade('1.0', 'Upgrade: websocket\r\nConnection: upgrade\r\n'), '');
});

test('headers are found by name in any case', () => {
  const head = parse(
    'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:\t2 \r\nX-a:\r\n__proto__: p\r\n\r\n',
  );
  assert.equal(head.headerCount, 5);
  assert.equal(head.indexOf('x-a'), 1);
  assert.equal(head.count('x-a'), 3);
  assert.deepEqual([head.get('x-a'), head.value(2), head.value(3)], ['1', '2', '']);
  assert.equal(head.get('__proto__'), 'p');
  assert.deepEqual([head.get('x-b'), head.indexOf('x-b'), head.count('x-b')], [null, -1, 0]);
  assert.deepEqual([head.name(1), head.name(5), head.value(-1)], ['X-A', '', '']);
});

test('more headers than the first slots hold are all kept', () => {
  const lines = Array.from({ length: 90 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
  const head = parse(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  for (let i = 0; i < 90; i++) assert.equal(head.get(`x-${i}`), String(i));
});

test('a standard method is one shared string, another method is kept as sent', () => {
  for (const method of [
    'GET',
    'POST',
    'PUT',
    'HEAD',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'get',
    'QUERY',
  ]) {
    assert.equal(parse(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`).method, method);
  }
});
