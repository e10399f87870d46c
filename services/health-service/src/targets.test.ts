import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSharedTargets, readTargets, type UpstreamTarget } from './targets.ts';

function document(upstreams: unknown[], tenant: object = {}): string {
  const base = { tenant: { id: 'acme', planId: 'gold', ...tenant }, routes: [], apiKeys: [] };
  return JSON.stringify({ ...base, upstreams });
}

function read(body: string): readonly UpstreamTarget[] {
  const reading = readTargets('acme', body);
  assert.ok(reading.ok, reading.ok ? '' : reading.reason);
  return reading.upstreams;
}

const endpoints = [
  { host: '10.0.0.1', port: 80 },
  { host: '::1', port: 81 },
];

test('targets: an upstream with a health check has one probe per endpoint', () => {
  const [target, ...others] = read(document([{ id: 'web', endpoints, healthCheck: {} }]));
  assert.deepEqual(others, []);
  assert.equal(target?.key, 'acme/web');
  assert.deepEqual(
    target?.probes.map(({ endpointId, check }) => [endpointId, check.intervalMs]),
    [
      ['10.0.0.1:80', 2000],
      ['[::1]:81', 2000],
    ],
  );
});

test('targets: an upstream without a health check is not probed', () => {
  assert.deepEqual(read(document([{ id: 'web', endpoints }])), []);
});

test('targets: nothing of a suspended tenant is probed', () => {
  const body = document([{ id: 'web', endpoints, healthCheck: {} }], { status: 'suspended' });
  assert.deepEqual(read(body), []);
});

test('targets: equal address and settings make equal keys, any difference makes different ones', () => {
  const [endpoint] = endpoints;
  const checks = [
    {},
    { intervalMs: 2000 },
    { intervalMs: 2001 },
    { type: 'tcp' },
    { path: '/healthz' },
    { host: 'a.test' },
    { timeoutMs: 999 },
    { healthyThreshold: 3 },
    { unhealthyThreshold: 3 },
    { expectedStatuses: [204] },
  ];
  const upstreams = checks.map((healthCheck, index) => ({
    id: `u${index}`,
    endpoints: [endpoint],
    healthCheck,
  }));
  const keys = read(document(upstreams)).map((target) => target.probes[0]?.key);
  assert.equal(keys[0], keys[1]);
  assert.equal(new Set(keys).size, checks.length - 1);
});

const bad: [what: string, body: string, reason: RegExp][] = [
  ['not JSON', '{', /not JSON/],
  ['null', 'null', /./],
  ['an empty object', '{}', /tenant: /],
  ['a port out of range', document([{ id: 'web', endpoints: [{ host: 'a', port: 0 }] }]), /port/],
  ['a host with a path', document([{ id: 'web', endpoints: [{ host: 'a/b', port: 1 }] }]), /host/],
  [
    'a path with a line break',
    document([{ id: 'web', endpoints, healthCheck: { path: '/\r\nX: y' } }]),
    /healthCheck\.path/,
  ],
  ['another tenant', document([], { id: 'other' }), /tenant\.id/],
  ['deep nesting', '['.repeat(100_000), /not JSON/],
];

for (const [what, body, reason] of bad) {
  test(`targets: ${what} is a reason, not an exception`, () => {
    const reading = readTargets('acme', body);
    assert.equal(reading.ok, false);
    assert.match(reading.ok ? '' : reading.reason, reason);
  });
}

test('targets: a shared upstream is of no tenant, and cannot be taken for one of a tenant', () => {
  const body = (upstream: object) => JSON.stringify({ upstream });
  const healthCheck = {};
  const reading = readSharedTargets('mail', body({ id: 'mail', endpoints, healthCheck }));
  assert.ok(reading.ok);
  const [target] = reading.upstreams;
  assert.deepEqual(
    [target?.key, target?.tenantId, target?.upstreamId, target?.probes.length],
    ['/mail', null, 'mail', 2],
  );
  const unchecked = readSharedTargets('mail', body({ id: 'mail', endpoints }));
  assert.deepEqual(unchecked, { ok: true, upstreams: [] });
  for (const [text, reason] of [
    ['{', /not JSON/],
    [body({ id: 'other', endpoints }), /upstream\.id: is not that of the document/],
    [body({ id: 'mail', endpoints: [] }), /upstream\.endpoints: /],
  ] as const) {
    const refused = readSharedTargets('mail', text);
    assert.ok(!refused.ok);
    assert.match(refused.reason, reason);
  }
});
