import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle } from './bundle.ts';
import { TENANT_COUNTS_MAX } from './document.ts';
import { bundleFaults, coversHost } from './integrity.ts';

const cases = [
  ['a.example', 'a.example', true],
  ['a.example', 'b.example', false],
  ['*.example', 'a.example', true],
  ['*.example', 'b.a.example', true],
  ['*.example', '*.a.example', true],
  ['*.example', '*.example', true],
  ['*.example', 'example', false],
  ['*.example', 'notexample', false],
  ['*.a.example', '*.example', false],
  ['a.example', '*.a.example', false],
] as const;

for (const [owned, host, covered] of cases) {
  test(`${owned} ${covered ? 'covers' : 'does not cover'} ${host}`, () => {
    assert.equal(coversHost(owned, host), covered);
  });
}

test('a tenant with more upstreams than an edge takes is refused, one with as many is not', () => {
  const most = TENANT_COUNTS_MAX.upstreams;
  const faultsOf = (count: number) => {
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    const upstreams = Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`u${n}`, upstream]),
    );
    const tenants = { acme: { planId: 'gold', upstreams } };
    return bundleFaults(Bundle.parse({ apiVersion: 'headgate/v1', tenants }), 0);
  };
  assert.deepEqual(faultsOf(most), []);
  assert.deepEqual(faultsOf(most + 1), [
    { path: 'tenants.acme.upstreams', value: most + 1, rule: `a tenant has at most ${most}` },
  ]);
});
