import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DeadlineSweeper, systemRandom } from '@headgate/runtime';
import { createFakeClock } from '@headgate/testkit';
import { createWorkerMetrics } from '@headgate/telemetry';
import {
  edited,
  planDocument,
  rolloutDocument,
  tenantDocument,
  type TestTenant,
  upstreamDocument,
} from '../../test/support/edge-process.ts';
import { noIssuerKeys } from '../../test/support/no-issuer-keys.ts';
import { HeldClock } from '../io/held-clock.ts';
import { ReadBuffers } from '../io/read-buffers.ts';
import { ConnectionBudget } from '../upstream/connection-budget.ts';
import { ResponseReaders } from '../upstream/response-readers.ts';
import type { DocumentOutcome } from '../ipc/messages.ts';
import type { WireDocument } from '../ipc/wire-document.ts';
import { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { createRevisionScope } from './revision-faults.ts';
import { TenantStore } from './tenant-store.ts';

interface Scene {
  readonly store: TenantStore;
  readonly outcomes: DocumentOutcome[];
  readonly conflicts: string[];
  /** Tenants whose requests are counted by a snapshot, one for each snapshot that was kept. */
  readonly counted: string[];
}

function createScene(): Scene {
  const outcomes: DocumentOutcome[] = [];
  const conflicts: string[] = [];
  const counted: string[] = [];
  const metrics = createWorkerMetrics();
  const clock = new HeldClock(createFakeClock());
  const store = new TenantStore({
    contexts: null,
    upstreams: new UpstreamRegistry({
      buffers: new ReadBuffers(),
      sweeper: new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: assert.ifError }),
      clock,
      readers: new ResponseReaders(),
      budget: new ConnectionBudget(Infinity),
      random: systemRandom,
    }),
    issuerKeys: noIssuerKeys(),
    metrics: {
      ...metrics,
      tenantSlot(id) {
        counted.push(id);
        return metrics.tenantSlot(id);
      },
    },
    tenantHeader: 'x-tenant-id',
    ring: 'default',
    scope: createRevisionScope(),
    onOutcome: (outcome) => outcomes.push(outcome),
    onConflict: (tenantId, pattern, holderId) =>
      conflicts.push(`${tenantId} wants ${pattern} of ${holderId}`),
  });
  return { store, outcomes, conflicts, counted };
}

const UPSTREAMS = { main: { endpoints: [{ host: '127.0.0.1', port: 1 }] } };

function tenant(id: string, hosts: string[], revision: number, changes: Partial<TestTenant> = {}) {
  const routes = { rest: { upstreamId: 'main' } };
  return tenantDocument({ id, hosts, upstreams: UPSTREAMS, routes, ...changes }, revision);
}

/** Valid to the schema, but its route names an upstream that is not there. */
const broken = (id: string, hosts: string[], revision: number): WireDocument =>
  tenant(id, hosts, revision, { routes: { rest: { upstreamId: 'missing' } } });

/** Id and revision that answer for a host; null for nobody, 'quarantined' for a tenant without snapshot. */
function served(store: TenantStore, host: string): string | null {
  const handle = store.findByHost(host);
  if (handle === null) return null;
  const snapshot = handle.snapshot();
  return snapshot === null ? 'quarantined' : `${snapshot.id}@${snapshot.revision}`;
}

