import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle, describeFaults } from '@headgate/model';
import fc from 'fast-check';
import { readBundle } from './read-bundle.ts';

const SHA256 = 'a'.repeat(64);
const id = fc.constantFrom('a', 'b', 'c-1', 'Bad_Id', '');
const recordOf = (value: fc.Arbitrary<unknown>) => fc.dictionary(id, value, { maxKeys: 3 });
/** Whatever is no entry. */
const odd = fc.constantFrom<unknown>(null, 7, 'x', [], [{}], { unknown: 1 });
const mostly = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: odd });

const endpoint = fc.constantFrom({ host: '10.0.0.1', port: 80 }, { host: 'b.example', port: 0 });
const upstream = fc.record({ endpoints: mostly(fc.array(endpoint, { maxLength: 2 })) });
const route = fc.record(
  { upstreamId: fc.constantFrom('a', 'B'), retries: fc.constantFrom(1, 9) },
  { requiredKeys: ['upstreamId'] },
);
const apiKey = fc.record({ sha256: fc.constantFrom(SHA256, 'short') });
const tenant = fc.record(
  {
    planId: fc.constantFrom('base', 'No Plan'),
    identity: fc.constantFrom({ hosts: ['a.example'] }, { hosts: ['A'] }, { host: [] }),
    labels: fc.constantFrom({ team: 'x' }, { team: 1 }),
    upstreams: mostly(recordOf(mostly(upstream))),
    routes: mostly(recordOf(mostly(route))),
    apiKeys: mostly(recordOf(mostly(apiKey))),
    spare: fc.constant(1),
  },
  { requiredKeys: ['planId'] },
);
const plan = fc.constantFrom({}, { limits: [] }, { limits: [{ name: 'x' }] });
const bundle = fc.record(
  {
    apiVersion: fc.constantFrom('headgate/v1', 'headgate/v1', 'headgate/v1', 'headgate/v2'),
    plans: mostly(recordOf(mostly(plan))),
    tenants: mostly(recordOf(mostly(tenant))),
  },
  { requiredKeys: ['apiVersion'] },
);

test('entry by entry a bundle is read as its schema reads it, with the same faults', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(mostly(bundle), async (raw) => {
      const whole = Bundle.safeParse(raw);
      const read = await readBundle(raw);
      if (whole.success) {
        taken += 1;
        assert.deepEqual(read, { ok: true, value: whole.data });
        return;
      }
      assert.ok(!read.ok && read.refusal.reason === 'invalid');
      const sorted = (faults: readonly unknown[]) =>
        faults.map((fault) => JSON.stringify(fault)).sort();
      assert.deepEqual(sorted(read.refusal.faults), sorted(describeFaults(whole.error, raw)));
    }),
    { seed: 7, numRuns: 1500 },
  );
  assert.ok(taken > 100 && taken < 1400, `${taken} of 1500 were right`);
});

const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value]));
const ofTenant = (members: object) => ({
  apiVersion: 'headgate/v1',
  tenants: { own: { planId: 'base', ...members } },
});

for (const [what, raw, expected] of [
  ['routes', ofTenant({ routes: many(5001, 0) }), ['tenants.own.routes a tenant has at most 5000']],
  [
    'members that no schema knows',
    ofTenant({ identity: many(20_001, 0) }),
    ['tenants.own has 20003 members in all, at most 20000 are possible'],
  ],
] as const) {
  test(`a tenant with too many ${what} is refused without a look at them`, async () => {
    const read = await readBundle(raw);
    assert.ok(!read.ok && read.refusal.reason === 'invalid');
    assert.deepEqual(
      read.refusal.faults.map(({ path, rule }) => `${path} ${rule}`),
      expected,
    );
  });
}

test('reading ends when there are more faults than a reply shows', async () => {
  const read = await readBundle({ apiVersion: 'headgate/v1', tenants: many(50_000, {}) });
  assert.ok(!read.ok && read.refusal.reason === 'invalid');
  assert.equal(read.refusal.faults.length, 1001);
});
