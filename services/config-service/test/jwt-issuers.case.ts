import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTokenKey } from '@headgate/testkit';
import { faults, type Send, type TestApi } from './support/api.ts';

const REMOTE = {
  issuer: 'https://login.example.com',
  audiences: ['api'],
  jwksUri: 'https://login.example.com/jwks',
};
const UPSTREAMS = { main: { endpoints: [{ host: '10.0.0.1', port: 80 }] } };

/** What JWT issuers keep to on every database; there is a plan named `base`. */
export function testJwtIssuers(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  async function succeed(...request: Parameters<Send>) {
    const reply = await send(...request);
    assert.ok(reply.status < 300, `${request[0]} ${request[1]}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** A new tenant with an upstream, and the path of it. */
  async function tenant(id: string): Promise<string> {
    await succeed('PUT', `/v1/tenants/${id}`, { planId: 'base' });
    await succeed('PUT', `/v1/tenants/${id}/upstreams/main`, UPSTREAMS.main);
    return `/v1/tenants/${id}`;
  }

  const routeWith = (...issuerIds: readonly string[]) => ({
    ...{ upstreamId: 'main', auth: 'jwt', jwt: { issuerIds } },
  });

  async function documentOf(id: string): Promise<Record<string, unknown>> {
    const [document] = await api().store.outbox.documents([`tenant.${id}`]);
    return JSON.parse(document?.body ?? '{}') as Record<string, unknown>;
  }

  test('an issuer is in the document of its tenant, with defaults; a tenant without any has none', async () => {
    const path = await tenant('jw-doc');
    assert.ok(!('jwtIssuers' in (await documentOf('jw-doc'))));
    const { body } = await succeed('PUT', `${path}/jwt-issuers/login`, REMOTE);
    const spec = {
      ...REMOTE,
      ...{ algorithms: ['RS256', 'ES256'], leewayMs: 30_000, consumerClaim: 'sub' },
      requiredClaims: {},
    };
    assert.deepEqual({ ...body, ...spec }, body);
    assert.deepEqual((await documentOf('jw-doc'))['jwtIssuers'], [{ id: 'login', ...spec }]);
    const list = await succeed('GET', `${path}/jwt-issuers`);
    assert.equal((list.body['items'] as unknown[]).length, 1);
  });

  test('a route names issuers that are there, and one that is named stays', async () => {
    const path = await tenant('jw-route');
    await succeed('PUT', `${path}/jwt-issuers/login`, REMOTE);
    const none = await send('PUT', `${path}/routes/web`, routeWith('login', 'none'));
    const rule = 'jwt.issuerIds[1]: the tenant has no JWT issuer "none"; create it first';
    assert.deepEqual([none.status, faults(none)], [422, [rule]]);
    await succeed('PUT', `${path}/routes/web`, routeWith('login'));
    const used = await send('DELETE', `${path}/jwt-issuers/login`);
    assert.equal(used.status, 409);
    assert.deepEqual(faults(used), [
      'routes.web.jwt.issuerIds[0]: the route takes tokens of this issuer; change or delete the route first',
    ]);
    await succeed('DELETE', `${path}/routes/web`);
    await succeed('DELETE', `${path}/jwt-issuers/login`);
  });

  test('auth and jwt of a route belong together', async () => {
    const path = await tenant('jw-auth');
    for (const [route, fault] of [
      [{ auth: 'jwt' }, 'jwt: missing; with auth "jwt" a route tells whose tokens it takes'],
      [{ jwt: { issuerIds: ['login'] } }, 'jwt: must not be there without auth "jwt"'],
    ] as const) {
      const reply = await send('PUT', `${path}/routes/web`, { upstreamId: 'main', ...route });
      assert.deepEqual([reply.status, faults(reply)], [422, [fault]]);
    }
  });

  test('what is no issuer is refused with path and rule, and no value of a private key is told', async () => {
    const path = await tenant('jw-bad');
    const { jwk } = await createTokenKey();
    const inline = (changes: object) => ({
      ...{ issuer: 'i', audiences: ['a'] },
      jwks: { keys: [{ ...jwk, ...changes }] },
    });
    const d = 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmU';
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ issuer: 'i', audiences: ['a'] }, /^jwksUri: missing; an issuer has jwks or a jwksUri$/],
      [{ ...inline({}), ...REMOTE }, /^jwksUri: an issuer has jwks or a jwksUri, not both$/],
      [{ ...REMOTE, audiences: [] }, /^audiences: /],
      [{ ...REMOTE, algorithms: ['HS256'] }, /^algorithms\[0\]: /],
      [{ ...REMOTE, algorithms: ['none'] }, /^algorithms\[0\]: /],
      [{ ...REMOTE, leewayMs: 60_001 }, /^leewayMs: /],
      [{ ...REMOTE, jwksUri: 'ftp://login.example.com/' }, /^jwksUri: must be an https/],
      [{ ...REMOTE, jwksUri: 'https://me:pw@login.example.com/' }, /^jwksUri: must be an https/],
      [inline({ d }), /^jwks\.keys\[0\]\.d: unknown key/],
      [inline({ kty: 'oct', k: d }), /^jwks\.keys\[0\]/],
      [inline({ x: jwk.y }), /^jwks\.keys\[0\]: its numbers are those of no key$/],
      [inline({ alg: 'ES384' }), /^jwks\.keys\[0\]: alg ES384 does not fit the key$/],
    ];
    for (const [spec, expected] of cases) {
      const reply = await send('PUT', `${path}/jwt-issuers/bad`, spec);
      assert.equal(reply.status, 422, JSON.stringify(spec));
      assert.ok(
        faults(reply).some((fault) => expected.test(fault)),
        `${faults(reply).join('; ')} ${expected}`,
      );
      assert.ok(!JSON.stringify(reply.body).includes(d.slice(0, 20)));
    }
    await succeed('PUT', `${path}/jwt-issuers/good`, inline({}));
  });

  test('keys are not fetched from the platform, whoever writes it; what is there may stay', async () => {
    const path = await tenant('jw-where');
    for (const [jwksUri, what] of [
      ['https://169.254.169.254/jwks', 'a link-local address'],
      ['https://[::ffff:127.0.0.1]/jwks', 'a loopback address'],
      ['https://2130706433/jwks', 'a loopback address'],
      ['https://login.localhost/jwks', 'a loopback address'],
      ['http://10.0.0.1/jwks', 'an address that is not allowed for http://'],
    ] as const) {
      const reply = await send('PUT', `${path}/jwt-issuers/login`, { ...REMOTE, jwksUri });
      const rule = `jwksUri: leads to ${what}; an operator allows it in HEADGATE_ENDPOINT_ADDRESSES_ALLOWED, here and for edges`;
      assert.deepEqual([reply.status, faults(reply)], [422, [rule]]);
    }
  });

  test('a bundle replaces issuers as a whole; export, history and rollback have them', async () => {
    const path = await tenant('jw-bundle');
    const cursor = Buffer.from('jw-bundl').toString('base64url');
    const exported = async () => (await succeed('GET', `/v1/export?limit=1&cursor=${cursor}`)).body;
    const apply = (jwtIssuers: object, routes: object) =>
      send('POST', '/v1/apply', {
        apiVersion: 'headgate/v1',
        tenants: { 'jw-bundle': { planId: 'base', upstreams: UPSTREAMS, jwtIssuers, routes } },
      });
    assert.equal((await apply({ login: REMOTE }, { web: routeWith('login') })).status, 200);
    const before = await exported();
    const [first] = (await succeed('GET', `${path}/history?limit=1`)).body['items'] as {
      revision: number;
    }[];
    const stays = await apply({}, { web: routeWith('login') });
    assert.deepEqual(
      [stays.status, faults(stays)],
      [
        422,
        [
          'tenants.jw-bundle.routes.web.jwt.issuerIds[0]: the tenant has no JWT issuer "login"; create it first',
        ],
      ],
    );
    assert.equal((await apply({}, {})).status, 200);
    assert.equal((await send('GET', `${path}/jwt-issuers/login`)).status, 404);
    await succeed('POST', `${path}/rollback`, { revision: first?.revision });
    assert.deepEqual(await exported(), before);
  });
}