suite('tenant store: revisions', () => {
  for (const compileNow of [true, false]) {
    test(`documents are served, compiled ${compileNow ? 'at once' : 'on first use'}`, () => {
      const { store, outcomes } = createScene();
      store.apply(planDocument(), compileNow);
      store.apply(tenant('a', ['a.test'], 1), compileNow);
      assert.equal(served(store, 'a.test'), 'a@1');
      store.apply(tenant('a', ['b.test'], 2), compileNow);
      assert.equal(served(store, 'a.test'), null);
      assert.equal(served(store, 'b.test'), 'a@2');
      assert.deepEqual([outcomes, store.tenantCount, store.planCount], [[], 1, 1]);
    });
  }

  test('a revision that does not compile is rejected with its reason; the last good one stays', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    const outcome = store.apply(broken('a', ['a.test', 'more.test'], 2), true);
    assert.deepEqual([outcome.key, outcome.revision, outcome.outcome], ['tenant.a', 2, 'rejected']);
    assert.match(outcome.reason, /route rest: upstream missing does not exist/);
    assert.equal(served(store, 'a.test'), 'a@1');
    assert.equal(served(store, 'more.test'), null, 'its hosts do not count either');
    store.apply(tenant('a', ['a.test'], 3), true);
    assert.equal(served(store, 'a.test'), 'a@3');
  });

  test('revisions of a tenant that nobody asks for are compiled to see whether they can be, and not kept', () => {
    const { store, counted } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    store.apply(tenant('a', ['a.test'], 2), true);
    assert.equal(store.apply(broken('a', ['a.test'], 3), true).outcome, 'rejected');
    assert.deepEqual(counted, []);
    assert.equal(served(store, 'a.test'), 'a@2');
    assert.deepEqual(counted, ['a']);
    store.apply(tenant('a', ['a.test'], 4), true);
    assert.deepEqual(counted, ['a', 'a'], 'requests wait for no compilation from now on');
    assert.equal(served(store, 'a.test'), 'a@4');
  });

  test('a rejected revision changes no weight of the endpoints in use', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    const endpoint = endpointOf(store);
    const heavy = { main: { endpoints: [{ host: '127.0.0.1', port: 1, weight: 9 }] } };
    const routes = { rest: { upstreamId: 'missing' } };
    store.apply(tenant('a', ['a.test'], 2, { upstreams: heavy, routes }), true);
    assert.equal(endpoint?.weight, 1);
    store.apply(tenant('a', ['a.test'], 3, { upstreams: heavy }), true);
    assert.equal(endpointOf(store), endpoint);
    assert.equal(endpoint?.weight, 9);
  });

  test('what does not compile on first use is quarantined, reported once, and mended by a newer revision', () => {
    const { store, outcomes } = createScene();
    store.apply(planDocument(), false);
    store.apply(broken('a', ['a.test'], 1), false);
    assert.equal(served(store, 'a.test'), 'quarantined');
    assert.equal(served(store, 'a.test'), 'quarantined');
    assert.deepEqual(
      outcomes.map(({ key, revision, outcome }) => [key, revision, outcome]),
      [['tenant.a', 1, 'rejected']],
    );
    store.apply(tenant('a', ['a.test'], 2), true);
    assert.equal(served(store, 'a.test'), 'a@2');
  });

  test('a removed tenant is gone, and may come back', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    store.remove('tenant.a');
    store.remove('tenant.a');
    assert.equal(served(store, 'a.test'), null);
    store.apply(tenant('a', ['a.test'], 5), true);
    assert.equal(served(store, 'a.test'), 'a@5');
  });
});

function endpointOf(store: TenantStore) {
  const route = store.findByHost('a.test')?.snapshot()?.routes.match('a.test', '/', 'GET');
  return route?.upstream.endpoints[0];
}

suite('tenant store: plans', () => {
  for (const compileNow of [true, false]) {
    test(`a plan that comes after its tenant mends it, compiled ${compileNow ? 'at once' : 'on first use'}`, () => {
      const { store, outcomes } = createScene();
      const first = store.apply(tenant('a', ['a.test'], 1), compileNow);
      assert.equal(served(store, 'a.test'), 'quarantined');
      if (compileNow) assert.match(first.reason, /plan test is not known/);
      outcomes.length = 0;
      store.apply(planDocument(), true);
      assert.equal(served(store, 'a.test'), 'a@1');
      if (compileNow) assert.equal(outcomes.at(-1)?.outcome, 'applied');
    });
  }

  test('a new revision of the plan counts from the next request on', () => {
    const { store } = createScene();
    store.apply(planDocument({}, 1), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    assert.equal(store.findByHost('a.test')?.snapshot()?.chain, null);
    store.apply(planDocument({ limits: [{ name: 'x', limit: 1, windowMs: 1000 }] }, 2), true);
    const snapshot = store.findByHost('a.test')?.snapshot();
    assert.equal(snapshot?.planRevision, 2);
    assert.equal(snapshot.chain?.rules.length, 1);
  });

  test('a newer revision is not undone by an older rejected one when the plan changes', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    store.apply(broken('a', ['a.test'], 2), true);
    store.apply(tenant('a', ['a.test'], 3), false);
    store.apply(planDocument({}, 2), true);
    assert.equal(served(store, 'a.test'), 'a@3');
  });

  test('a plan that cannot be read is rejected; its tenants go on', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    const bad = edited(planDocument({}, 2), { body: '{' });
    assert.equal(store.apply(bad, true).outcome, 'rejected');
    assert.equal(served(store, 'a.test'), 'a@1');
  });
});

