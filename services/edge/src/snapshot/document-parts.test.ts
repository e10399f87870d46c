import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DeadlineSweeper, systemRandom } from '@headgate/runtime';
import { createWorkerMetrics } from '@headgate/telemetry';
import { createFakeClock } from '@headgate/testkit';
import { planDocument, tenantDocument, type TestTenant } from '../../test/support/edge-process.ts';
import { HeldClock } from '../io/held-clock.ts';
import { ReadBuffers } from '../io/read-buffers.ts';
import { ResponseReaders } from '../upstream/response-readers.ts';
import { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { CompiledTenant } from './compile-tenant.ts';
import { findRoutes, onlyRoutesDiffer, parseParts } from './document-parts.ts';
import { createRevisionScope } from './revision-faults.ts';
import { TenantStore } from './tenant-store.ts';

const bodyOf = (routes: string, rest = '"apiKeys":[]', upstreams = '[]') =>
  `{"tenant":{"id":"a"},"upstreams":${upstreams},"routes":${routes},${rest}}`;

suite('parts of a document', () => {
  test('make up the whole', () => {
    for (const body of [bodyOf('[]'), bodyOf('[{"id":"x"}]', '"apiKeys":[{"id":"k"}]', '[{}]')]) {
      const parts = findRoutes(body);
      assert.ok(parts !== null);
      assert.deepEqual(parseParts(body, parts), JSON.parse(body));
    }
  });

  const others: Record<string, string> = {
    'a further member at the end': bodyOf('[]', '"apiKeys":[],"later":1'),
    'a member between routes and keys': bodyOf('[],"upstreams":[1]'),
    'a further member at the start': `{"later":1,${bodyOf('[]').slice(1)}`,
    'upstreams twice': bodyOf('[]', '"apiKeys":[],"upstreams":[1]'),
    'another order': '{"routes":[],"tenant":{"id":"a"},"upstreams":[],"apiKeys":[]}',
    'routes within something else':
      '{"tenant":{"id":"a"},"upstreams":[{"x":1,"routes":[],"apiKeys":[]}]}',
    'no JSON': bodyOf('[{]'),
    'a text cut short': bodyOf('[]').slice(0, -1),
    'no text': '',
  };
  for (const [what, body] of Object.entries(others)) {
    test(`are not told of a document of another form: ${what}`, () => {
      const parts = findRoutes(body);
      assert.equal(parts === null ? null : parseParts(body, parts), null);
    });
  }

  test('are found beside texts that look like a place', () => {
    const tricky =
      '{"tenant":{"name":",\\"routes\\":[1],\\"apiKeys\\":["},"upstreams":[],"routes":[2],"apiKeys":[]}';
    assert.deepEqual(findRoutes(tricky)?.routes, [2]);
  });

  test('tell whether the routes alone differ', () => {
    const differ = (before: string, body: string) => {
      const [older, newer] = [findRoutes(before), findRoutes(body)];
      assert.ok(older !== null && newer !== null);
      return onlyRoutesDiffer(before, older, body, newer);
    };
    const before = bodyOf('[{"id":"x"}]');
    for (const body of [before, bodyOf('[]'), bodyOf('[1,2,3,4,5,6,7,8,9]')]) {
      assert.ok(differ(before, body));
    }
    assert.ok(!differ(before, bodyOf('[]', '"apiKeys":[1]')));
    assert.ok(!differ(before, bodyOf('[]', '"apiKeys":[]', '[1]')));
    assert.ok(!differ(before, before.replace('"a"', '"b"')));
  });
});

function createStore(): TenantStore {
  const clock = new HeldClock(createFakeClock());
  const unheard = (): void => undefined;
  const store = new TenantStore({
    upstreams: new UpstreamRegistry({
      buffers: new ReadBuffers(),
      sweeper: new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: assert.ifError }),
      clock,
      readers: new ResponseReaders(),
      random: systemRandom,
    }),
    metrics: createWorkerMetrics(),
    tenantHeader: 'x-tenant-id',
    ring: 'default',
    scope: createRevisionScope(),
    onOutcome: unheard,
    onConflict: unheard,
  });
  store.apply(planDocument(), true);
  return store;
}

function snapshotOf(store: TenantStore): CompiledTenant {
  const snapshot = store.findById('a')?.snapshot() ?? null;
  assert.ok(snapshot !== null);
  return snapshot;
}

const PATHS = ['/', '/one', '/two'];
const KEYS = ['key-one', 'key-two'];

