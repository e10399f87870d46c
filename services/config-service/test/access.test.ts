import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fastify } from 'fastify';
import { authorise } from '../src/access/authorise.ts';
import { guardRoutes } from '../src/access/guard-routes.ts';
import { accessOf } from '../src/access/session.ts';
import { createSend, faults, startApi, type Send, type TestApi } from './support/api.ts';

let api: TestApi;
let tenantAdmin: Send;
let viewer: Send;

async function tokenOf(id: string, spec: object): Promise<Send> {
  const { status, body } = await api.send('POST', `/v1/access-tokens/${id}`, spec);
  assert.equal(status, 201, JSON.stringify(body));
  assert.match(String(body['token']), /^hgt_[\w-]{43}$/);
  return createSend(api.url, String(body['token']));
}

before(async () => {
  api = await startApi();
  for (const id of ['own', 'foreign']) {
    await api.send('PUT', `/v1/plans/plan-${id}`, {});
    await api.send('PUT', `/v1/tenants/${id}`, { planId: `plan-${id}` });
  }
  tenantAdmin = await tokenOf('ta', { role: 'tenant_admin', tenants: ['own'] });
  viewer = await tokenOf('vi', { role: 'viewer', tenants: ['own'] });
});
after(() => api.close());

const TENANT = { planId: 'plan-own' };
const UPSTREAM = { endpoints: [{ host: '10.0.0.1', port: 80 }] };

test('a route without a permission cannot be added', () => {
  const app = fastify();
  const nobodyAsks = () => assert.fail('nobody asks');
  guardRoutes(app, { authorise, authenticate: nobodyAsks, countRequest: nobodyAsks });
  assert.throws(() => app.get('/open', () => 'x'), /GET \/open declares no permission/);
});

test('a tenant_admin changes what belongs to its tenants, and nothing else', async () => {
  assert.equal((await tenantAdmin('PUT', '/v1/tenants/own/upstreams/api', UPSTREAM)).status, 201);
  const foreign = await tenantAdmin('PUT', '/v1/tenants/foreign/upstreams/api', UPSTREAM);
  const missing = await tenantAdmin('PUT', '/v1/tenants/missing/upstreams/api', UPSTREAM);
  assert.deepEqual([foreign.status, missing.status], [404, 404]);
  const text = JSON.stringify(foreign.body['detail']).replace('foreign', 'missing');
  assert.equal(text, JSON.stringify(missing.body['detail']), 'existence is not told');
  const bundle = (tenants: object, plans = {}) => ({ apiVersion: 'headgate/v1', plans, tenants });
  const apply = (body: object) => tenantAdmin('POST', '/v1/apply', body);
  const upstreams = { api: UPSTREAM };
  assert.equal((await apply(bundle({ own: { planId: 'plan-own', upstreams } }))).status, 200);
  assert.equal((await apply(bundle({ own: { planId: 'plan-foreign', upstreams } }))).status, 403);
  assert.equal((await apply(bundle({ foreign: { planId: 'plan-foreign' } }))).status, 404);
  assert.equal((await apply(bundle({}, { 'plan-own': {} }))).status, 403);
  const put = await tenantAdmin('PUT', '/v1/tenants/own', { planId: 'plan-own' });
  assert.equal(put.body['code'], 'HG_API_FORBIDDEN');
  assert.match(String(put.body['detail']), /lacks the permission tenants\.write/);
  assert.equal((await tenantAdmin('GET', '/v1/access-tokens')).status, 403);
  const { body } = await api.send('GET', '/v1/audit?actor=token:ta');
  assert.equal((body['items'] as readonly unknown[]).length, 1);
});

test('a bundle that names what is not the token’s is refused for that alone, a very large one before it is parsed', async () => {
  const ids = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const bundle = (tenants: readonly string[], of: unknown = { planId: 1 }) => ({
    apiVersion: 'headgate/v1',
    tenants: Object.fromEntries(tenants.map((id) => [id, of])),
  });
  for (const path of ['/v1/apply', '/v1/compare']) {
    const refused = await tenantAdmin('POST', path, bundle(['own', 'foreign']));
    assert.deepEqual(
      [refused.status, refused.body['detail']],
      [404, 'there is no tenant "foreign"'],
    );
    const misspelt = await tenantAdmin('POST', path, bundle(['Own']));
    assert.deepEqual([misspelt.status, faults(misspelt)[0]?.split(':')[0]], [422, 'tenants.Own']);
    for (const collection of ['tenants', 'plans', 'upstreams']) {
      const listed = { apiVersion: 'headgate/v1', [collection]: [{ id: 'own' }] };
      const { status, body } = await tenantAdmin('POST', path, listed);
      assert.equal(status, 422, `${collection} as a list: ${String(body['detail'])}`);
    }
    const many = await tenantAdmin('POST', path, bundle(ids('t', 100_000), {}));
    assert.deepEqual([many.status, many.body['code']], [413, 'HG_API_TOO_LARGE']);
    assert.match(
      String(many.body['detail']),
      /^the body has 100002 keys; .* at most 100000: send fewer tenants at a time$/,
    );
    const long = await tenantAdmin('POST', path, JSON.stringify('x'.repeat(4 * 1024 * 1024)));
    assert.match(String(long.body['detail']), /^the body has 4194306 bytes; .* at most 4194304/);
    const byAdmin = await api.send('POST', path, bundle(ids('t', 100_000), {}));
    assert.equal(byAdmin.status, 422, 'whoever sees all tenants may send more');
    assert.match(String(byAdmin.body['detail']), /^there are more than 1000 faults/);
  }
});