suite('tenant store: shared upstreams', () => {
  /** A tenant whose route leads to a shared upstream. */
  const user = (id: string, revision: number, sharedUpstreamId = 'mail') =>
    tenant(id, [`${id}.test`], revision, {
      routes: { own: { upstreamId: 'main', match: OWN }, rest: { sharedUpstreamId } },
    });
  const OWN = { path: { prefix: '/own' } };

  /** Ports that a path of a tenant leads to; null for a tenant without snapshot. */
  function portsOf(store: TenantStore, id: string, path = '/'): readonly number[] | null {
    const snapshot = store.findByHost(`${id}.test`)?.snapshot();
    if (snapshot === null || snapshot === undefined) return null;
    const route = snapshot.routes.match(`${id}.test`, path, 'GET');
    assert.ok(route !== null);
    const { endpoints, picker } = route.upstream;
    assert.equal(picker.pick(null) !== null, endpoints.length > 0);
    return endpoints.map(({ port }) => port);
  }

  for (const compileNow of [true, false]) {
    for (const order of ['first', 'last'] as const) {
      test(`it comes ${order}, compileNow ${compileNow}: until it does only its routes have no endpoints`, () => {
        const { store, outcomes } = createScene();
        store.apply(planDocument(), compileNow);
        if (order === 'first') store.apply(upstreamDocument('mail', [8]), compileNow);
        assert.equal(store.apply(user('a', 2), compileNow).outcome, 'applied');
        if (order === 'last') {
          assert.deepEqual(portsOf(store, 'a'), []);
          assert.deepEqual(portsOf(store, 'a', '/own'), [1]);
          store.apply(upstreamDocument('mail', [8]), compileNow);
        }
        assert.deepEqual(portsOf(store, 'a'), [8]);
        assert.deepEqual(outcomes, []);
      });
    }
  }

  test('a change counts for all tenants from their next request on, and compiles none of them', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(upstreamDocument('mail', [8, 9]), true);
    const ids = ['a', 'b', 'c'];
    for (const id of ids) store.apply(user(id, 2), true);
    store.apply(tenant('d', ['d.test'], 2), true);
    const before = ['a', 'd'].map((id) => store.findByHost(`${id}.test`)?.snapshot());
    store.apply(upstreamDocument('mail', [9, 10], 3, { picker: 'round_robin' }), true);
    for (const id of ids) assert.deepEqual(portsOf(store, id), [9, 10]);
    const after = ['a', 'd'].map((id) => store.findByHost(`${id}.test`)?.snapshot());
    assert.deepEqual([before[0] === after[0], before[1] === after[1]], [true, true]);
  });

  test('a change and a new plan that come together both count', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(upstreamDocument('mail', [8]), true);
    store.apply(user('a', 2), true);
    const [broken] = [edited(planDocument({}, 3), { body: '{' })];
    store.apply(upstreamDocument('mail', [9], 4), true);
    store.apply(planDocument({ name: 'new' }, 5), true);
    assert.deepEqual(portsOf(store, 'a'), [9]);
    store.apply(broken, true);
    store.apply(upstreamDocument('mail', [10], 6), true);
    assert.deepEqual(portsOf(store, 'a'), [10]);
  });

  test('what replaces a good revision waits for its shared upstream, and is in force when that has come', () => {
    const { store, outcomes } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    const outcome = store.apply(user('a', 3), true);
    assert.equal(outcome.outcome, 'rejected');
    assert.equal(outcome.reason, 'shared upstream mail is not known here (yet)');
    assert.equal(served(store, 'a.test'), 'a@1');
    store.apply(upstreamDocument('mail', [8], 2), true);
    assert.equal(served(store, 'a.test'), 'a@3');
    assert.deepEqual(
      outcomes.map(({ key, revision, outcome: is }) => [key, revision, is]),
      [['tenant.a', 3, 'applied']],
    );
  });

  test('its name is not that of an upstream of the tenant', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(upstreamDocument('main', [8]), true);
    store.apply(user('a', 2, 'main'), true);
    assert.deepEqual([portsOf(store, 'a'), portsOf(store, 'a', '/own')], [[8], [1]]);
    store.remove('upstream.main');
    assert.deepEqual([portsOf(store, 'a'), portsOf(store, 'a', '/own')], [[], [1]]);
    const bad = tenant('b', ['b.test'], 2, { routes: { rest: { upstreamId: 'mail' } } });
    store.apply(upstreamDocument('mail', [8]), true);
    assert.match(store.apply(bad, true).reason, /upstream mail does not exist/);
  });

  test('one that cannot be read is rejected; what was there goes on', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(upstreamDocument('mail', [8]), true);
    store.apply(user('a', 2), true);
    const sound = upstreamDocument('mail', [9], 3);
    const { body: other } = upstreamDocument('other', [9], 3);
    for (const body of ['', '{', 'null', '{"upstream":{"id":"mail","endpoints":[]}}', other]) {
      assert.equal(store.apply(edited(sound, { body }), true).outcome, 'rejected', body);
      assert.deepEqual(portsOf(store, 'a'), [8]);
    }
  });

  test('a candidate leads where it says, and what was before comes back with its endpoints', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(upstreamDocument('mail', [8]), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    const routes = { rest: { sharedUpstreamId: 'mail' } };
    const candidate = { id: 'a', hosts: ['a.test'], upstreams: UPSTREAMS, routes };
    store.apply(rolloutDocument(candidate, 3, ['default']), true);
    assert.deepEqual(portsOf(store, 'a'), [8]);
    store.remove('rollout.a');
    assert.deepEqual(portsOf(store, 'a'), [1]);
  });
});

