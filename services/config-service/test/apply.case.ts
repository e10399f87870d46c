import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, type ApiReply, type Send, type TestApi } from './support/api.ts';

const bundle = {
  apiVersion: 'headgate/v1',
  plans: { 'apply-plan': { limits: [{ name: 'second', limit: 5, windowMs: 1000 }] } },
  tenants: {
    'apply-a': {
      planId: 'apply-plan',
      identity: { hosts: ['apply-a.example'] },
      upstreams: { api: { endpoints: [{ host: '10.0.0.1', port: 80 }] } },
      routes: { web: { upstreamId: 'api' } },
      apiKeys: { ci: { sha256: 'a'.repeat(64) } },
    },
    'apply-b': { planId: 'apply-plan' },
  },
};

interface ApplyChange {
  readonly action: string;
  readonly kind: string;
  readonly tenantId?: string;
  readonly id: string;
  readonly fields: readonly string[];
}

function changesOf(reply: ApiReply): string[] {
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  const changes = reply.body['changes'] as readonly ApplyChange[];
  return changes
    .filter(({ action }) => action !== 'unchanged')
    .map(({ action, kind, tenantId, id, fields }) =>
      [action, kind, ...(tenantId === undefined ? [] : [tenantId]), id, ...fields].join(' '),
    )
    .sort();
}

