import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle } from '@headgate/model';
import { mergeBundle, tenantsToMerge } from './merge-bundle.ts';
import { Change } from './replies.ts';

const upstream = (host: string) => ({ endpoints: [{ host, port: 80 }] });
const BUNDLE = Bundle.parse({
  apiVersion: 'headgate/v1',
  plans: { gold: { name: 'theirs' }, new: {} },
  upstreams: { mail: upstream('a'), web: upstream('b') },
  tenants: {
    acme: {
      planId: 'gold',
      name: 'theirs',
      upstreams: { web: upstream('a'), extra: upstream('b') },
    },
    fresh: { planId: 'new' },
  },
});
const change = (action: string, kind: string, id: string, tenantId?: string) =>
  Change.parse({ action, kind, id, tenantId });
const CHANGES = [
  change('update', 'plan', 'gold'),
  change('create', 'plan', 'new'),
  change('update', 'sharedUpstream', 'mail'),
  change('create', 'sharedUpstream', 'web'),
  change('update', 'tenant', 'acme'),
  change('update', 'upstream', 'web', 'acme'),
  change('create', 'upstream', 'extra', 'acme'),
  change('delete', 'upstream', 'own', 'acme'),
  change('create', 'tenant', 'fresh'),
];
const ACME = { planId: 'gold', name: 'ours', added: 1, upstreams: { web: 'ours', own: 'ours' } };

function merged(mode: 'skip' | 'replace') {
  const bundle = mergeBundle(BUNDLE, CHANGES, new Map([['acme', ACME]]), mode) as {
    plans: object;
    upstreams: object;
    tenants: { acme: { name: string; upstreams: Record<string, unknown> }; fresh: object };
  };
  const { acme, fresh } = bundle.tenants;
  const whose = Object.entries(acme.upstreams).map(
    ([id, one]) => `${id} ${one === 'ours' ? 'ours' : 'theirs'}`,
  );
  const [plans, shared] = [Object.keys(bundle.plans), Object.keys(bundle.upstreams)];
  return { plans, shared, name: acme.name, whose: whose.sort(), fresh, acme };
}

test('tenants that something would be taken from have to be read', () => {
  assert.deepEqual(tenantsToMerge(CHANGES), ['acme']);
  assert.deepEqual(tenantsToMerge([change('update', 'plan', 'gold')]), []);
});

test('skip: what is there stays, what is missing comes', () => {
  const { fresh, acme, ...rest } = merged('skip');
  assert.deepEqual(rest, {
    plans: ['new'],
    shared: ['web'],
    name: 'ours',
    whose: ['extra theirs', 'own ours', 'web ours'],
  });
  assert.equal(fresh, BUNDLE.tenants['fresh' as keyof typeof BUNDLE.tenants]);
  assert.ok('added' in acme, 'fields of a later version stay');
});

test('replace: the bundle counts, and what it does not name stays', () => {
  const { plans, shared, name, whose } = merged('replace');
  assert.deepEqual([plans, shared, name], [['gold', 'new'], ['mail', 'web'], 'theirs']);
  assert.deepEqual(whose, ['extra theirs', 'own ours', 'web theirs']);
});