suite('tenant store: hosts', () => {
  const moves: readonly [string, readonly ('giver' | 'taker')[]][] = [
    ['the giver first', ['giver', 'taker']],
    ['the taker first', ['taker', 'giver']],
  ];
  for (const [title, order] of moves) {
    for (const compileNow of [true, false]) {
      test(`a host moves between tenants, ${title}, compileNow ${compileNow}`, () => {
        const { store, conflicts } = createScene();
        const documents = {
          giver: tenant('a', ['a.test'], 2),
          taker: tenant('b', ['b.test', 'moved.test'], 2),
        };
        store.apply(planDocument(), true);
        store.apply(tenant('a', ['a.test', 'moved.test'], 1), compileNow);
        store.apply(tenant('b', ['b.test'], 1), compileNow);
        assert.equal(served(store, 'moved.test'), 'a@1');
        for (const one of order) store.apply(documents[one], compileNow);
        assert.equal(served(store, 'moved.test'), 'b@2');
        assert.equal(served(store, 'a.test'), 'a@2');
        const expected = order[0] === 'taker' ? ['b wants moved.test of a'] : [];
        assert.deepEqual(conflicts, expected);
      });
    }
  }

  test('a contested host stays with its holder until that one is removed', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['x.test'], 1), true);
    store.apply(tenant('b', ['x.test'], 1), true);
    store.apply(tenant('a', ['x.test'], 2), true);
    assert.equal(served(store, 'x.test'), 'a@2');
    store.remove('tenant.a');
    assert.equal(served(store, 'x.test'), 'b@1');
  });

  test('who has given up a contested host does not get it later', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['x.test'], 1), true);
    store.apply(tenant('b', ['x.test'], 1), true);
    store.apply(tenant('b', ['b.test'], 2), true);
    store.remove('tenant.a');
    assert.equal(served(store, 'x.test'), null);
  });
});