test('a tenant_admin writes no shared upstream, sees those its tenants use, and routes to these alone', async () => {
  for (const id of ['mail', 'hidden']) await api.send('PUT', `/v1/upstreams/${id}`, UPSTREAM);
  const to = (id: string) => ({ sharedUpstreamId: id, match: { path: { prefix: `/${id}` } } });
  assert.equal(
    (await api.send('PUT', '/v1/tenants/foreign/routes/hidden', to('hidden'))).status,
    201,
  );
  const listed = async (send: Send) => {
    const { body } = await send('GET', '/v1/upstreams');
    return (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id);
  };
  assert.deepEqual(await listed(tenantAdmin), []);
  const path = '/v1/tenants/own/routes';
  // The first route is the platform's to write; what is there and what is not are told apart by nothing.
  for (const id of ['mail', 'hidden', 'missing']) {
    const refused = await tenantAdmin('PUT', `${path}/first`, to(id));
    assert.deepEqual(
      [refused.status, faults(refused)],
      [
        403,
        [
          'sharedUpstreamId: no route of the tenant leads to a shared upstream of this name; only a platform_admin may write the first one',
        ],
      ],
    );
  }
  assert.equal((await api.send('PUT', `${path}/first`, to('mail'))).status, 201);
  for (const send of [tenantAdmin, viewer]) {
    assert.deepEqual(await listed(send), ['mail']);
    assert.equal((await send('GET', '/v1/upstreams/mail')).status, 200);
    assert.equal((await send('GET', '/v1/upstreams/hidden')).status, 404);
    assert.equal((await send('PUT', '/v1/upstreams/mail', UPSTREAM)).status, 403);
    assert.equal((await send('DELETE', '/v1/upstreams/mail')).status, 403);
  }
  const second = { ...to('mail'), match: { path: { prefix: '/second' } } };
  assert.equal((await tenantAdmin('PUT', `${path}/second`, second)).status, 201);
  const bundle = (upstreams: object) => ({
    apiVersion: 'headgate/v1',
    upstreams,
    tenants: { own: { ...TENANT, routes: { first: to('mail') } } },
  });
  const written = await tenantAdmin('POST', '/v1/apply', bundle({ mail: UPSTREAM }));
  assert.deepEqual(faults(written), [
    'upstreams.mail: shared upstreams may be changed by a platform_admin only; leave it out',
  ]);
  const applied = await tenantAdmin('POST', '/v1/apply', bundle({}));
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
});

