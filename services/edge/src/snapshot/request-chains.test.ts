import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanDocument, TenantDocument } from '@headgate/model';
import { createWorkerMetrics } from '@headgate/telemetry';
import { RetryBudget } from '../upstream/retry-budget.ts';
import { compileTenant, type CompiledRoute, type CompiledTenant } from './compile-tenant.ts';
import { needsAddress, RequestChains } from './request-chains.ts';
import { RevisionFaults } from './revision-faults.ts';

const upstream = {
  id: 'u',
  endpoints: [],
  picker: { pick: () => null },
  retryBudget: new RetryBudget(),
};

function tenantOf(revision: number, limit: number): CompiledTenant {
  const each = { name: 'each', limit, windowMs: 1000, per: 'consumer' };
  const tenant = { id: 'acme', planId: 'gold', limits: [each], identity: { hosts: ['a.test'] } };
  const ip = { name: 'ip', limit: 2, windowMs: 1000, per: 'client-ip' };
  return compileTenant({
    revision,
    faults: new RevisionFaults('tenant.acme', revision),
    document: TenantDocument.parse({
      tenant,
      upstreams: [],
      routes: [
        { id: 'plain', upstreamId: 'u' },
        { id: 'login', upstreamId: 'u', match: { path: { exact: '/login' } }, limits: [ip] },
      ],
      apiKeys: [],
    }),
    planRevision: 1,
    plan: PlanDocument.parse({ plan: { id: 'gold' } }),
    upstreams: { own: new Map([['u', upstream]]), shared: new Map() },
    keySources: new Map(),
    metrics: createWorkerMetrics().tenantSlot('acme'),
    tenantHeader: 'x-tenant-id',
  });
}

function routeOf(tenant: CompiledTenant, path: string): CompiledRoute {
  const route = tenant.routes.match('a.test', path, 'GET');
  assert.ok(route !== null);
  return route;
}

test('chains are kept, up to a bound; the one unused for longest makes room', () => {
  const chains = new RequestChains(2);
  const tenant = tenantOf(1, 5);
  const route = routeOf(tenant, '/');
  const first = chains.obtain(tenant, route, null, '192.0.2.1');
  chains.obtain(tenant, route, null, '192.0.2.2');
  assert.equal(chains.obtain(tenant, route, null, '192.0.2.1'), first);
  chains.obtain(tenant, route, null, '192.0.2.3');
  assert.equal(chains.obtain(tenant, route, null, '192.0.2.1'), first);
  for (let index = 0; index < 1000; index += 1) {
    chains.obtain(tenant, route, null, `198.51.100.${index}`);
  }
  assert.equal(chains.size, 2);
  const again = chains.obtain(tenant, route, null, '192.0.2.1');
  assert.notEqual(again, first);
  assert.equal(again.id, first.id);
});

test('a new revision of the tenant has new chains', () => {
  const chains = new RequestChains();
  const limits = [5, 6].map((limit, index) => {
    const tenant = tenantOf(index + 1, limit);
    return chains.obtain(tenant, routeOf(tenant, '/'), null, 'a').rules[0]?.limit;
  });
  assert.deepEqual(limits, [5, 6]);
});

test('a consumer is the key if there is one; an address never counts as a key', () => {
  const chains = new RequestChains();
  const tenant = tenantOf(1, 5);
  const login = routeOf(tenant, '/login');
  const principal = {
    keyId: '192.0.2.1',
    sha256: '',
    token: null,
    limits: tenant.limits,
    chain: null,
    shadows: tenant.shadows,
  };
  assert.deepEqual(chains.obtain(tenant, login, principal, '192.0.2.1').storeKeys, [
    'hg:{t:acme}:w:tc::k192.0.2.1:each:1000',
    'hg:{t:acme}:w:rc:login:a192.0.2.1:ip:1000',
  ]);
  assert.equal(
    chains.obtain(tenant, login, null, '192.0.2.1').storeKeys[0],
    'hg:{t:acme}:w:tc::a192.0.2.1:each:1000',
  );
  assert.deepEqual(
    [
      needsAddress(tenant, routeOf(tenant, '/'), principal),
      needsAddress(tenant, login, principal),
      needsAddress(tenant, routeOf(tenant, '/'), null),
    ],
    [false, true, true],
  );
});
