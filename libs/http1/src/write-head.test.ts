import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  FRAMING_NONE,
  type Framing,
} from './framing.ts';
import { HeaderSet } from './header-set.ts';
import type { RequestHead } from './request-head.ts';
import { RequestParser } from './request-parser.ts';
import type { ResponseHead } from './response-head.ts';
import { ResponseParser } from './response-parser.ts';
import { chunkHeader, writeRequestHead, writeResponseHead } from './write-head.ts';

const nothing = new HeaderSet([]);

function request(lines: string): RequestHead {
  const parser = new RequestParser();
  const bytes = Buffer.from(`POST /p HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0, parser.fault?.code ?? '');
  return parser.head;
}

function response(head: string): ResponseHead {
  const parser = new ResponseParser();
  const bytes = Buffer.from(`${head}\r\n`, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length, 'GET') > 0, parser.fault?.code ?? '');
  return parser.head;
}

/** The header lines of a written request. */
function rewrite(lines: string, drop = nothing, append = ''): string {
  const start = 'POST /q HTTP/1.1\r\nHost: b:1\r\n';
  const written = writeRequestHead(request(lines), '/q', 'b:1', drop, append);
  assert.ok(written.startsWith(start) && written.endsWith('\r\n\r\n'), written);
  return written.slice(start.length, -2);
}

/** A whole head, written with `X: y` for the endpoint. */
function forward(head: string, target: string, host: string): string {
  const parser = new RequestParser();
  const bytes = Buffer.from(head, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0, parser.fault?.code ?? '');
  return writeRequestHead(parser.head, target, host, nothing, 'X: y\r\n');
}

test('every hop-by-hop field is dropped, by name', () => {
  const lines =
    'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: foo\r\n' +
    'Trailer: x\r\nProxy-Authorization: x\r\nProxy-Authenticate: x\r\nHTTP2-Settings: x\r\n' +
    'Connection: Keep-Alive, TE, Upgrade\r\n';
  assert.equal(rewrite(lines), '');
  assert.equal(rewrite(`A: 1\r\n${lines}B: 2\r\n`), 'A: 1\r\nB: 2\r\n');
});

test('nominated fields are dropped in any case, wherever they stand', () => {
  const lines =
    'X-A: 1\r\nX-B: 2\r\nConnection: x-a\r\nX-C: 3\r\nconnection: , X-C,x-d\r\nx-A: 4\r\n';
  assert.equal(rewrite(lines), 'X-B: 2\r\n');
});

test('nomination removes neither Host nor framing nor what the edge appends', () => {
  const lines =
    'Connection: host, content-length, x-tenant-id\r\nContent-Length: 5\r\nX-Tenant-Id: t2\r\n';
  assert.equal(
    rewrite(lines, nothing, 'X-Tenant-Id: t1\r\n'),
    'Content-Length: 5\r\nX-Tenant-Id: t1\r\n',
  );
});

test('every copy of a dropped name is dropped, in any case', () => {
  const drop = new HeaderSet(['x-tenant-id', 'expect']);
  const lines = 'x-tenant-id: t2\r\nA: b\r\nX-TENANT-ID:  t3 \r\nExpect: 100-continue\r\n';
  assert.equal(rewrite(lines, drop), 'A: b\r\n');
});

test('an alias of a dropped name is dropped', () => {
  const drop = new HeaderSet(['x-customer-id', 'x_other_id']);
  const lines =
    'X_Customer_Id: 1\r\nx-customer_id: 2\r\nX-Other-Id: 3\r\nx_other-id: 4\r\nX-C: 5\r\n';
  assert.equal(rewrite(lines, drop), 'X-C: 5\r\n');
});

test('Expect is kept for a body only, and cannot be nominated away', () => {
  const expect = 'Expect: 100-continue\r\n';
  const length = 'Content-Length: 1\r\n';
  assert.equal(rewrite(`${expect}${length}`), `${expect}${length}`);
  assert.equal(rewrite(`Connection: expect\r\n${expect}${length}`), `${expect}${length}`);
  assert.equal(rewrite(expect), '');
  assert.equal(rewrite(`${expect}Content-Length: 0\r\n`), 'Content-Length: 0\r\n');
  const chunked = 'Transfer-Encoding: chunked\r\n';
  assert.equal(rewrite(`${expect}${chunked}`), `${expect}${chunked}`);
});

test('an expectation of an HTTP/1.0 client does not reach an HTTP/1.1 server', () => {
  const parser = new RequestParser();
  const bytes = Buffer.from(
    'POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
  );
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0);
  const written = writeRequestHead(parser.head, '/', 'a', nothing, '');
  assert.equal(written, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n');
});

test('the framing is written anew', () => {
  assert.equal(rewrite('content-length: 007\r\nA: b\r\n'), 'A: b\r\nContent-Length: 7\r\n');
  assert.equal(rewrite('transfer-encoding:CHUNKED\r\n'), 'Transfer-Encoding: chunked\r\n');
  assert.equal(rewrite('A: b\r\n'), 'A: b\r\n');
});

test('what is to be written as it came stays as it came', () => {
  const sent = 'POST /p HTTP/1.1\r\nhost: a\r\nA: 1\r\ncontent-length: 7\r\nB: 2\r\n';
  assert.equal(forward(`${sent}\r\n`, '/p', 'a'), `${sent}X: y\r\n\r\n`);
});

test('a start that differs from what is to be written is written anew, with Host first', () => {
  const written = 'POST /p HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n';
  const starts = [
    'POST /p HTTP/1.0\r\nHost: a\r\n', // the version
    'POST http://a/p HTTP/1.1\r\nHost: a\r\n', // absolute-form
    'POST /q HTTP/1.1\r\nHost: a\r\n', // another target of the same length
    'POST /%70 HTTP/1.1\r\nHost: a\r\n', // a path in normal form
    'POST /p HTTP/1.1\r\nHost: A\r\n', // the host's case
    'POST /p HTTP/1.1\r\nHost: b\r\n', // another host
    'POST /p HTTP/1.1\r\nHost:a\r\n',
    'POST /p HTTP/1.1\r\nHost:\ta\r\n',
    'POST /p HTTP/1.1\r\nHost:  a\r\n',
    'POST /p HTTP/1.1\r\nHost: a \r\n',
    'POST /p HTTP/1.1\r\nHost: a.\r\n',
  ];
  for (const start of starts) assert.equal(forward(`${start}\r\n`, '/p', 'a'), written, start);
  assert.equal(
    forward('POST /p HTTP/1.1\r\nB: 2\r\nHost: a\r\n\r\n', '/p', 'a'),
    'POST /p HTTP/1.1\r\nHost: a\r\nB: 2\r\nX: y\r\n\r\n',
  );
});

test('a Content-Length that is no plain number alone in its line is written anew', () => {
  for (const line of ['content-length:7', 'content-length:  7', 'content-length: 7 ']) {
    assert.equal(rewrite(`${line}\r\nA: b\r\n`), 'A: b\r\nContent-Length: 7\r\n', line);
  }
  assert.equal(rewrite('content-length: 70\r\nA: b\r\n'), 'content-length: 70\r\nA: b\r\n');
  assert.equal(rewrite('content-length: 0\r\nA: b\r\n'), 'content-length: 0\r\nA: b\r\n');
});

test('a Content-Length of the endpoint stays only where the client gets the same', () => {
  const head = response('HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: b\r\n');
  const write = (framing: Framing, length: number): string =>
    writeResponseHead(head, nothing, framing, length, '').slice('HTTP/1.1 200 OK\r\n'.length, -2);
  assert.equal(write(FRAMING_LENGTH, 9), 'Content-Length: 9\r\nA: b\r\n');
  assert.equal(write(FRAMING_NONE, 9), 'Content-Length: 9\r\nA: b\r\n');
  assert.equal(write(FRAMING_LENGTH, 8), 'A: b\r\nContent-Length: 8\r\n');
  assert.equal(write(FRAMING_NONE, -1), 'A: b\r\n');
  assert.equal(write(FRAMING_CLOSE, 9), 'A: b\r\n');
  assert.equal(write(FRAMING_CHUNKED, 9), 'A: b\r\nTransfer-Encoding: chunked\r\n');
  const empty = response('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nA: b\r\n');
  assert.equal(
    writeResponseHead(empty, nothing, empty.framing, empty.contentLength, ''),
    'HTTP/1.1 204 No Content\r\nA: b\r\n\r\n',
  );
});

test('a response keeps its status line, but speaks HTTP/1.1', () => {
  const write = (head: string): string =>
    writeResponseHead(response(head), nothing, FRAMING_LENGTH, 2, 'Via: x\r\n');
  const tail = 'A: b\r\nContent-Length: 2\r\nVia: x\r\n\r\n';
  const lines = 'A: b\r\nContent-Length: 9\r\nKeep-Alive: x\r\nConnection: close\r\n';
  assert.equal(write(`HTTP/1.1 404 Not Found\r\n${lines}`), `HTTP/1.1 404 Not Found\r\n${tail}`);
  assert.equal(write(`HTTP/1.0 404 Not Found\r\n${lines}`), `HTTP/1.1 404 Not Found\r\n${tail}`);
  assert.equal(write(`HTTP/1.1 404\r\n${lines}`), `HTTP/1.1 404 \r\n${tail}`);
});

test('a response is framed as the caller says', () => {
  const head = response(
    'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 9\r\n',
  );
  const start = 'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n';
  const drop = new HeaderSet(['server']);
  assert.equal(
    writeResponseHead(head, drop, FRAMING_CHUNKED, -1, ''),
    `${start}Transfer-Encoding: chunked\r\n\r\n`,
  );
  assert.equal(writeResponseHead(head, drop, FRAMING_CLOSE, -1, ''), `${start}\r\n`);
  assert.equal(writeResponseHead(head, drop, FRAMING_NONE, -1, ''), `${start}\r\n`);
  assert.equal(
    writeResponseHead(head, drop, FRAMING_NONE, 9, ''),
    `${start}Content-Length: 9\r\n\r\n`,
  );
});

test('chunk sizes are hexadecimal', () => {
  assert.equal(chunkHeader(500), '1f4\r\n');
});
