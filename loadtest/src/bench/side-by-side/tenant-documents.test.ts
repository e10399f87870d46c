import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantDocument } from '@headgate/model';
import { activeHosts, benchDocuments, tenantHost } from './tenant-documents.ts';

test('every tenant has an identifier and a host of its own, in a document that the schema accepts', () => {
  const documents = benchDocuments(12, [1, 2, 3]).filter(({ header }) => header.kind === 'tenant');
  assert.equal(documents.length, 12);
  documents.forEach(({ header, body }, index) => {
    const { tenant, upstreams } = TenantDocument.parse(JSON.parse(body));
    assert.equal(tenant.id, `tenant-${index}`);
    assert.equal(header.id, tenant.id);
    assert.deepEqual(tenant.identity.hosts, [tenantHost(index)]);
    assert.deepEqual(header.identity?.hosts, tenant.identity.hosts);
    assert.equal(upstreams[0]?.endpoints.length, 3);
  });
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
