import assert from 'node:assert/strict';
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createFakeClock, temporaryDirectory, waitFor } from '@headgate/testkit';
import { exportSPKI } from 'jose';
import { createFetchJson } from '../src/access/oidc/fetch-json.ts';
import { createIssuerKeys } from '../src/access/oidc/issuer-keys.ts';
import { createVerifyJwt } from '../src/access/oidc/verify-jwt.ts';
import { ADMIN_TOKEN, createSend, startApi, type ApiReply, type TestApi } from './support/api.ts';
import {
  AUDIENCE,
  createIssuerKey,
  startIssuer,
  type Issuer,
  type IssuerKey,
} from './support/issuer.ts';
import { startService } from './support/service.ts';

const clock = createFakeClock();
const COOL_DOWN_MS = 10_000;
const failures: string[] = [];
let issuer: Issuer;
let key: IssuerKey;
let api: TestApi;

const fetchJson = createFetchJson({ fetch, timeoutMs: 500, bytesMax: 10_000 });
const keysOf = (url: string, jwksUrl?: URL) =>
  createIssuerKeys(
    { clock, fetchJson, onFailure: ({ message }) => failures.push(message) },
    { issuer: url, jwksUrl },
  );

before(async () => {
  issuer = await startIssuer();
  key = issuer.keys[0] ?? assert.fail();
  const claims = { role: 'groups.names', tenants: 'https://headgate.example/tenants' };
  const rules = { issuer: issuer.url, audience: AUDIENCE, claims };
  api = await startApi({ verifyJwt: createVerifyJwt({ clock, keys: keysOf(issuer.url) }, rules) });
  await api.send('PUT', '/v1/plans/base', {});
  for (const id of ['acme', 'globex'])
    await api.send('PUT', `/v1/tenants/${id}`, { planId: 'base' });
});
after(async () => {
  await api.close();
  await issuer.close();
});

const access = (role: unknown, tenants?: unknown) => ({
  groups: { names: role },
  'https://headgate.example/tenants': tenants,
});
const ADMIN = access('platform_admin');
const sign = (claims: Readonly<Record<string, unknown>>, signer = key) =>
  issuer.sign(signer, clock.nowMs(), claims);
const ask = (token: string, path = '/v1/tenants'): Promise<ApiReply> =>
  createSend(api.url, token)('GET', path);
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const idsOf = ({ body }: ApiReply) =>
  (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id);

test('a token of the issuer has the role and the tenants of its claims; the audit names its subject', async () => {
  assert.deepEqual(idsOf(await ask(await sign(ADMIN))), ['acme', 'globex']);
  const mightiest = access(['staff', 'viewer', 'tenant_admin'], 'acme');
  const token = await sign({ ...mightiest, sub: 'bob@example.com' });
  const send = createSend(api.url, token);
  assert.deepEqual(idsOf(await send('GET', '/v1/tenants')), ['acme']);
  const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
  assert.equal((await send('PUT', '/v1/tenants/acme/upstreams/a', upstream)).status, 201);
  assert.equal((await send('PUT', '/v1/tenants/globex/upstreams/a', upstream)).status, 404);
  const audit = await api.send('GET', '/v1/audit?actor=oidc:bob@example.com');
  assert.equal((audit.body['items'] as readonly unknown[]).length, 1);
  for (const tenants of ['*', ['*'], 'acme globex', 'acme,globex', ['acme', 'globex']]) {
    const viewer = await sign(access('viewer', tenants));
    assert.deepEqual(idsOf(await ask(viewer)), ['acme', 'globex'], JSON.stringify(tenants));
    assert.equal((await createSend(api.url, viewer)('PUT', '/v1/plans/x', {})).status, 403);
  }
});

