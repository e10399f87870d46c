import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RequestParser } from '@headgate/http1';
import { levelLimits } from '../snapshot/level-limits.ts';
import { compileForwardingRules, writeForwardedHead } from './forwarded-head.ts';
import { RequestContext } from './request-context.ts';

const RULES = compileForwardingRules('x-customer');
const ROUTE = { strippedChars: 0 };

function contextOf(head: string, changes: Partial<RequestContext> = {}): RequestContext {
  const parser = new RequestParser();
  const bytes = Buffer.from(head, 'latin1');
  assert.equal(parser.parse(bytes, 0, bytes.length), bytes.length);
  const context = new RequestContext(parser.head);
  context.clientIp = '192.0.2.7';
  context.requestId = 'id-1';
  return Object.assign(context, changes);
}

/** Lines of the forwarded head. */
function forward(head: string, changes: Partial<RequestContext> = {}, route = ROUTE): string[] {
  const text = writeForwardedHead(contextOf(head, changes), route, RULES, '');
  assert.ok(text.endsWith('\r\n\r\n'));
  return text.slice(0, -4).split('\r\n');
}

const OWN = [
  'X-Forwarded-For: 192.0.2.7',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: a.test',
  'Via: 1.1 headgate',
  'X-Request-Id: id-1',
];

