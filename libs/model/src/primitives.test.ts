import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint, RouteMatch, TenantSpec, type TenantIdentity } from './index.ts';

function takesHost(host: string): boolean {
  const identity: Partial<TenantIdentity> = { hosts: [host] };
  return TenantSpec.safeParse({ planId: 'gold', identity }).success;
}

function takesEndpoint(host: string): boolean {
  return Endpoint.safeParse({ host, port: 80 }).success;
}

test('a host is taken in the one form that requests are looked up with', () => {
  const good = [
    'a',
    'a.example.com',
    '*.example.com',
    'xn--bcher-kva.example',
    '127.0.0.1',
    '[::1]',
  ];
  for (const host of [...good, '[2001:db8::1]', '[::]']) assert.ok(takesHost(host), host);
  const bad = ['', 'A', 'a.', '.a', 'a..b', 'a:80', 'bücher.example', '*', '*.', '*.*.a', 'a.*'];
  const badIpv6 = [
    '[:::::]',
    '[1]',
    '[0:0:0:0:0:0:0:1]',
    '[::1%25eth0]',
    '[::1]:80',
    '*.[::1]',
    '[]',
  ];
  for (const host of [...bad, ...badIpv6]) assert.ok(!takesHost(host), host);
});

test('a label of a name has at most 63 characters, a name 253', () => {
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${label.slice(2)}`;
  for (const host of [label, `b.${label}`, `${label}.b`, longest]) assert.ok(takesHost(host), host);
  const bad = [
    `a${label}`,
    `b.a${label}`,
    `a${label}.b`,
    `a${longest}`,
    '-a',
    'a-',
    'b.-a',
    'a-.b',
  ];
  for (const host of bad) assert.ok(!takesHost(host), host);
});

test('an endpoint is an address or a name that no resolver takes for an address', () => {
  const good = [
    '10.0.0.1',
    '::1',
    '2001:DB8::1',
    'localhost',
    'db-1',
    'a.example.com',
    '1.example',
  ];
  for (const host of good) assert.ok(takesEndpoint(host), host);
  const bad = [
    '',
    '1',
    '127.1',
    '0177.0.0.1',
    '2130706433',
    '0x7f000001',
    'a.0x1',
    'a.0x',
    '256.1.1.1',
  ];
  for (const host of [...bad, '[::1]', 'fe80::1%eth0', 'A', 'a b', 'a/b', 'a:80']) {
    assert.ok(!takesEndpoint(host), host);
  }
});

test('a path is taken in the one form that requests are matched with', () => {
  const takes = (path: string): boolean => RouteMatch.safeParse({ path: { exact: path } }).success;
  for (const path of ['/', '/a', '/a/', '/a.b/..c', '/users/@me', '/v1:batch', '/caf%C3%A9']) {
    assert.ok(takes(path), path);
  }
  const bad = ['', 'a', '/a b', '/é', '/a?b', '/a#b', '/a\\b', '//', '/a//b', '/.', '/a/../b'];
  const badEscapes = ['/%', '/%4', '/%zz', '/%61', '/%2e', '/%2F', '/%40', '/%25', '/caf%c3%a9'];
  for (const path of [...bad, ...badEscapes, '/a;b', '/..;/a', '/;']) {
    assert.ok(!takes(path), path);
  }
});

test('text that a database cannot hold is a fault where it stands', () => {
  for (const [path, spec] of [
    ['name', { planId: 'gold', name: '\ud800' }],
    ['name', { planId: 'gold', name: 'a\0b' }],
    ['labels.team', { planId: 'gold', labels: { team: '\udfff' } }],
    ['labels.a\0', { planId: 'gold', labels: { 'a\0': 'x' } }],
  ] as const) {
    assert.deepEqual(
      TenantSpec.safeParse(spec).error?.issues.map((issue) => issue.path.join('.')),
      [path],
    );
  }
});