test('claims that name no role, or no tenants, get 403 with the rule', async () => {
  const many = Array.from({ length: 101 }, (_, index) => `t${index}`);
  for (const [claims, detail] of [
    [
      {},
      /groups\.names of the token names no role; roles are platform_admin, tenant_admin, viewer/,
    ],
    [access('root'), /names no role/],
    [access(7), /names no role/],
    [access({ viewer: true }), /names no role/],
    [access('platform_admin viewer'), /names no role/],
    [access('viewer'), /must name 1 to 100 tenants by their ids, or be \*/],
    [access('tenant_admin', '*'), /must name 1 to 100 tenants by their ids$/],
    [access('tenant_admin', []), /must name/],
    [access('viewer', ['acme', '*']), /must name/],
    [access('viewer', ['acme', 1]), /must name/],
    [access('viewer', ['"},{"']), /must name/],
    [access('viewer', many), /must name/],
  ] as const) {
    const { status, body } = await ask(await sign(claims));
    assert.deepEqual([status, body['code']], [403, 'HG_API_FORBIDDEN'], JSON.stringify(claims));
    assert.match(String(body['detail']), detail);
  }
});

test('every signature algorithm in use is taken', async () => {
  for (const alg of ['RS256', 'PS384', 'ES384', 'EdDSA']) {
    const other = await createIssuerKey(`kid-${alg}`, alg);
    issuer.keys = [...issuer.keys, other];
    clock.advance(COOL_DOWN_MS);
    assert.equal((await ask(await sign(ADMIN, other))).status, 200, alg);
  }
});

