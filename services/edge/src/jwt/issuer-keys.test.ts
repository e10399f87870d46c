import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import type { KeySource } from '@headgate/auth';
import { JwtIssuer } from '@headgate/model';
import { systemTimers } from '@headgate/runtime';
import {
  createFakeClock,
  createHttpOrigin,
  createSeededRandom,
  createTokenKey,
  type TokenKey,
} from '@headgate/testkit';
import { FetchLanes } from './fetch-lanes.ts';
import { createFetchText } from './fetch-text.ts';
import { IssuerKeys } from './issuer-keys.ts';

/** Issuers of several tenants on a real server, and time as the test says. */
async function scene(t: TestContext) {
  let published: readonly TokenKey[] | null = [await createTokenKey('ES256', 'k1')];
  const server = await createHttpOrigin((_, response) => {
    if (published === null) response.statusCode = 500;
    response.end(JSON.stringify({ keys: published?.map(({ jwk }) => jwk) }));
  });
  t.after(() => server.close());
  const clock = createFakeClock();
  const outcomes: string[] = [];
  const keys = new IssuerKeys({
    clock,
    random: createSeededRandom(1),
    lanes: new FetchLanes({ clock, ...systemTimers }),
    fetchText: createFetchText(
      () => assert.fail('no names here'),
      () => null,
    ),
    onFetched: (tenantId, issuerId, error) =>
      outcomes.push(`${tenantId}/${issuerId} ${error?.message ?? 'ok'}`),
  });
  const issuer = (id: string, path = '/jwks'): JwtIssuer =>
    JwtIssuer.parse({ id, issuer: 'i', audiences: ['a'], jwksUri: `${server.url}${path}` });
  const put = (tenantId: string, ...issuers: readonly JwtIssuer[]): readonly KeySource[] => {
    const sources = keys.build(tenantId, issuers);
    keys.commit(tenantId, issuers, sources);
    return [...sources.values()];
  };
  const publish = (...next: readonly TokenKey[]): void => void (published = next);
  const fail = (): void => void (published = null);
  return { clock, server, keys, issuer, put, publish, fail, outcomes };
}

const has = (source: KeySource | undefined, kid: string): boolean =>
  source?.current()?.find(kid, 'ES256') instanceof Object;

suite('keys of issuers', () => {
  test('a key that is added is known 30 s after the last fetch, one that is gone 10 min later', async (t) => {
    const { clock, server, put, publish, issuer } = await scene(t);
    const [source] = put('acme', issuer('login'));
    await source?.refresh();
    assert.deepEqual([has(source, 'k1'), has(source, 'k2')], [true, false]);
    publish(await createTokenKey('ES256', 'k2'));
    clock.advance(29_999);
    assert.equal(source?.refresh(), null);
    clock.advance(1);
    await source.refresh();
    assert.deepEqual([has(source, 'k1'), has(source, 'k2')], [false, true]);
    publish(await createTokenKey('ES256', 'k3'));
    clock.advance(600_000);
    assert.ok(has(source, 'k2'));
    await source.refresh();
    assert.deepEqual([has(source, 'k2'), has(source, 'k3')], [false, true]);
    assert.equal(server.requestCount, 3);
  });

  test('they outlive revisions of the tenant, and a server that fails', async (t) => {
    const { clock, server, put, fail, issuer, outcomes } = await scene(t);
    const [before] = put('acme', issuer('login'));
    await before?.refresh();
    const [same] = put('acme', issuer('login'));
    const [elsewhere] = put('acme', issuer('login', '/other'));
    assert.ok(same === before && elsewhere !== before);
    assert.deepEqual([has(same, 'k1'), has(elsewhere, 'k1')], [true, false]);
    const [again] = put('acme', issuer('login'));
    assert.notEqual(again, before, 'what was not in force in between is gone');
    await again?.refresh();
    fail();
    clock.advance(3_600_000);
    assert.ok(has(again, 'k1'));
    await again?.refresh();
    assert.ok(has(again, 'k1'));
    assert.equal(server.requestCount, 3);
    assert.deepEqual(outcomes, [
      ...['acme/login ok', 'acme/login ok'],
      'acme/login the server answers with status 500',
    ]);
  });

  test('a revision that is refused changes nothing', async (t) => {
    const { keys, put, issuer } = await scene(t);
    const [before] = put('acme', issuer('login'));
    keys.build('acme', [issuer('login', '/other')]);
    assert.equal(put('acme', issuer('login'))[0], before);
  });

  test('no two tenants and no two issuers share any', async (t) => {
    const { server, keys, put, issuer } = await scene(t);
    const [a, a2] = put('a', issuer('login'), issuer('login2'));
    const [b] = put('b', issuer('login'));
    assert.equal(new Set([a, a2, b]).size, 3);
    await a?.refresh();
    assert.deepEqual([has(a, 'k1'), has(a2, 'k1'), has(b, 'k1')], [true, false, false]);
    assert.equal(server.requestCount, 1);
    keys.remove('a');
    assert.notEqual(put('a', issuer('login'))[0], a);
    assert.equal(put('b', issuer('login'))[0], b);
  });
});
