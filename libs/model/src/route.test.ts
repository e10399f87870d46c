import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleJsonSchema } from './bundle-json-schema.ts';
import { Bundle } from './bundle.ts';
import { documentKey } from './document.ts';
import { describeFaults } from './faults.ts';
import { healthKey } from './health-state.ts';
import { bundleFaults } from './integrity.ts';
import { Route, RouteSpec } from './route.ts';

const targets: readonly (readonly [string, object, readonly string[]])[] = [
  ['an upstream of the tenant', { upstreamId: 'mail' }, []],
  ['a shared upstream', { sharedUpstreamId: 'mail' }, []],
  ['nothing', {}, ['upstreamId: missing; a route has an upstreamId or a sharedUpstreamId']],
  [
    'both',
    { upstreamId: 'mail', sharedUpstreamId: 'mail' },
    ['sharedUpstreamId: a route has an upstreamId or a sharedUpstreamId, not both'],
  ],
  ['no id', { sharedUpstreamId: 'Mail' }, ['sharedUpstreamId: 1 to 63 of a-z, 0-9 and -']],
];

for (const [title, target, expected] of targets) {
  test(`a route that leads to ${title} ${expected.length === 0 ? 'is fine' : 'is refused'}`, () => {
    for (const [schema, input] of [
      [RouteSpec, target],
      [Route, { id: 'web', ...target }],
    ] as const) {
      const result = schema.safeParse(input);
      const faults = result.success ? [] : describeFaults(result.error, input);
      const found = faults.map(({ path, rule }) => `${path}: ${rule.replace(/, not start.*/, '')}`);
      assert.deepEqual(found, expected);
    }
  });
}

test('a bundle has shared upstreams beside its plans; those that its routes name may be on the server', () => {
  const endpoints = [{ host: '10.0.0.1', port: 80 }];
  const routes = { own: { upstreamId: 'mail' }, shared: { sharedUpstreamId: 'mail' } };
  const bundle = (upstreams: object) =>
    Bundle.parse({
      ...{ apiVersion: 'headgate/v1', upstreams: { mail: { endpoints } } },
      tenants: { acme: { planId: 'gold', upstreams, routes } },
    });
  assert.deepEqual(bundleFaults(bundle({ mail: { endpoints } }), 0), []);
  // The shared one does not stand in for one of the tenant.
  const faults = bundleFaults(bundle({}), 0).map(({ path }) => path);
  assert.deepEqual(faults, ['tenants.acme.routes.own.upstreamId']);
});

test('the JSON Schema of a bundle tells editors that a route has one of the two', () => {
  const text = JSON.stringify(bundleJsonSchema());
  assert.ok(
    text.includes('"oneOf":[{"required":["upstreamId"]},{"required":["sharedUpstreamId"]}]'),
  );
});

test('nothing of a shared upstream is called as something of a tenant', () => {
  assert.equal(documentKey('upstream', 'mail'), 'upstream.mail');
  assert.equal(healthKey({ tenantId: 'acme', upstreamId: 'mail' }), 'acme.mail');
  assert.equal(healthKey({ tenantId: null, upstreamId: 'mail' }), '_.mail');
});