/** What `POST /v1/apply` keeps to on every database; there is a plan named `base`. */
export function testApply(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  test('what no edge would take is refused: one upstream too many, in a bundle and by itself', async () => {
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    const many = (count: number) => ({
      apiVersion: 'headgate/v1',
      tenants: {
        'apply-many': {
          planId: 'base',
          upstreams: Object.fromEntries(
            Array.from({ length: count }, (_, n) => [`u${n}`, upstream]),
          ),
        },
      },
    });
    const refused = await send('POST', '/v1/apply', many(1001));
    assert.equal(refused.status, 422);
    assert.deepEqual(faults(refused), ['tenants.apply-many.upstreams: a tenant has at most 1000']);
    assert.equal((await send('POST', '/v1/apply', many(1000))).status, 200);
    const more = await send('PUT', '/v1/tenants/apply-many/upstreams/one-more', upstream);
    assert.equal(more.status, 422);
    assert.match(String(faults(more)), /a tenant has at most 1000/);
    assert.equal((await send('PUT', '/v1/tenants/apply-many/upstreams/u7', upstream)).status, 200);
    assert.equal((await send('DELETE', '/v1/tenants/apply-many')).status, 204);
  });

  test('apply: dry run writes nothing, apply does what it said, applying again changes nothing', async () => {
    const planned = await send('POST', '/v1/apply?dryRun=true', bundle);
    const expected = [
      'create apiKey apply-a ci',
      'create plan apply-plan',
      'create route apply-a web',
      'create tenant apply-a',
      'create tenant apply-b',
      'create upstream apply-a api',
    ];
    assert.deepEqual(changesOf(planned), expected);
    assert.equal((await send('GET', '/v1/tenants/apply-a')).status, 404);

    const applied = await send('POST', '/v1/apply', bundle);
    assert.deepEqual(changesOf(applied), expected);
    assert.ok(Number(applied.body['revision']) > Number(planned.body['revision']));

    const again = await send('POST', '/v1/apply', bundle);
    assert.deepEqual(changesOf(again), []);
    assert.equal((again.body['changes'] as unknown[]).length, expected.length);
    assert.equal(again.body['revision'], applied.body['revision']);
  });

  test('apply: updates name their fields, unnamed routes go, unnamed API keys and tenants stay', async () => {
    await send('POST', '/v1/apply', bundle);
    await send('POST', '/v1/tenants/apply-a/api-keys/made-by-hand', {});
    const next = {
      apiVersion: 'headgate/v1',
      tenants: {
        'apply-a': {
          planId: 'apply-plan',
          status: 'suspended',
          identity: { hosts: ['apply-a.example', 'www.apply-a.example'] },
          upstreams: { api: { endpoints: [{ host: '10.0.0.2', port: 80 }] } },
        },
      },
    };
    assert.deepEqual(changesOf(await send('POST', '/v1/apply', next)), [
      'delete route apply-a web',
      'update tenant apply-a identity.hosts status',
      'update upstream apply-a api endpoints',
    ]);
    assert.equal((await send('GET', '/v1/tenants/apply-b')).status, 200);
    const keys = await send('GET', '/v1/tenants/apply-a/api-keys');
    assert.deepEqual(
      (keys.body['items'] as readonly { id: string }[]).map(({ id }) => id),
      ['ci', 'made-by-hand'],
    );
  });

  test('apply: all faults are listed with their paths, and nothing is written', async () => {
    await send('PUT', '/v1/tenants/apply-owner', {
      planId: 'base',
      identity: { hosts: ['apply-owned.example'] },
    });
    const reply = await send('POST', '/v1/apply', {
      apiVersion: 'headgate/v1',
      plans: { 'apply-never': {} },
      tenants: {
        'bad-a': { planId: 'nowhere', routes: { web: { upstreamId: 'nope' } } },
        'bad-b': {
          planId: 'apply-never',
          identity: { hosts: ['apply-owned.example', 'x.example'] },
        },
        'bad-c': { planId: 'apply-never', identity: { hosts: ['x.example'] } },
      },
    });
    assert.equal(reply.status, 422);
    assert.deepEqual(
      faults(reply).map((fault) => fault.split(':')[0]),
      [
        'tenants.bad-a.routes.web.upstreamId',
        'tenants.bad-a.planId',
        'tenants.bad-b.identity.hosts[0]',
        'tenants.bad-c.identity.hosts[0]',
      ],
    );
    assert.equal((await send('GET', '/v1/plans/apply-never')).status, 404);
    const malformed = await send('POST', '/v1/apply', {
      apiVersion: 'headgate/v2',
      tenants: { Bad_Id: { planId: 'base' }, 'bad-a': { planId: 'base', limits: [{ name: 'x' }] } },
    });
    assert.equal(malformed.status, 422);
    assert.ok(faults(malformed).length >= 3);
  });

  test('apply: a host can move from one tenant to another in one bundle', async () => {
    await send('PUT', '/v1/tenants/apply-from', {
      planId: 'base',
      identity: { hosts: ['moved.example'] },
    });
    const moved = {
      apiVersion: 'headgate/v1',
      tenants: {
        'apply-from': { planId: 'base' },
        'apply-to': { planId: 'base', identity: { hosts: ['moved.example'] } },
      },
    };
    assert.equal((await send('POST', '/v1/apply', moved)).status, 200);
  });

  test('apply: If-Match with the state of a dry run refuses what has changed since, and nothing else', async () => {
    const one = {
      apiVersion: 'headgate/v1',
      plans: { 'state-plan': {} },
      tenants: { 'state-a': { planId: 'state-plan' } },
    };
    const planned = await send('POST', '/v1/apply?dryRun=true', one);
    const ifMatch = { 'if-match': `"${String(planned.body['state'])}"` };
    await send('PUT', '/v1/tenants/state-other', { planId: 'base' });
    const applied = await send('POST', '/v1/apply', one, ifMatch);
    assert.equal(changesOf(applied).length, 2, 'what is not named does not count');
    assert.equal(applied.body['state'], undefined);

    const next = { ...one, plans: {}, tenants: { 'state-a': { planId: 'base' } } };
    const again = await send('POST', '/v1/apply?dryRun=true', next);
    await send('PUT', '/v1/tenants/state-a/upstreams/api', {
      endpoints: [{ host: '10.0.0.1', port: 80 }],
    });
    const stale = { 'if-match': `"${String(again.body['state'])}"` };
    const refused = await send('POST', '/v1/apply', next, stale);
    assert.deepEqual([refused.status, refused.body['code']], [412, 'HG_API_REVISION_MISMATCH']);
    assert.match(String(refused.body['detail']), /has changed since the dry run/);
    const kept = await send('GET', '/v1/tenants/state-a/upstreams/api');
    assert.equal(kept.status, 200, 'nothing was written');
    assert.equal((await send('POST', '/v1/apply', next, { 'if-match': 'x' })).status, 400);
  });

  test('compare tells what apply would change, also if that would be refused, and writes nothing', async () => {
    const wanted = {
      apiVersion: 'headgate/v1',
      plans: { 'compare-plan': {} },
      tenants: {
        'compare-a': { planId: 'nowhere', apiKeys: { ci: { sha256: 'c'.repeat(64) } } },
        'compare-b': { planId: 'base', name: 'B' },
      },
    };
    await send('PUT', '/v1/tenants/compare-b', { planId: 'base' });
    await send('POST', '/v1/tenants/compare-b/api-keys/made-by-hand', {});
    const before = api().committed();
    const compared = await send('POST', '/v1/compare', wanted, { 'idempotency-key': '"k"' });
    assert.deepEqual(changesOf(compared), [
      'create apiKey compare-a ci',
      'create plan compare-plan',
      'create tenant compare-a',
      'update tenant compare-b name',
    ]);
    const [updated] = (compared.body['changes'] as readonly { diff?: unknown }[]).filter(
      ({ diff }) => diff !== undefined,
    );
    assert.deepEqual(updated?.diff, [{ path: 'name', after: 'B' }]);
    assert.equal(api().committed(), before);
    assert.equal((await send('GET', '/v1/tenants/compare-a')).status, 404);
  });

  test('two tenants cannot have the same API key', async () => {
    const withKey = (id: string) => ({
      apiVersion: 'headgate/v1',
      tenants: { [id]: { planId: 'base', apiKeys: { k: { sha256: 'b'.repeat(64) } } } },
    });
    assert.equal((await send('POST', '/v1/apply', withKey('key-one'))).status, 200);
    const refused = await send('POST', '/v1/apply', withKey('key-two'));
    assert.equal(refused.status, 409);
    assert.match(faults(refused)[0] ?? '', /^tenants\.key-two\.apiKeys\.k\.sha256: /);
  });
}
