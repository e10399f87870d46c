import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import type { Send, TestApi } from './support/api.ts';

interface Item {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly source: string;
  readonly requestId: string;
  readonly operation: string;
  readonly action: string;
  readonly kind: string;
  readonly tenantId?: string;
  readonly resourceId: string;
  readonly complete: boolean;
  readonly changes: readonly { path: string; before?: unknown; after?: unknown }[];
}

/** What `GET /v1/audit` and `GET /v1/export` keep to on every database; there is a plan `base`. */
export function testAudit(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  async function audit(query: string): Promise<{ items: readonly Item[]; next: string | null }> {
    const { status, body } = await send('GET', `/v1/audit?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return { items: body['items'] as readonly Item[], next: body['nextCursor'] as string | null };
  }

  test('audit: who, what, the difference, from where, and in which request', async () => {
    const path = '/v1/tenants/watched';
    await send('PUT', path, { planId: 'base' });
    const update = await send('PUT', path, { planId: 'base', name: 'Renamed' });
    const key = await send('POST', `${path}/api-keys/mobile`, {});
    await send('PUT', path, { planId: 'nowhere' });
    await send('DELETE', `${path}?dryRun=true`);
    const { items } = await audit('tenant=watched');
    assert.deepEqual(
      items.map(({ operation, action, kind, resourceId }) =>
        [operation, action, kind, resourceId].join(' '),
      ),
      [
        'createApiKey create apiKey mobile',
        'putTenant update tenant watched',
        'putTenant create tenant watched',
      ],
      'neither what was refused nor what was only tried',
    );
    const [created, renamed] = items;
    assert.deepEqual(renamed?.changes, [{ path: 'name', after: 'Renamed' }]);
    assert.equal(renamed.requestId, update.headers.get('x-request-id'));
    assert.deepEqual([renamed.actor, renamed.source], ['admin', '127.0.0.1']);
    assert.equal(created?.tenantId, 'watched');
    const hash = created.changes.find((change) => change.path === 'sha256');
    assert.deepEqual(hash, { path: 'sha256', after: '(hidden)' });
    assert.ok(!JSON.stringify(items).includes(key.body['sha256'] as string));
  });

  test('audit: filters by tenant, actor, action and time, alone and together', async () => {
    await send('PUT', '/v1/tenants/sifted', { planId: 'base' });
    const [creation] = (await audit('tenant=sifted')).items;
    const at = creation?.at ?? '';
    await send('DELETE', '/v1/tenants/sifted');
    const count = async (query: string) => (await audit(query)).items.length;
    assert.equal(await count('tenant=sifted'), 2);
    assert.equal(await count('tenant=sifted&action=delete'), 1);
    assert.equal(await count('tenant=sifted&action=update'), 0);
    assert.equal(await count('tenant=sifted&actor=admin'), 2);
    assert.equal(await count('tenant=sifted&actor=nobody'), 0);
    assert.equal(await count(`tenant=sifted&to=${at}&from=${at}&action=create`), 1);
    assert.equal(await count('tenant=sifted&from=2999-01-01T00:00:00Z'), 0);
    assert.equal(await count('tenant=sifted&to=1999-01-01T00:00:00%2B02:00'), 0);
    assert.ok((await count('actor=admin&action=create')) > 1);
    for (const bad of [
      ...['action=read', 'from=yesterday', 'tenant=A', 'limit=201', 'limit=0x10', 'cursor=AA'],
      ...['actor=', 'who=admin', 'action=create&action=delete'],
    ]) {
      assert.equal((await send('GET', `/v1/audit?${bad}`)).status, 422, bad);
    }
    assert.equal(await count(`actor=${encodeURIComponent("' or 1=1 --")}`), 0);
  });

  test('audit: pages go on where the last one ended, newest first', async () => {
    for (let port = 1; port <= 5; port++) {
      await send('PUT', '/v1/tenants/leafed', { planId: 'base', name: `${port}` });
    }
    const ids: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null && ids.length < 10) {
      const next: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await audit(`tenant=leafed&limit=2${next}`);
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    }
    assert.equal(ids.length, 5);
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((a, b) => b - a),
    );
  });

  test('audit: a resource that is too large to be compared is told without its fields', async () => {
    await send('PUT', '/v1/tenants/bulky', { planId: 'base' });
    const endpoints = Array.from({ length: 1000 }, (_, index) => ({
      host: `${'long-label.'.repeat(10)}${index}.example`,
      port: 80,
    }));
    const reply = await send('PUT', '/v1/tenants/bulky/upstreams/api', { endpoints });
    assert.equal(reply.status, 201);
    const [item] = (await audit('tenant=bulky')).items;
    assert.deepEqual([item?.resourceId, item?.complete, item?.changes], ['api', false, []]);
  });

  test('audit: the database refuses to alter, delete or empty it, also row by row', async () => {
    const { db } = api().database;
    const before = await db.selectFrom('audit').select('id').execute();
    assert.ok(before.length > 0);
    for (const statement of [
      `update audit set actor = 'nobody'`,
      `update audit set actor = 'nobody' where id = ${before[0]?.id}`,
      'delete from audit',
      `delete from audit where id = ${before[0]?.id}`,
      'truncate audit',
      `insert into audit select * from audit where id = ${before[0]?.id}`,
    ]) {
      await assert.rejects(sql.raw(statement).execute(db), /immutable|cannot insert/, statement);
    }
    const after = await db.selectFrom('audit').select('id').execute();
    assert.equal(after.length, before.length);
  });

  test('export: pages of whole tenants, which applied again change nothing', async () => {
    for (const id of ['out-a', 'out-b', 'out-c']) {
      await send('PUT', `/v1/tenants/${id}`, { planId: 'base' });
      const endpoints = [{ host: '10.0.0.1', port: 80 }];
      await send('PUT', `/v1/tenants/${id}/upstreams/api`, { endpoints });
      await send('POST', `/v1/tenants/${id}/api-keys/k`, {});
    }
    await send('DELETE', '/v1/tenants/out-b');
    const tenants: Record<string, unknown> = {};
    let cursor: string | null = '';
    for (let page = 0; cursor !== null && page < 200; page++) {
      const next: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { status, body } = await send('GET', `/v1/export?limit=50${next}`);
      assert.equal(status, 200);
      Object.assign(tenants, body['tenants']);
      cursor = body['nextCursor'] as string | null;
    }
    const ids = Object.keys(tenants);
    assert.deepEqual(ids, [...ids].sort());
    assert.deepEqual(
      ids.filter((id) => id.startsWith('out-')),
      ['out-a', 'out-c'],
    );
    const bundle = { apiVersion: 'headgate/v1', tenants };
    const { status, body } = await send('POST', '/v1/apply?dryRun=true', bundle);
    assert.equal(status, 200);
    const changes = body['changes'] as readonly { readonly action: string }[];
    assert.ok(changes.length > ids.length);
    assert.ok(changes.every(({ action }) => action === 'unchanged'));
  });
}
