import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, type TestApi } from './support/api.ts';

const endpoints = (host: string) => ({ endpoints: [{ host, port: 80 }] });

/** What filters of lists keep to on every database; there is a plan named `base`. */
export function testFilters(api: () => TestApi): void {
  async function idsOf(path: string): Promise<string[]> {
    const { status, body } = await api().send('GET', path);
    assert.equal(status, 200, JSON.stringify(body));
    return (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id);
  }

  test('tenants are found by label, status, plan, region and host, and by all of them together', async () => {
    await api().send('PUT', '/v1/plans/filter', {});
    const labels = (region: string, tier = 'a') => ({ region, tier });
    const tenants = {
      'f-1': { labels: labels('eu'), identity: { hosts: ['one.filter.example'] } },
      'f-2': { labels: labels('eu', 'b'), identity: { hosts: ['*.filter.example'] } },
      'f-3': { labels: labels('us=west'), status: 'suspended', region: 'us-west-1' },
      'f-4': { labels: { region: 'eu' }, planId: 'base', identity: { hosts: ['filter.example'] } },
    };
    for (const [id, spec] of Object.entries(tenants)) {
      await api().send('PUT', `/v1/tenants/${id}`, { planId: 'filter', ...spec });
    }
    for (const [query, ids] of [
      ['label=region%3Deu', ['f-1', 'f-2', 'f-4']],
      ['label=tier', ['f-1', 'f-2', 'f-3']],
      ['label=region%3Dus%3Dwest', ['f-3']],
      ['label=region%3Deu&label=tier%3Db', ['f-2']],
      ['label=region%3Deu&label=tier%3Dc', []],
      ['status=suspended&planId=filter', ['f-3']],
      ['planId=filter', ['f-1', 'f-2', 'f-3']],
      ['region=us-west-1&planId=filter', ['f-3']],
      ['region=us-west', []],
      ['host=one.filter.example', ['f-1', 'f-2']],
      ['host=a.b.filter.example', ['f-2']],
      ['host=filter.example', ['f-4']],
      ['host=*.filter.example', ['f-2']],
      ['host=example', []],
      ['label=region%3Deu&planId=base', ['f-4']],
    ] as const) {
      assert.deepEqual(await idsOf(`/v1/tenants?${query}`), ids, query);
    }
  });

  test('a filtered list goes page by page, and what appears behind the cursor appears', async () => {
    const page = (cursor: string) =>
      api().send('GET', `/v1/tenants?label=region&planId=filter&limit=2${cursor}`);
    const first = await page('');
    const spec = { planId: 'filter', labels: { region: 'x' } };
    for (const id of ['f-0', 'f-5']) await api().send('PUT', `/v1/tenants/${id}`, spec);
    const second = await page(`&cursor=${String(first.body['nextCursor'])}`);
    const ids = [first, second].map(({ body }) =>
      (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id),
    );
    assert.deepEqual(ids, [
      ['f-1', 'f-2'],
      ['f-3', 'f-5'],
    ]);
    assert.equal(second.body['nextCursor'], null);
  });

  test('upstreams, routes and API keys are found by what they hold', async () => {
    const tenant = '/v1/tenants/f-1';
    await api().send('PUT', `${tenant}/upstreams/a`, endpoints('10.0.0.1'));
    await api().send('PUT', `${tenant}/upstreams/b`, endpoints('b.internal'));
    await api().send('PUT', `${tenant}/routes/open`, { upstreamId: 'a' });
    await api().send('PUT', `${tenant}/routes/closed`, { upstreamId: 'b', auth: 'api_key' });
    const { body } = await api().send('POST', `${tenant}/api-keys/one`, {});
    await api().send('POST', `${tenant}/api-keys/two`, {});
    const hint = String(body['key']).slice(0, 10);
    assert.deepEqual(await idsOf(`${tenant}/upstreams?host=b.internal`), ['b']);
    assert.deepEqual(await idsOf(`${tenant}/routes?upstreamId=a`), ['open']);
    assert.deepEqual(await idsOf(`${tenant}/routes?auth=api_key`), ['closed']);
    assert.deepEqual(await idsOf(`${tenant}/routes?auth=api_key&upstreamId=a`), []);
    assert.deepEqual(await idsOf(`${tenant}/api-keys?hint=${hint}`), ['one']);
  });

  test('a filter that makes no sense is refused, and so is that of another kind', async () => {
    for (const [path, fault] of [
      ['tenants?status=asleep', 'query.status: '],
      ['tenants?region=EU', 'query.region: 1 to 63 of a-z'],
      ['tenants?label=%3Deu', 'query.label[0]: must be KEY=VALUE'],
      ['tenants?host=UPPER', 'query.host: must be a lower-case host name'],
      ['tenants?planId=a&planId=b', 'query.planId: '],
      [`tenants?${'label=a&'.repeat(9)}`, 'query.label: '],
      ['plans?status=active', 'query.status: unknown key'],
      ['tenants/f-1/routes?host=x', 'query.host: unknown key'],
    ] as const) {
      const reply = await api().send('GET', `/v1/${path}`);
      assert.equal(reply.status, 422, path);
      assert.ok(faults(reply)[0]?.startsWith(fault), `${path}: ${faults(reply).join()}`);
    }
  });
}