test('what is not a good token of the issuer for this service gets 401', async () => {
  const nowS = Math.floor(clock.nowMs() / 1000);
  const good = await sign(ADMIN);
  const [header = '', payload = '', signature = ''] = good.split('.');
  const body = { iss: issuer.url, aud: AUDIENCE, sub: 'eve', exp: nowS + 300, ...ADMIN };
  const hs256 = (secret: string, kid: string) => {
    const signed = `${base64({ alg: 'HS256', kid })}.${base64(body)}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const stranger = await createIssuerKey('first');
  const embedded = await createIssuerKey('embedded');
  const pem = await exportSPKI(key.publicKey);
  const refused: Readonly<Record<string, string>> = {
    'no signature': `${base64({ alg: 'none' })}.${base64(body)}.`,
    'an empty signature': `${header}.${payload}.`,
    'another signature': `${header}.${payload}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`,
    'other claims': `${header}.${base64(body)}.${signature}`,
    'HS256 with the public key as secret': hs256(pem, 'first'),
    'HS256 with the JWK as secret': hs256(JSON.stringify(key.jwk), 'first'),
    'another key of the same id': await sign(ADMIN, stranger),
    'an embedded key': [
      base64({ alg: 'ES256', jwk: embedded.jwk, jku: `${issuer.url}/keys` }),
      (await sign(ADMIN, embedded)).split('.').slice(1).join('.'),
    ].join('.'),
    'another audience': await sign({ ...ADMIN, aud: 'other' }),
    'no audience': await sign({ ...ADMIN, aud: undefined }),
    'another issuer': await sign({ ...ADMIN, iss: `${issuer.url}/` }),
    expired: await sign({ ...ADMIN, exp: nowS - 31 }),
    'no expiry': await sign({ ...ADMIN, exp: undefined }),
    'not valid yet': await sign({ ...ADMIN, nbf: nowS + 31 }),
    'no subject': await sign({ ...ADMIN, sub: undefined }),
    'a subject that no audit row can hold': await sign({ ...ADMIN, sub: 'a\u0000b' }),
    'a subject that is no text': await sign({ ...ADMIN, sub: { name: 'eve' } }),
    'a long subject': await sign({ ...ADMIN, sub: 'a'.repeat(256) }),
    'more than 8 KiB': await sign({ ...ADMIN, filler: 'x'.repeat(8000) }),
    'no JSON': `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`,
  };
  for (const [what, token] of Object.entries(refused)) {
    const reply = await ask(token);
    assert.deepEqual([reply.status, reply.body['code']], [401, 'HG_API_UNAUTHENTICATED'], what);
    assert.doesNotMatch(JSON.stringify(reply.body), /eve|BEGIN/, what);
  }
  const { body: told } = await ask(refused['expired'] ?? '');
  assert.equal(told['detail'], 'the token has expired');
  assert.equal((await ask(await sign({ ...ADMIN, filler: 'x'.repeat(20_000) }))).status, 431);
  assert.equal((await ask(await sign({ ...ADMIN, exp: nowS - 20 }))).status, 200, 'within 30 s');
  assert.equal((await ask(await sign({ ...ADMIN, nbf: nowS + 20 }))).status, 200, 'within 30 s');
});

test('a key that is rotated in works once the cool-down is over; one that is gone does not', async () => {
  const next = await createIssuerKey('next');
  clock.advance(COOL_DOWN_MS);
  const stale = await sign(ADMIN);
  issuer.keys = [next];
  assert.equal((await ask(await sign(ADMIN, next))).status, 200);
  assert.equal((await ask(stale)).status, 401);
  key = next;
});

test('tokens with unknown keys cost the issuer one request per cool-down', async () => {
  const unknown = await createIssuerKey('unknown');
  clock.advance(COOL_DOWN_MS);
  const before = issuer.fetched();
  const tokens = await Promise.all(
    Array.from({ length: 50 }, (_, index) => sign(ADMIN, { ...unknown, kid: `k${index}` })),
  );
  const statuses = await Promise.all(tokens.map(async (token) => (await ask(token)).status));
  assert.deepEqual([...new Set(statuses)], [401]);
  assert.equal(issuer.fetched() - before, 1);
  issuer.answer = (response) => response.writeHead(500).end();
  clock.advance(COOL_DOWN_MS);
  await Promise.all(tokens.map((token) => ask(token)));
  assert.equal(issuer.fetched() - before, 2, 'also while the issuer fails');
  issuer.answer = null;
});

test('keys of the issuer that are too small or broken refuse their tokens, and no others', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const small = { ...publicKey.export({ format: 'jwk' }), kid: 'small', alg: 'RS256' };
  const broken = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'broken', alg: 'ES256' };
  const jwks = JSON.stringify({ keys: [small, broken, key.jwk] });
  issuer.answer = (response) => response.end(jwks);
  clock.advance(COOL_DOWN_MS);
  assert.equal((await ask(await sign(ADMIN, await createIssuerKey('none')))).status, 401);
  const [, payload = '', signature = ''] = (await sign(ADMIN)).split('.');
  const signed = `${base64({ alg: 'RS256', kid: 'small' })}.${payload}`;
  const rs256 = createSign('RSA-SHA256').update(signed).sign(privateKey).toString('base64url');
  assert.equal((await ask(`${signed}.${rs256}`)).status, 401);
  const other = `${base64({ alg: 'ES256', kid: 'broken' })}.${payload}.${signature}`;
  assert.equal((await ask(other)).status, 401);
  assert.equal((await ask(await sign(ADMIN))).status, 200);
  issuer.answer = null;
});

test('the service takes JWTs as its environment says, and writes no credential into its log', async () => {
  const directory = await temporaryDirectory('oidc');
  const service = await startService({
    HEADGATE_DATA_DIR: directory.path,
    HEADGATE_NATS_URL: 'nats://127.0.0.1:1',
    HEADGATE_OIDC_ISSUER: issuer.url,
    HEADGATE_OIDC_AUDIENCE: AUDIENCE,
    HEADGATE_OIDC_ROLE_CLAIM: 'role',
  });
  try {
    const nowMs = Date.now();
    const good = await issuer.sign(key, nowMs, { role: 'platform_admin' });
    const tokens = [
      good,
      await issuer.sign(key, nowMs, { role: 'nobody' }),
      await issuer.sign(key, nowMs - 3_600_000, { role: 'viewer' }),
      await issuer.sign(await createIssuerKey('stranger'), nowMs),
      `hgt_${'x'.repeat(43)}`,
    ];
    const statuses: number[] = [];
    for (const token of tokens) {
      statuses.push((await createSend(service.url, token)('GET', '/v1/plans')).status);
    }
    assert.deepEqual(statuses, [200, 403, 401, 401, 401]);
    const send = createSend(service.url, good);
    const made = await send('POST', '/v1/access-tokens/made', { role: 'viewer', tenants: '*' });
    const secret = String(made.body['token']);
    assert.equal((await createSend(service.url, secret)('PUT', '/v1/plans/x', {})).status, 403);
    await service.process.stop();
    const log = [...service.process.stdout(), ...service.process.stderr()].join('\n');
    assert.match(log, /"msg":"ready"/);
    for (const token of [...tokens, secret, ADMIN_TOKEN]) {
      for (const part of token.split('.')) assert.ok(!log.includes(part), part);
    }
  } finally {
    await service.process.stop();
    await directory.remove();
  }
});

test('with the issuer away known keys serve for a day, and other tokens for ever', async () => {
  const known = async () => (await ask(await sign(ADMIN))).status;
  clock.advance(COOL_DOWN_MS);
  assert.equal(await known(), 200);
  issuer.answer = (response) => response.destroy();
  for (const ms of [599_000, 3_600_000, 79_000_000]) {
    clock.advance(ms);
    assert.equal(await known(), 200, `after ${ms} ms`);
  }
  clock.advance(4_000_000);
  const reply = await ask(await sign(ADMIN));
  assert.deepEqual(
    [reply.status, reply.body['code'], reply.headers.get('retry-after')],
    [503, 'HG_API_ISSUER_UNAVAILABLE', '2'],
  );
  assert.equal(
    (await api.send('GET', '/v1/tenants')).status,
    200,
    'the admin token needs no issuer',
  );
  issuer.answer = null;
  clock.advance(COOL_DOWN_MS);
  assert.equal(await known(), 200);
});

test('keys are refreshed after ten minutes without a request that waits for them', async () => {
  clock.advance(600_000);
  const before = issuer.fetched();
  let finish = (): void => undefined;
  const keys = JSON.stringify({ keys: [key.jwk] });
  issuer.answer = (response) => (finish = () => response.end(keys));
  assert.equal((await ask(await sign(ADMIN))).status, 200);
  await waitFor(() => issuer.fetched() === before + 1, { message: 'the refresh' });
  finish();
  issuer.answer = null;
});

test('answers of an issuer that are too large, too slow, redirected or of another issuer give no keys', async () => {
  const fails = async (keys: ReturnType<typeof keysOf>, rule: RegExp) => {
    await assert.rejects(async () =>
      keys({ alg: 'ES256', kid: key.kid }, { payload: '', signature: '' }),
    );
    assert.match(failures.at(-1) ?? '', rule);
  };
  issuer.answer = (response) => response.end(`{"keys":[],"filler":"${'x'.repeat(10_000)}"}`);
  await fails(keysOf(issuer.url), /answers with more than 10000 bytes/);
  issuer.answer = () => undefined;
  await fails(keysOf(issuer.url), /timeout/);
  issuer.answer = (response) => response.writeHead(302, { location: '/other' }).end();
  await fails(keysOf(issuer.url), /fetch failed/);
  issuer.answer = (response) => response.end('{"keys":7}');
  await fails(keysOf(issuer.url), /JSON Web Key Set/);
  issuer.answer = null;
  await fails(keysOf(`${issuer.url}/`), /discovery names the issuer/);
  const direct = keysOf('https://unused.example', new URL(`${issuer.url}/keys`));
  await assert.doesNotReject(async () =>
    direct({ alg: 'ES256', kid: key.kid }, { payload: '', signature: '' }),
  );
});