suite('tenant store: poison', () => {
  const sound = tenant('p', ['p.test'], 2);
  const poison: readonly [string, WireDocument][] = [
    ['no JSON', edited(sound, { body: '{"tenant":' })],
    ['an empty body', edited(sound, { body: '' })],
    ['null', edited(sound, { body: 'null' })],
    ['100,000 levels', edited(sound, { body: '['.repeat(100_000) })],
    ['another tenant', edited(sound, { body: tenant('a', ['p.test'], 2).body })],
    ['a route without upstream', broken('p', ['p.test'], 2)],
  ];
  for (const [title, document] of poison) {
    for (const known of [true, false]) {
      test(`${title}: ${known ? 'the previous revision stays' : 'nothing is served'}, others notice nothing`, () => {
        const { store } = createScene();
        store.apply(planDocument(), true);
        store.apply(tenant('a', ['a.test'], 1), true);
        if (known) store.apply(tenant('p', ['p.test'], 1), true);
        const outcome = store.apply(document, true);
        assert.equal(outcome.outcome, 'rejected');
        assert.ok(outcome.reason.length > 0 && outcome.reason.length <= 401);
        if (known) assert.equal(served(store, 'p.test'), 'p@1');
        else assert.ok([null, 'quarantined'].includes(served(store, 'p.test')));
        assert.equal(served(store, 'a.test'), 'a@1');
        store.apply(tenant('a', ['a.test'], 2), true);
        assert.equal(served(store, 'a.test'), 'a@2');
        store.apply(tenant('p', ['p.test'], 3), true);
        assert.equal(served(store, 'p.test'), 'p@3', 'a good revision mends it');
      });
    }
  }

  test('a __proto__ key has no effect', () => {
    const { store } = createScene();
    store.apply(planDocument(), true);
    const body = sound.body.replace('{', '{"__proto__":{"polluted":1},');
    store.apply(edited(sound, { body }), true);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  test('who claims the hosts of another tenant does not get them', () => {
    const { store, conflicts } = createScene();
    store.apply(planDocument(), true);
    store.apply(tenant('a', ['a.test'], 1), true);
    store.apply(tenant('p', ['a.test', 'p.test'], 1), true);
    assert.equal(served(store, 'a.test'), 'a@1');
    assert.equal(served(store, 'p.test'), 'p@1');
    assert.deepEqual(conflicts, ['p wants a.test of a']);
  });
});

suite('tenant store: rollouts', () => {
  const given = { id: 'a', hosts: ['a.test'], upstreams: UPSTREAMS };
  const candidate = (revision: number, rings: string[], changes: Partial<TestTenant> = {}) =>
    rolloutDocument(
      { ...given, routes: { rest: { upstreamId: 'main' } }, ...changes },
      revision,
      rings,
    );
  const brokenCandidate = (revision: number) =>
    candidate(revision, ['default'], { routes: { rest: { upstreamId: 'missing' } } });

  /** A store of ring `default` with tenant a at revision 1. */
  function createRing(compileNow = true): Scene {
    const scene = createScene();
    scene.store.apply(planDocument(), compileNow);
    scene.store.apply(tenant('a', ['a.test'], 1), compileNow);
    return scene;
  }

  for (const compileNow of [true, false]) {
    const how = compileNow ? 'at once' : 'on first use';
    test(`a candidate serves in its rings until it is removed, compiled ${how}`, () => {
      const { store, outcomes } = createRing(compileNow);
      store.apply(candidate(2, ['canary']), compileNow);
      assert.equal(served(store, 'a.test'), 'a@1', 'another ring');
      store.apply(
        candidate(3, ['canary', 'default'], { hosts: ['a.test', 'new.test'] }),
        compileNow,
      );
      assert.equal(served(store, 'a.test'), 'a@3');
      assert.equal(served(store, 'new.test'), 'a@3', 'its hosts are those of the candidate');
      store.remove('rollout.a');
      assert.equal(served(store, 'a.test'), 'a@1');
      assert.equal(served(store, 'new.test'), null);
      assert.deepEqual([outcomes, store.tenantCount], [[], 1]);
    });
  }

  test('a candidate that comes before its tenant, as at a start, waits for it', () => {
    const { store } = createScene();
    store.apply(candidate(3, ['default']), false);
    assert.equal(served(store, 'a.test'), null);
    store.apply(tenant('a', ['a.test'], 1), false);
    store.apply(planDocument(), false);
    assert.equal(served(store, 'a.test'), 'a@3');
  });

  test('the tenant changes beside its candidate: the newer of both serves', () => {
    const { store } = createRing();
    store.apply(candidate(3, ['default']), true);
    store.apply(tenant('a', ['a.test'], 2), true);
    assert.equal(served(store, 'a.test'), 'a@3');
    store.apply(tenant('a', ['a.test'], 4), true);
    assert.equal(served(store, 'a.test'), 'a@4', 'the end of a rollout');
    store.remove('rollout.a');
    assert.equal(served(store, 'a.test'), 'a@4');
    store.apply(candidate(3, ['default']), true);
    assert.equal(served(store, 'a.test'), 'a@4');
  });

  test('what goes back is what the tenant became meanwhile', () => {
    const { store } = createRing();
    store.apply(candidate(3, ['default']), true);
    store.apply(tenant('a', ['a.test'], 2), true);
    store.remove('rollout.a');
    assert.equal(served(store, 'a.test'), 'a@2');
  });

  test('a candidate that does not compile is rejected, and never retried once it is gone', () => {
    const { store, outcomes } = createRing();
    const outcome = store.apply(brokenCandidate(2), true);
    assert.deepEqual([outcome.key, outcome.outcome], ['rollout.a', 'rejected']);
    assert.equal(served(store, 'a.test'), 'a@1');
    store.remove('rollout.a');
    store.apply(planDocument({}, 3), true);
    assert.deepEqual([served(store, 'a.test'), outcomes], ['a@1', []]);
  });

  test('one that does not compile on first use gives way to the tenant within that request', () => {
    const { store, outcomes } = createRing(false);
    store.apply(brokenCandidate(2), false);
    assert.equal(served(store, 'a.test'), 'a@1');
    assert.deepEqual(
      outcomes.map(({ key, revision, outcome }) => [key, revision, outcome]),
      [['rollout.a', 2, 'rejected']],
    );
  });

  test('a tenant that is removed is gone with its candidate', () => {
    const { store } = createRing();
    store.apply(candidate(2, ['default']), true);
    store.remove('tenant.a');
    assert.equal(served(store, 'a.test'), null);
    store.remove('rollout.a');
    assert.deepEqual([served(store, 'a.test'), store.tenantCount], [null, 0]);
  });
});
