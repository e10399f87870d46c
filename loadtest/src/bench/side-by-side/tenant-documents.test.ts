import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { PlanDocument, TenantDocument } from '@headgate/model';
import { TLS_HOST } from './settings.ts';
import { activeHosts, benchDocuments, tenantHost } from './tenant-documents.ts';

test('every tenant has an identifier and a host of its own, in a document that the schema accepts', () => {
  const documents = benchDocuments(12, [1, 2, 3]).filter(({ header }) => header.kind === 'tenant');
  assert.equal(documents.length, 12);
  documents.forEach(({ header, body }, index) => {
    const { tenant, upstreams } = TenantDocument.parse(JSON.parse(body));
    assert.equal(tenant.id, `tenant-${index}`);
    assert.equal(header.id, tenant.id);
    const hosts = [tenantHost(index), ...(index === 0 ? [TLS_HOST] : [])];
    assert.deepEqual(tenant.identity.hosts, hosts);
    assert.deepEqual(header.identity?.hosts, tenant.identity.hosts);
    assert.equal(upstreams[0]?.endpoints.length, 3);
  });
});

test('protected tenants have a key that all routes ask for, and one of them has limits of its own', () => {
  const window = (limit: number) => [{ name: 'second', limit, windowMs: 1000 }];
  const documents = benchDocuments(3, [1], {
    apiKey: 'hgk_secret',
    limits: window(1000),
    keyLimits: window(500),
    throttled: { tenant: 2, limits: window(10), keyLimits: window(5) },
  });
  const [plan, ...tenants] = documents.map(({ body }): unknown => JSON.parse(body));
  const { limits, keyLimits } = PlanDocument.parse(plan).plan;
  assert.deepEqual([limits[0]?.limit, keyLimits[0]?.limit], [1000, 500]);
  const own = tenants.map((body) => {
    const { tenant, routes, apiKeys } = TenantDocument.parse(body);
    assert.ok(routes.every(({ auth }) => auth === 'api_key'));
    assert.equal(apiKeys[0]?.sha256, hash('sha256', 'hgk_secret'));
    return [...tenant.limits, ...(apiKeys[0]?.limits ?? [])].map(({ limit }) => limit);
  });
  assert.deepEqual(own, [[], [], [10, 5]]);
});

test('active tenants are spread evenly over all, and none is named twice', () => {
  assert.deepEqual(
    activeHosts(10, 10),
    Array.from({ length: 10 }, (_, index) => tenantHost(index)),
  );
  assert.deepEqual(activeHosts(1, 1), [tenantHost(0)]);
  const some = activeHosts(10_000, 64);
  assert.equal(new Set(some).size, 64);
  assert.equal(some[0], tenantHost(0));
  assert.equal(some[63], tenantHost(9843));
});