suite('forwarded head', () => {
  test('what the client sends stays in order; what the edge sets follows', () => {
    const lines = forward('GET /x?y HTTP/1.1\r\nB: 1\r\nHost: a.test\r\nA: 2\r\nB: 3\r\n\r\n');
    assert.deepEqual(lines, ['GET /x?y HTTP/1.1', 'Host: a.test', 'B: 1', 'A: 2', 'B: 3', ...OWN]);
  });

  test('the configured tenant header and the default one are dropped from the client', () => {
    const lines = forward(
      'GET / HTTP/1.1\r\nHost: a.test\r\nX-Customer: b\r\nX-Tenant-Id: b\r\n\r\n',
    );
    assert.deepEqual(lines, ['GET / HTTP/1.1', 'Host: a.test', ...OWN]);
  });

  const SPOOFED = [
    ...['X-Forwarded-User: a', 'x-forwarded-email: a', 'X-Forwarded-Client-Cert: a'],
    ...['X-Forwarded-Prefix: a', 'X-FORWARDED-SSL: on', 'X-Headgate-Plan: a'],
    ...['X-Consumer-Id: a', 'X-Consumer-Username: a', 'X-Client-IP: 1', 'X-Cluster-Client-IP: 1'],
    ...['X-Original-Host: a', 'X-Original-URL: /admin', 'x-rewrite-url: /admin'],
  ];
  for (const method of ['GET', 'OPTIONS']) {
    test(`${method}: what a client says of who calls and what is asked for is dropped, of a trusted source it goes on`, () => {
      const head = `${method} / HTTP/1.1\r\nHost: a.test\r\n${SPOOFED.join('\r\n')}\r\nX-Custom: b\r\n\r\n`;
      assert.deepEqual(forward(head).slice(2, -OWN.length), ['X-Custom: b']);
      const trusted = forward(head, { trustedSource: true });
      assert.deepEqual(trusted.slice(2, -OWN.length), [...SPOOFED, 'X-Custom: b']);
    });
  }

  test('a port stays with the host; the length is written in canonical form', () => {
    const lines = forward('POST / HTTP/1.1\r\nHost: A.Test:8080\r\nContent-Length: 005\r\n\r\n');
    assert.deepEqual(lines.slice(1, 3), ['Host: a.test:8080', 'Content-Length: 5']);
    assert.ok(lines.includes('X-Forwarded-Host: a.test:8080'));
  });

  test('Authorization goes on unless it was a key of ours', () => {
    const head = 'GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer x\r\n\r\n';
    assert.ok(forward(head).includes('Authorization: Bearer x'));
    const principal = {
      keyId: 'k',
      sha256: '',
      token: null,
      limits: levelLimits([], { level: 'tenant', scope: '' }, 'UTC'),
      chain: null,
      shadows: levelLimits([], { level: 'tenant', scope: '' }, 'UTC'),
    };
    assert.ok(!forward(head, { principal }).includes('Authorization: Bearer x'));
    const token = { issuerId: 'login', expiresAtMs: Infinity };
    assert.ok(
      forward(head, { principal: { ...principal, token } }).includes('Authorization: Bearer x'),
    );
    const both = head.replace('\r\n\r\n', '\r\nX-API-Key: k\r\n\r\n');
    const lines = forward(both, { principal });
    assert.ok(lines.includes('Authorization: Bearer x'));
    assert.ok(!lines.includes('X-API-Key: k'));
  });

  test('Max-Forwards of an OPTIONS is counted down, and dropped when it is no number', () => {
    const sent = (method: string, lines: string): string[] =>
      forward(`${method} / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`).filter((line) =>
        line.toLowerCase().startsWith('max-forwards'),
      );
    assert.deepEqual(sent('OPTIONS', 'max-forwards: 10\r\n'), ['Max-Forwards: 9']);
    assert.deepEqual(sent('OPTIONS', 'Max-Forwards: 1\r\n'), ['Max-Forwards: 0']);
    for (const value of ['-1', '1x', '', '0x5', '99999999999']) {
      assert.deepEqual(sent('OPTIONS', `Max-Forwards: ${value}\r\n`), [], value);
    }
    assert.deepEqual(sent('OPTIONS', 'Max-Forwards: 5\r\nMax-Forwards: 5\r\n'), []);
    assert.deepEqual(sent('GET', 'Max-Forwards: 5\r\n'), ['Max-Forwards: 5']);
  });

  test('no alias of a field that the edge sets gets through', () => {
    const lines = forward(
      'GET / HTTP/1.1\r\nHost: a.test\r\nX_Customer: b\r\nTrace_Parent: c\r\nx_api_key: d\r\n\r\n',
    );
    assert.deepEqual(lines.slice(2, -OWN.length), ['Trace_Parent: c']);
  });

  const upgrades: readonly [string, string, boolean][] = [
    ['a WebSocket', 'GET / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nUpgrade: WebSocket', true],
    ['one without a key', 'GET / HTTP/1.1\r\nUpgrade: websocket', false],
    [
      'one with two keys',
      'GET / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Key: k\r\nUpgrade: websocket',
      false,
    ],
    [
      'one with a body',
      'GET / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nContent-Length: 1\r\nUpgrade: websocket',
      false,
    ],
    ['a POST', 'POST / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nUpgrade: websocket', false],
    ['h2c', 'GET / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nUpgrade: h2c', false],
    ['a list', 'GET / HTTP/1.1\r\nSec-WebSocket-Key: k\r\nUpgrade: h2c, websocket', false],
  ];
  for (const [title, head, passes] of upgrades) {
    test(`an offer of ${title} ${passes ? 'goes on' : 'is dropped'}`, () => {
      const lines = forward(`${head}\r\nHost: a.test\r\nConnection: Upgrade\r\n\r\n`);
      const offer = lines.filter((line) => /^(?:connection|upgrade):/i.test(line));
      assert.deepEqual(offer, passes ? ['Connection: upgrade', 'Upgrade: websocket'] : []);
    });
  }

  const stripped: readonly [string, string][] = [
    ['/api/x', '/x'],
    ['/api', '/'],
    ['/api/', '/'],
    ['/api?q', '/?q'],
    ['/api/?q=/api', '/?q=/api'],
  ];
  for (const [target, expected] of stripped) {
    test(`${target} without the prefix /api is ${expected}`, () => {
      const route = { ...ROUTE, strippedChars: 4 };
      const [line] = forward(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`, {}, route);
      assert.equal(line, `GET ${expected} HTTP/1.1`);
    });
  }
});