test('a tenant_admin puts endpoints where no platform address is; what is there already stays', async () => {
  const path = '/v1/tenants/own/upstreams/near';
  const at = (...hosts: string[]) => ({ endpoints: hosts.map((host) => ({ host, port: 80 })) });
  const bundle = (upstream: object) => ({
    apiVersion: 'headgate/v1',
    tenants: { own: { ...TENANT, upstreams: { near: upstream } } },
  });
  for (const [host, what] of [
    ['127.0.0.1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['localhost', 'a loopback address'],
    ['169.254.169.254', 'a link-local address'],
    ['0.0.0.0', 'an unspecified address'],
    ['fd00:ec2::254', 'an address of cloud metadata'],
  ] as const) {
    const refused = await tenantAdmin('PUT', path, at('10.0.0.1', host));
    assert.equal(refused.status, 422, host);
    const [fault] = refused.body['errors'] as readonly Record<string, unknown>[];
    assert.equal(fault?.['value'], host);
    const rule = `is ${what}, which only a platform_admin may write; else an operator allows it in HEADGATE_ENDPOINT_ADDRESSES_ALLOWED`;
    assert.deepEqual(faults(refused), [`endpoints[1].host: ${rule}`]);
    const applied = await tenantAdmin('POST', '/v1/apply', bundle(at(host)));
    const place = 'tenants.own.upstreams.near.endpoints[0].host';
    assert.deepEqual(faults(applied), [`${place}: ${rule}`]);
  }
  assert.equal((await api.send('PUT', path, at('127.0.0.1'))).status, 201, 'a platform_admin may');
  assert.equal((await tenantAdmin('PUT', path, at('127.0.0.1', '10.0.0.1'))).status, 200);
  const otherPort = { endpoints: [{ host: '127.0.0.1', port: 6379 }] };
  assert.equal((await tenantAdmin('PUT', path, otherPort)).status, 422);
  const candidate = { ...TENANT, upstreams: { near: otherPort } };
  const rings = [{ name: 'default', soakMs: 1000 }];
  const rollout = { candidate, rings };
  const started = await tenantAdmin('POST', '/v1/tenants/own/rollout', rollout);
  assert.match(String(faults(started)), /upstreams\.near\.endpoints\[0\]\.host: is a loopback/);
  assert.equal((await api.send('POST', '/v1/tenants/own/rollout', rollout)).status, 200);
  const promoted = await tenantAdmin('POST', '/v1/tenants/own/rollout/promote');
  assert.equal(promoted.status, 200, `of a platform_admin: ${String(faults(promoted))}`);
  assert.deepEqual((await api.send('GET', path)).body['endpoints'], [
    { host: '127.0.0.1', port: 6379, weight: 1 },
  ]);
});

test('a tenant_admin adds limits to its API keys, and replaces none of the plan, in whichever way it writes them', async () => {
  const path = '/v1/tenants/keyed/api-keys/limited';
  const limit = (name: string, most: number) => ({ name, limit: most, windowMs: 60_000 });
  const key = (...limits: object[]) => ({ limits });
  await api.send('PUT', '/v1/plans/plan-own', { keyLimits: [limit('minute', 100)] });
  await api.send('PUT', '/v1/tenants/keyed', TENANT);
  const keyAdmin = await tokenOf('ka', { role: 'tenant_admin', tenants: ['keyed'] });
  const rule =
    'a limit of this name may replace one of the plan, so only a platform_admin may write it; one that begins with "own-" adds to those of the plan';
  const tooMuch = limit('minute', 1_000_000_000_000);
  const created = await keyAdmin('POST', path, key(tooMuch));
  assert.deepEqual([created.status, faults(created)], [403, [`limits[0].name: ${rule}`]]);
  assert.equal((await keyAdmin('POST', path, key(limit('own-minute', 10)))).status, 201);
  const own = limit('own-minute', 20);
  for (const name of ['minute', 'of-another-plan']) {
    const refused = await keyAdmin('PUT', path, key(own, limit(name, 1)));
    assert.deepEqual([refused.status, faults(refused)], [403, [`limits[1].name: ${rule}`]]);
    const [fault] = refused.body['errors'] as readonly Record<string, unknown>[];
    assert.equal(fault?.['value'], name);
  }
  const candidate = (...limits: object[]) => ({
    ...TENANT,
    apiKeys: { limited: { sha256: 'ab'.repeat(32), limits } },
  });
  const bundle = { apiVersion: 'headgate/v1', tenants: { keyed: candidate(tooMuch) } };
  const applied = await keyAdmin('POST', '/v1/apply', bundle);
  const place = 'tenants.keyed.apiKeys.limited.limits[0].name';
  assert.deepEqual([applied.status, faults(applied)], [403, [`${place}: ${rule}`]]);
  const rollout = { candidate: candidate(tooMuch), rings: [{ name: 'default', soakMs: 1000 }] };
  const started = await keyAdmin('POST', '/v1/tenants/keyed/rollout', rollout);
  assert.equal(started.status, 403);

  assert.equal((await api.send('PUT', path, key(tooMuch))).status, 200, 'a platform_admin may');
  const kept = await keyAdmin('PUT', path, { name: 'kept', ...key(own, tooMuch) });
  assert.equal(kept.status, 200, 'what is there may stay');
  assert.equal((await keyAdmin('PUT', path, key(own))).status, 200, 'or go');
  assert.equal((await keyAdmin('PUT', path, key(own, tooMuch))).status, 403, 'not come back');

  assert.equal((await api.send('POST', '/v1/tenants/keyed/rollout', rollout)).status, 200);
  const promoted = await keyAdmin('POST', '/v1/tenants/keyed/rollout/promote');
  assert.equal(promoted.status, 200, `of a platform_admin: ${String(faults(promoted))}`);
});

test('addresses that the operator allows are not refused', async () => {
  const open = await startApi({ allowedAddresses: ['127.0.0.0/8'] });
  try {
    await open.send('PUT', '/v1/plans/plan-own', {});
    await open.send('PUT', '/v1/tenants/own', TENANT);
    const spec = { role: 'tenant_admin', tenants: ['own'] };
    const { body } = await open.send('POST', '/v1/access-tokens/ta', spec);
    const send = createSend(open.url, String(body['token']));
    const put = (host: string) =>
      send('PUT', '/v1/tenants/own/upstreams/api', { endpoints: [{ host, port: 80 }] });
    assert.equal((await put('127.0.0.1')).status, 201);
    assert.equal((await put('169.254.169.254')).status, 422);
  } finally {
    await open.close();
  }
});

test('what is too large for a document is refused without the database', async () => {
  const access = accessOf('tenant_admin', ['own']);
  const jwtApi = await startApi({
    verifyJwt: () => Promise.resolve({ ok: true, principal: { actor: 'oidc:a', access } }),
  });
  try {
    const apiKeys = Object.fromEntries(
      Array.from({ length: 12_000 }, (_, n) => [`k${n}`, { sha256: String(n).padStart(64, '0') }]),
    );
    const bundle = { apiVersion: 'headgate/v1', tenants: { own: { ...TENANT, apiKeys } } };
    await jwtApi.database.close();
    const send = createSend(jwtApi.url, 'a.b.c');
    const refused = await send('POST', '/v1/apply', bundle);
    assert.equal(refused.status, 422);
    assert.match(String(faults(refused)), /^tenants\.own: the published document would have \d+ b/);
    bundle.tenants.own.apiKeys = {};
    assert.equal((await send('POST', '/v1/apply', bundle)).status, 503);
  } finally {
    await jwtApi.close();
  }
});

test('a viewer of some tenants reads them, and lists hold nothing of others', async () => {
  assert.equal((await viewer('PUT', '/v1/tenants/own/upstreams/no', UPSTREAM)).status, 403);
  assert.equal((await viewer('GET', '/v1/tenants/own')).status, 200);
  for (const path of ['', '/routes', '/history', '/diff?from=1', '/history/2']) {
    assert.equal((await viewer('GET', `/v1/tenants/foreign${path}`)).status, 404, path);
  }
  for (const path of ['/v1/tenants', '/v1/plans', '/v1/export', '/v1/audit']) {
    const { status, body } = await viewer('GET', path);
    assert.equal(status, 200, path);
    assert.match(JSON.stringify(body), /own/, path);
    assert.doesNotMatch(JSON.stringify(body), /foreign/, path);
  }
  assert.equal((await viewer('GET', '/v1/plans/plan-foreign')).status, 404);
});

test('a token loses a tenant that is deleted: it does not reach the next one of that id', async () => {
  for (const id of ['short', 'lived']) await api.send('PUT', `/v1/tenants/${id}`, TENANT);
  const one = await tokenOf('one', { role: 'viewer', tenants: ['short'] });
  const two = await tokenOf('two', { role: 'viewer', tenants: ['lived', 'short'] });
  assert.equal((await api.send('DELETE', '/v1/tenants/short?dryRun=true')).status, 200);
  assert.equal((await one('GET', '/v1/tenants/short')).status, 200);
  assert.equal((await api.send('DELETE', '/v1/tenants/short')).status, 204);
  assert.equal((await api.send('PUT', '/v1/tenants/short', TENANT)).status, 201);
  assert.equal((await one('GET', '/v1/tenants/short')).status, 401);
  assert.equal((await two('GET', '/v1/tenants/short')).status, 404);
  assert.equal((await two('GET', '/v1/tenants/lived')).status, 200);
  const { body } = await api.send('GET', '/v1/audit?limit=100');
  const told = (body['items'] as readonly Record<string, unknown>[])
    .filter(({ kind, action }) => kind === 'accessToken' && action !== 'create')
    .map(({ action, resourceId }) => `${String(action)} ${String(resourceId)}`);
  assert.deepEqual(told.toSorted(), ['delete one', 'update two']);
});

test('tokens: kept as hashes, checked, revoked at once, refused when expired', async () => {
  const passing = await tokenOf('passing', { role: 'viewer', tenants: '*' });
  assert.equal((await passing('GET', '/v1/tenants/foreign')).status, 200);
  assert.equal(
    (await api.send('POST', '/v1/access-tokens/passing', { role: 'platform_admin' })).status,
    409,
  );
  assert.equal((await api.send('DELETE', '/v1/access-tokens/passing')).status, 204);
  assert.equal((await passing('GET', '/v1/tenants')).status, 401);
  const expired = { role: 'platform_admin', expiresAt: '2020-01-01T00:00:00Z' };
  assert.equal((await (await tokenOf('old', expired))('GET', '/v1/tenants')).status, 401);
  for (const bad of [
    { role: 'viewer' },
    { role: 'tenant_admin', tenants: '*' },
    { role: 'root' },
  ]) {
    assert.equal((await api.send('POST', '/v1/access-tokens/bad', bad)).status, 422);
  }
  const list = await api.send('GET', '/v1/access-tokens');
  assert.doesNotMatch(JSON.stringify(list.body), /sha256|"token"/);
});
