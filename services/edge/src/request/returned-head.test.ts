import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  FRAMING_NONE,
  RequestParser,
  ResponseParser,
  type ResponseHead,
} from '@headgate/http1';
import { RequestContext } from './request-context.ts';
import { framingFor, writeInterimHead, writeReturnedHead } from './returned-head.ts';

function responseOf(head: string, method = 'GET'): ResponseHead {
  const parser = new ResponseParser();
  const bytes = Buffer.from(`${head}\r\n`, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length, method) > 0, parser.fault?.code ?? '');
  return parser.head;
}

function contextOf(version: string, limitHeaders = ''): RequestContext {
  const parser = new RequestParser();
  const bytes = Buffer.from(`GET / HTTP/${version}\r\nHost: a.test\r\n\r\n`);
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0);
  return Object.assign(new RequestContext(parser.head), { requestId: 'id-1', limitHeaders });
}

/** Lines of the head that goes to a client that speaks this version. */
function returned(head: string, version = '1.1', keepAlive = true, limitHeaders = ''): string[] {
  const response = responseOf(head);
  const framing = framingFor(response.framing, version === '1.1' ? 1 : 0);
  const context = contextOf(version, limitHeaders);
  const text = writeReturnedHead(context, response, framing, keepAlive, 'Date: now\r\n');
  assert.ok(text.endsWith('\r\n\r\n'));
  return text.slice(0, -4).split('\r\n');
}

const OWN = ['Via: 1.1 headgate', 'X-Request-Id: id-1'];

suite('returned head', () => {
  test('what the endpoint sends stays in order; what the edge sets follows', () => {
    const lines = returned(
      'HTTP/1.1 404 Nope\r\nDate: then\r\nContent-Length: 02\r\nSet-Cookie: a=b\r\nX: y\r\nSet-Cookie: c=d\r\n',
    );
    assert.deepEqual(lines, [
      'HTTP/1.1 404 Nope',
      ...['Date: then', 'Set-Cookie: a=b', 'X: y', 'Set-Cookie: c=d', 'Content-Length: 2'],
      ...OWN,
    ]);
  });

  test('a missing Date is added; forged request ids and hop-by-hop fields are dropped', () => {
    const lines = returned(
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: forged\r\nKeep-Alive: timeout=1\r\n' +
        'Connection: X-Hop\r\nX-Hop: 1\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTrailer: y\r\n',
    );
    assert.deepEqual(lines, ['HTTP/1.1 200 OK', 'Content-Length: 0', ...OWN, 'Date: now']);
  });

  test('the proxies before this one stay in Via, with the version of the message received', () => {
    const lines = returned(
      'HTTP/1.0 200 OK\r\nVia: 1.1 a\r\nvia: 1.0 b\r\nDate: x\r\nContent-Length: 0\r\n',
    );
    assert.deepEqual(
      lines.filter((line) => /^via:/i.test(line)),
      ['Via: 1.1 a, 1.0 b, 1.0 headgate'],
    );
  });

  test('limits of the edge replace those of the endpoint', () => {
    const head =
      'HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\nRateLimit: theirs\r\nRateLimit-Policy: x\r\n';
    const limitLines = (lines: string[]): string[] =>
      lines.filter((line) => line.startsWith('RateLimit'));
    assert.deepEqual(limitLines(returned(head)), ['RateLimit: theirs', 'RateLimit-Policy: x']);
    const own = returned(head, '1.1', true, 'RateLimit: ours\r\n');
    assert.deepEqual(limitLines(own), ['RateLimit: ours']);
  });

  test('X-RateLimit fields of the endpoint are replaced where the edge sets them, else they pass', () => {
    const theirs = ['X-RateLimit-Limit: 1', 'X-RateLimit-Remaining: 2', 'X-RateLimit-Reset: 3'];
    const head = `HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n${theirs.join('\r\n')}\r\nRateLimit: x\r\n`;
    const limitLines = (own: string): string[] =>
      returned(head, '1.1', true, own).filter((line) => line.includes('RateLimit'));
    assert.deepEqual(limitLines('RateLimit: ours\r\n'), [...theirs, 'RateLimit: ours']);
    assert.deepEqual(limitLines('X-RateLimit-Limit: 9\r\n'), ['X-RateLimit-Limit: 9']);
  });

  test('each version hears how its connection goes on', () => {
    const head = 'HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n';
    const connection = (version: string, keepAlive: boolean): string | undefined =>
      returned(head, version, keepAlive).find((line) => line.startsWith('Connection'));
    assert.equal(connection('1.1', true), undefined);
    assert.equal(connection('1.1', false), 'Connection: close');
    assert.equal(connection('1.0', true), 'Connection: keep-alive');
    assert.equal(connection('1.0', false), 'Connection: close');
  });

  test('HTTP/1.0 gets no chunks, HTTP/1.1 gets them in place of a close', () => {
    assert.equal(framingFor(FRAMING_CHUNKED, 0), FRAMING_CLOSE);
    assert.equal(framingFor(FRAMING_CLOSE, 0), FRAMING_CLOSE);
    assert.equal(framingFor(FRAMING_CLOSE, 1), FRAMING_CHUNKED);
    assert.equal(framingFor(FRAMING_CHUNKED, 1), FRAMING_CHUNKED);
    for (const version of [0, 1] as const) {
      assert.equal(framingFor(FRAMING_LENGTH, version), FRAMING_LENGTH);
      assert.equal(framingFor(FRAMING_NONE, version), FRAMING_NONE);
    }
  });

  test('an interim response goes on with Via and without a length', () => {
    const hints = responseOf(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 0\r\nVia: 1.1 a\r\nConnection: x\r\n',
    );
    assert.equal(
      writeInterimHead(hints, 'X: y\r\n'),
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 a, 1.1 headgate\r\nX: y\r\n\r\n',
    );
  });
});