/** What requests see of a snapshot. */
function seen(store: TenantStore) {
  const { routes, apiKeys, limits, ...snapshot } = snapshotOf(store);
  const { id, revision, planRevision, suspended, timeZone, faults } = snapshot;
  return {
    ...{ id, revision, planRevision, suspended, timeZone, faultsOf: [faults.key, faults.revision] },
    limits: limits.all.map(({ rule }) => rule),
    keys: KEYS.map((key) => apiKeys.verify(key, 0).outcome),
    routes: PATHS.map((path) => {
      const route = routes.match('a.test', path, 'GET');
      if (route === null) return null;
      const { id: routeId, cost, accessTexts, limits: own, upstream } = route;
      const weights = upstream.endpoints.map(({ weight }) => weight);
      const picked = upstream.picker.pick(null)?.id;
      return {
        routeId,
        cost,
        accessTexts,
        limits: own?.all.map(({ rule }) => rule),
        weights,
        picked,
      };
    }),
  };
}

const endpoint = { host: '127.0.0.1', port: 1 };
const FIRST: TestTenant = {
  id: 'a',
  hosts: ['a.test'],
  limits: [{ name: 'all', limit: 5, windowMs: 1000 }],
  upstreams: { main: { endpoints: [endpoint] } },
  routes: { one: { upstreamId: 'main', match: { path: { exact: '/one' } } } },
  apiKeys: { first: { key: 'key-one' } },
};
const daily = { name: 'day', kind: 'quota', limit: 5, period: 'day' };
const CHANGES: Record<string, Partial<TestTenant>> = {
  'another route': {
    routes: { ...FIRST.routes, two: { upstreamId: 'main', match: { path: { exact: '/two' } } } },
  },
  'a route with a cost and limits': {
    routes: {
      one: { upstreamId: 'main', cost: 3, limits: [daily], match: { path: { prefix: '/' } } },
    },
  },
  'no route': { routes: {} },
  'a weight': { upstreams: { main: { endpoints: [{ ...endpoint, weight: 7 }] } } },
  'another key': { apiKeys: { second: { key: 'key-two' } } },
  'another limit': { limits: [{ name: 'all', limit: 6, windowMs: 1000 }] },
  'another time zone': { timeZone: 'Asia/Tokyo' },
  suspension: { status: 'suspended' },
};

suite('a changed tenant', () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    test(`is compiled as if it were new: ${what}`, () => {
      const [changed, anew] = [createStore(), createStore()];
      changed.apply(tenantDocument(FIRST, 1), true);
      const second = tenantDocument({ ...FIRST, ...change }, 2);
      for (const store of [changed, anew]) {
        assert.equal(store.apply(second, true).outcome, 'applied');
      }
      assert.deepEqual(seen(changed), seen(anew));
      changed.apply(tenantDocument(FIRST, 3), true);
      anew.apply(tenantDocument(FIRST, 3), true);
      assert.deepEqual(seen(changed), seen(anew), 'and back');
    });
  }

  test('keeps its keys, limits and pickers if its routes alone are others', () => {
    const store = createStore();
    store.apply(tenantDocument(FIRST, 1), true);
    const before = snapshotOf(store);
    const picker = before.routes.match('a.test', '/one', 'GET')?.upstream.picker;
    store.apply(tenantDocument({ ...FIRST, ...CHANGES['another route'] }, 2), true);
    const after = snapshotOf(store);
    assert.equal(after.apiKeys, before.apiKeys);
    assert.equal(after.limits, before.limits);
    assert.equal(after.routes.match('a.test', '/two', 'GET')?.upstream.picker, picker);
  });

  test('is rejected for a route that is wrong, and stays as it was', () => {
    const store = createStore();
    store.apply(tenantDocument(FIRST, 1), true);
    const before = snapshotOf(store);
    const wrong = { bad: { upstreamId: 'missing' } };
    const missing = store.apply(tenantDocument({ ...FIRST, routes: wrong }, 2), true);
    assert.match(missing.reason, /route bad: upstream missing does not exist/);
    const { body, ...document } = tenantDocument(FIRST, 3);
    const invalid = store.apply({ ...document, body: body.replace('"/one"', '"one"') }, true);
    assert.match(invalid.reason, /^routes\[0\]\.match\.path/);
    assert.equal(snapshotOf(store), before);
  });

  test('gets the limits of a new revision of its plan with its next routes', () => {
    const store = createStore();
    store.apply(tenantDocument({ ...FIRST, limits: [] }, 1), true);
    const limits = [{ name: 'planned', limit: 9, windowMs: 1000 }];
    store.apply(planDocument({ limits }, 2), true);
    store.apply(tenantDocument({ ...FIRST, limits: [], routes: {} }, 3), true);
    assert.deepEqual(
      snapshotOf(store).limits.all.map(({ rule }) => rule.limit),
      [9],
    );
  });
});
