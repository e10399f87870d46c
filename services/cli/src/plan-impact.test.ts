import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle } from '@headgate/model';
import { describeImpact } from './plan-impact.ts';
import type { Change, FieldChange } from './replies.ts';

const second = { name: 'second', limit: 50, windowMs: 1000 };
const bundle = Bundle.parse({
  apiVersion: 'headgate/v1',
  plans: { gold: { limits: [second] } },
  tenants: {
    acme: {
      planId: 'gold',
      limits: [second],
      upstreams: { main: { endpoints: [{ host: '192.0.2.1', port: 80 }] } },
      routes: { web: { upstreamId: 'main', limits: [{ ...second, per: 'client-ip' }] } },
      apiKeys: { ci: { sha256: 'a'.repeat(64) } },
    },
  },
});

function update(kind: Change['kind'], id: string, diff: FieldChange[], tenantId?: string): Change {
  const fields = diff.map(({ path }) => path);
  return { action: 'update', kind, id, fields, diff, ...(tenantId ? { tenantId } : {}) };
}

for (const [name, diff, effect, before, after] of [
  ['fewer', [{ path: 'limits[0].limit', before: 100, after: 50 }], 'tightened', '100/1000ms'],
  ['more', [{ path: 'limits[0].limit', before: 10, after: 50 }], 'loosened', '10/1000ms'],
  ['longer', [{ path: 'limits[0].windowMs', before: 500, after: 1000 }], 'tightened', '50/500ms'],
  [
    'more in a longer time',
    [
      { path: 'limits[0].limit', before: 10, after: 50 },
      { path: 'limits[0].windowMs', before: 500, after: 1000 },
    ],
    ...['changed', '10/500ms'],
  ],
  ['a new one', [{ path: 'limits[0]', after: second }], 'tightened', null],
  [
    'another name',
    [{ path: 'limits[0].name', before: 'x', after: 'second' }],
    'changed',
    '50/1000ms',
  ],
  [
    'out of the shadow',
    [{ path: 'limits[0].shadow', before: true, after: undefined }],
    'tightened',
    '50/1000ms (shadow)',
  ],
  ['one less', [{ path: 'limits[1]', before: second }], 'loosened', '50/1000ms', null],
] as [string, FieldChange[], string, string | null, null?][]) {
  test(`limit of a plan, ${name}: ${effect}`, () => {
    const { limits, plans, tenants } = describeImpact([update('plan', 'gold', diff)], bundle);
    const now = after === null ? null : '50/1000ms';
    assert.deepEqual(limits, [{ effect, owner: 'plan gold', name: 'second', before, after: now }]);
    assert.deepEqual([plans, tenants], [['gold'], []]);
  });
}

test('tenants, routes, suspended tenants and revoked keys are told; what is unchanged is not', () => {
  const impact = describeImpact(
    [
      { action: 'unchanged', kind: 'tenant', id: 'idle', fields: [] },
      update('tenant', 'acme', [{ path: 'status', before: 'active', after: 'suspended' }]),
      update('tenant', 'back', [{ path: 'status', before: 'suspended', after: 'active' }]),
      { action: 'create', kind: 'route', tenantId: 'acme', id: 'web', fields: [] },
      { action: 'delete', kind: 'route', tenantId: 'acme', id: 'old', fields: [] },
      update('apiKey', 'ci', [{ path: 'sha256', before: '(hidden)', after: '(hidden)' }], 'acme'),
      update('apiKey', 'ok', [{ path: 'name', before: 'a', after: 'b' }], 'acme'),
    ],
    bundle,
  );
  assert.deepEqual(impact, {
    tenants: ['acme', 'back'],
    plans: [],
    routes: { create: 1, update: 0, delete: 1 },
    limits: [],
    suspended: ['acme'],
    resumed: ['back'],
    keysRevoked: ['acme/ci'],
    connectionsDropped: 0,
  });
});

test('a limit that a tenant gets of its own may override the plan: neither tighter nor looser', () => {
  const change = update('tenant', 'acme', [{ path: 'limits[0]', after: second }]);
  assert.equal(describeImpact([change], bundle).limits[0]?.effect, 'changed');
});

test('a limit of a route is told as its own, per whom it counts included', () => {
  const diff = [{ path: 'limits[0].limit', before: 80, after: 50 }];
  const [impact] = describeImpact([update('route', 'web', diff, 'acme')], bundle).limits;
  assert.deepEqual(impact, {
    effect: 'tightened',
    owner: 'route acme/web',
    name: 'second',
    before: '80/1000ms per client-ip',
    after: '50/1000ms per client-ip',
  });
});
