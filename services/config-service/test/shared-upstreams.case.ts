import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, type Send, type TestApi } from './support/api.ts';

const at = (...ports: number[]) => ({
  endpoints: ports.map((port) => ({ host: '10.0.0.1', port })),
});
const to = (sharedUpstreamId: string, path = '/') => ({
  sharedUpstreamId,
  match: { path: { prefix: path } },
});

/** What shared upstreams keep to on every database; there is a plan named `base`. */
export function testSharedUpstreams(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  async function succeed(...request: Parameters<Send>) {
    const reply = await send(...request);
    assert.ok(reply.status < 300, `${request[0]} ${request[1]}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** A new tenant, and the path of it. */
  async function tenant(id: string): Promise<string> {
    await succeed('PUT', `/v1/tenants/${id}`, { planId: 'base' });
    return `/v1/tenants/${id}`;
  }

  async function bodyOf(key: string): Promise<unknown> {
    const [document] = await api().store.outbox.documents([key]);
    assert.ok(document, key);
    return document.deleted ? null : JSON.parse(document.body);
  }

  test('a route leads to an upstream of its tenant or to a shared one, and names which', async () => {
    const path = await tenant('su-both');
    await succeed('PUT', '/v1/upstreams/su-both', at(1));
    await succeed('PUT', `${path}/upstreams/su-both`, at(2));
    for (const [route, fault] of [
      [{}, 'upstreamId: missing; a route has an upstreamId or a sharedUpstreamId'],
      [
        { upstreamId: 'su-both', sharedUpstreamId: 'su-both' },
        'sharedUpstreamId: a route has an upstreamId or a sharedUpstreamId, not both',
      ],
    ] as const) {
      const reply = await send('PUT', `${path}/routes/web`, route);
      assert.deepEqual([reply.status, faults(reply)], [422, [fault]]);
    }
    // One name, two upstreams: neither hides the other.
    await succeed('PUT', `${path}/routes/own`, { upstreamId: 'su-both' });
    await succeed('PUT', `${path}/routes/shared`, to('su-both', '/shared'));
    const own = await send('GET', `${path}/routes?upstreamId=su-both`);
    const shared = await send('GET', `${path}/routes?sharedUpstreamId=su-both`);
    const ids = ({ body }: typeof own) => (body['items'] as { id: string }[]).map(({ id }) => id);
    assert.deepEqual([ids(own), ids(shared)], [['own'], ['shared']]);
    const found = await send('GET', '/v1/upstreams?host=10.0.0.1&limit=100');
    assert.ok(ids(found).includes('su-both'));
  });

  test('a route to a shared upstream that is not there is refused, unless the same bundle brings it', async () => {
    const path = await tenant('su-none');
    await succeed('PUT', `${path}/upstreams/none`, at(1));
    const reply = await send('PUT', `${path}/routes/web`, to('none'));
    const rule = 'there is no shared upstream "none"; create it first';
    assert.deepEqual([reply.status, faults(reply)], [422, [`sharedUpstreamId: ${rule}`]]);
    const [first] = reply.body['errors'] as readonly { readonly value: unknown }[];
    assert.equal(first?.value, 'none');

    const tenants = { 'su-none': { planId: 'base', routes: { web: to('su-new') } } };
    const bundle = { apiVersion: 'headgate/v1', tenants };
    const alone = await send('POST', '/v1/apply', bundle);
    assert.deepEqual(faults(alone), [
      'tenants.su-none.routes.web.sharedUpstreamId: there is no shared upstream "su-new"; create it first',
    ]);
    const upstreams = { 'su-new': at(1) };
    const { body } = await succeed('POST', '/v1/apply', { ...bundle, upstreams });
    const changes = body['changes'] as readonly Record<string, unknown>[];
    assert.deepEqual(
      changes.map(({ action, kind, id }) => `${String(action)} ${String(kind)} ${String(id)}`),
      [
        'create sharedUpstream su-new',
        'unchanged tenant su-none',
        'delete upstream none',
        'create route web',
      ],
    );
  });

  test('one that is in use cannot be deleted, and some of its users are named; of a rollout, too', async () => {
    await succeed('PUT', '/v1/upstreams/su-used', at(1));
    const path = await tenant('su-user');
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      await succeed('PUT', `${path}/routes/${id}`, to('su-used', `/${id}`));
    }
    const refused = await send('DELETE', '/v1/upstreams/su-used');
    assert.equal(refused.status, 409);
    assert.deepEqual(faults(refused), [
      ': the shared upstream is in use (routes to it: 7: su-user/a, su-user/b, su-user/c, su-user/d, su-user/e, …); change or delete them first',
    ]);
    const none = { planId: 'base' };
    const bundle = { apiVersion: 'headgate/v1', tenants: { 'su-user': none } };
    await succeed('POST', '/v1/apply', bundle);

    const candidate = { ...none, routes: { web: to('su-used') } };
    const rings = [{ name: 'canary' }];
    await succeed('POST', `${path}/rollout`, { rings, candidate });
    const served = await send('DELETE', '/v1/upstreams/su-used');
    assert.match(faults(served)[0] ?? '', /\(routes to it: 1: su-user \(rollout\)\)/);
    await succeed('POST', `${path}/rollout/abort`, {});
    await succeed('DELETE', '/v1/upstreams/su-used');
    assert.equal(await bodyOf('upstream.su-used'), null);
  });

  test('it is one document, and no document of a tenant says anything of its endpoints', async () => {
    const path = await tenant('su-doc');
    await succeed('PUT', '/v1/upstreams/su-doc', at(1));
    await succeed('PUT', `${path}/routes/web`, to('su-doc'));
    const before = await bodyOf('tenant.su-doc');
    const { body } = await succeed('PUT', '/v1/upstreams/su-doc', at(2, 3));
    const [document] = await api().store.outbox.documents(['upstream.su-doc']);
    assert.equal(document?.revision, body['revision']);
    const { upstream } = (await bodyOf('upstream.su-doc')) as { readonly upstream: object };
    assert.deepEqual(Object.entries(upstream)[0], ['id', 'su-doc']);
    assert.deepEqual(await bodyOf('tenant.su-doc'), before);
    assert.ok(!JSON.stringify(before).includes('10.0.0.1'));
    const again = await succeed('PUT', '/v1/upstreams/su-doc', at(2, 3));
    assert.equal(again.body['revision'], body['revision'], 'nothing changed');
  });

  test('a tenant goes back to a route on a shared upstream as long as that is there', async () => {
    const path = await tenant('su-back');
    await succeed('PUT', '/v1/upstreams/su-back', at(1));
    await succeed('PUT', `${path}/upstreams/own`, at(2));
    const { body } = await succeed('PUT', `${path}/routes/web`, to('su-back'));
    const back = { revision: body['revision'] };
    await succeed('PUT', `${path}/routes/web`, { upstreamId: 'own' });
    await succeed('POST', `${path}/rollback`, back);
    const route = await send('GET', `${path}/routes/web`);
    assert.deepEqual(
      [route.body['upstreamId'], route.body['sharedUpstreamId']],
      [undefined, 'su-back'],
    );
    await succeed('PUT', `${path}/routes/web`, { upstreamId: 'own' });
    await succeed('DELETE', '/v1/upstreams/su-back');
    const refused = await send('POST', `${path}/rollback`, back);
    assert.deepEqual(faults(refused), [
      'routes.web.sharedUpstreamId: there is no shared upstream "su-back"; create it first',
    ]);
  });

  test('it cannot vanish while a route comes to it', async () => {
    const path = await tenant('su-race');
    for (let round = 0; round < 10; round++) {
      await succeed('PUT', '/v1/upstreams/su-race', at(1));
      const [put, deletion] = await Promise.all([
        send('PUT', `${path}/routes/web`, to('su-race')),
        send('DELETE', '/v1/upstreams/su-race'),
      ]);
      const isThere = (await send('GET', '/v1/upstreams/su-race')).status === 200;
      const outcome = [put.status < 300, deletion.status === 204, isThere];
      assert.ok(
        JSON.stringify(outcome) === '[true,false,true]' ||
          JSON.stringify(outcome) === '[false,true,false]',
        JSON.stringify([put.body, deletion.body, isThere]),
      );
      if (isThere) await succeed('DELETE', `${path}/routes/web`);
    }
  });

  test('every write of it has an audit row, which the platform reads', async () => {
    await succeed('PUT', '/v1/upstreams/su-audit', at(1));
    await succeed('PUT', '/v1/upstreams/su-audit', at(2));
    await succeed('DELETE', '/v1/upstreams/su-audit');
    const { body } = await succeed('GET', '/v1/audit?limit=3');
    const items = body['items'] as readonly Record<string, unknown>[];
    assert.deepEqual(
      items.map(({ action, kind, resourceId, operation }) => [action, kind, resourceId, operation]),
      [
        ['delete', 'sharedUpstream', 'su-audit', 'deleteSharedUpstream'],
        ['update', 'sharedUpstream', 'su-audit', 'putSharedUpstream'],
        ['create', 'sharedUpstream', 'su-audit', 'putSharedUpstream'],
      ],
    );
  });
}
