import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle, Limit } from '@headgate/model';
import { describeImpact } from './plan-impact.ts';
import type { Change, FieldChange } from './replies.ts';

const second = Limit.parse({ name: 'second', limit: 50, windowMs: 1000 });
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

for (const [name, diff, effect, before] of [
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
    'another headroom',
    [{ path: 'limits[0].headroom.bulk', before: 20, after: undefined }],
    'changed',
    '50/1000ms',
  ],
  [
    'out of the shadow',
    [{ path: 'limits[0].shadow', before: true, after: undefined }],
    'tightened',
    '50/1000ms (shadow)',
  ],
] as [string, FieldChange[], string, string | null][]) {
  test(`limit of a plan, ${name}: ${effect}`, () => {
    const { limits, plans, tenants } = describeImpact([update('plan', 'gold', diff)], bundle);
    const after = '50/1000ms';
    assert.deepEqual(limits, [{ effect, owner: 'plan gold', name: 'second', before, after }]);
    assert.deepEqual([plans, tenants], [['gold'], []]);
  });
}

const minute = Limit.parse({ name: 'minute', limit: 3000, windowMs: 60_000 });
const toMinute: FieldChange[] = [
  { path: 'limits[0].limit', before: 50, after: 3000 },
  { path: 'limits[0].name', before: 'second', after: 'minute' },
  { path: 'limits[0].windowMs', before: 1000, after: 60_000 },
];
const toSecond = toMinute.map(({ path, before, after }) => {
  return { path: path.replace('[0]', '[1]'), before: after, after: before };
});
const gone = { effect: 'loosened', name: 'second', before: '50/1000ms', after: null };

for (const [name, after, diff, impacts] of [
  ['the first of two goes', [minute], [...toMinute, { path: 'limits[1]', before: minute }], [gone]],
  ['the last of two goes', [minute], [{ path: 'limits[1]', before: second }], [gone]],
  ['another order is no change', [minute, second], [...toMinute, ...toSecond], []],
  [
    'another name is another limit',
    [minute],
    toMinute,
    [gone, { effect: 'tightened', name: 'minute', before: null, after: '3000/60000ms' }],
  ],
  [
    'one in shadow goes, which refused nothing',
    [minute],
    [{ path: 'limits[1]', before: { ...second, shadow: true } }],
    [{ ...gone, effect: 'changed', before: '50/1000ms (shadow)' }],
  ],
] as [string, object[], FieldChange[], object[]][]) {
  test(`limits of a plan are compared by name: ${name}`, () => {
    const plans = { gold: { limits: after } };
    const wanted = Bundle.parse({ apiVersion: 'headgate/v1', plans });
    const { limits } = describeImpact([update('plan', 'gold', diff)], wanted);
    assert.deepEqual(
      limits,
      impacts.map((impact) => ({ owner: 'plan gold', ...impact })),
    );
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
      update('apiKey', 'ci', [{ path: 'sha256', before: '(hidden)', after: '(hidden)' }], 'back'),
      update('apiKey', 'ok', [{ path: 'name', before: 'a', after: 'b' }], 'acme'),
    ],
    bundle,
  );
  assert.deepEqual(impact, {
    tenants: ['acme', 'back'],
    plans: [],
    sharedUpstreams: [],
    routes: { create: 1, update: 0, delete: 1 },
    limits: [],
    suspended: ['acme'],
    resumed: ['back'],
    keysRevoked: ['acme/ci', 'back/ci'],
    webSocketsCut: { tenants: ['acme'], apiKeys: ['back/ci'] },
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

test('shared upstreams that change are told apart from the upstreams of tenants', () => {
  const diff = [{ path: 'endpoints[0].port', before: 80, after: 81 }];
  const impact = describeImpact(
    [update('sharedUpstream', 'mail', diff), update('upstream', 'main', diff, 'acme')],
    bundle,
  );
  assert.deepEqual([impact.sharedUpstreams, impact.tenants], [['mail'], ['acme']]);
});
