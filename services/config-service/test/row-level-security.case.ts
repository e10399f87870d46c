import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from 'kysely';
import { revisionOperation, statusOperation } from '../src/resources/status.ts';
import type { DatabaseLocation } from '../src/store/database.ts';
import type { Wall } from '../src/store/wall.ts';
import { VIEW } from './support/access-cluster.ts';
import { checkAccess } from './support/access-matrix.ts';
import { createSend, startApi, type Send, type TestApi } from './support/api.ts';

/** A database, as the service is told of it. */
export interface WallDatabase {
  readonly name: string;
  readonly wall: Wall;
  /** Null: a new PGlite. */
  open(): Promise<DatabaseLocation | null>;
  close(): Promise<void>;
}

/** What row-level security keeps to by itself, with the check of the application taken away. */
export function testRowLevelSecurity(database: WallDatabase): void {
  const { name } = database;
  let api: TestApi;
  let location: DatabaseLocation | null = null;
  before(async () => {
    location = await database.open();
    api = await startApi({
      ...(location === null ? {} : { location }),
      authorise: () => ({ ok: true, scope: 'all' }),
      extra: (store) => {
        const parts = { store, view: VIEW, bus: { connected: true } };
        return [statusOperation(parts), revisionOperation(parts)];
      },
    });
  });
  after(async () => {
    await api.close();
    await database.close();
  });

  const bound = async (id: string, spec: object): Promise<Send> => {
    const { status, body } = await api.send('POST', `/v1/access-tokens/${id}`, spec);
    assert.equal(status, 201, JSON.stringify(body));
    return createSend(api.url, String(body['token']));
  };

  test(`${name}: the access matrix has no leak with the check of the application off`, async (t) => {
    assert.equal(api.database.wall, database.wall);
    const { operations, requests, findings } = await checkAccess(api, {
      // PGlite is slow, and a viewer of all tenants can only be told too little.
      isAsker: ({ role, isOfAll }) =>
        role !== null && role !== 'platform_admin' && !(isOfAll && location === null),
      firstWallIsDown: true,
    });
    assert.deepEqual(findings, []);
    t.diagnostic(`${operations.length} operations, ${requests} requests, 0 leaks`);
  });

  test(`${name}: of shared upstreams those of the own routes are seen, and none is written`, async () => {
    await api.send('PUT', '/v1/plans/base', {});
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    for (const id of ['one', 'two']) {
      await api.send('PUT', `/v1/tenants/su-${id}`, { planId: 'base' });
      await api.send('PUT', `/v1/upstreams/su-${id}`, upstream);
      const route = { sharedUpstreamId: `su-${id}` };
      await api.send('PUT', `/v1/tenants/su-${id}/routes/web`, route);
    }
    const one = await bound('su-one', { role: 'tenant_admin', tenants: ['su-one'] });
    const { body } = await one('GET', '/v1/upstreams');
    const ids = (body['items'] as readonly { readonly id: string }[]).map(({ id }) => id);
    assert.deepEqual(ids, ['su-one']);
    assert.equal((await one('GET', '/v1/upstreams/su-two')).status, 404);
    for (const id of ['su-one', 'su-two', 'su-three']) {
      const written = await one('PUT', `/v1/upstreams/${id}`, { ...upstream, name: 'mine' });
      assert.equal(written.status, 403, JSON.stringify(written.body));
    }
    assert.notEqual((await one('DELETE', '/v1/upstreams/su-one')).status, 204);
    const stored = await api.send('GET', '/v1/upstreams');
    assert.ok(!JSON.stringify(stored.body).includes('mine'));
  });

  test(`${name}: every table with something of tenants has row-level security, forced only if need be`, async () => {
    const { rows } = await sql<{ name: string; enabled: boolean; forced: boolean }>`
      select relname as name, relrowsecurity as enabled, relforcerowsecurity as forced from pg_class
      where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname
    `.execute(api.database.db);
    const without = rows.filter(({ enabled }) => !enabled).map((row) => row.name);
    assert.deepEqual(without, ['installation', 'kysely_migration', 'kysely_migration_lock']);
    const forced = rows.filter((row) => row.forced);
    assert.equal(forced.length, database.wall === 'role' ? 0 : rows.length - without.length);
  });

  test(`${name}: nothing of a limited request stays with its connection`, async () => {
    await api.send('PUT', '/v1/plans/base', {});
    for (const id of ['one', 'two']) await api.send('PUT', `/v1/tenants/${id}`, { planId: 'base' });
    const one = await bound('one', { role: 'tenant_admin', tenants: ['one'] });
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    const asked = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        if (index % 4 === 0) return (await api.send('GET', '/v1/tenants/two')).status;
        if (index % 4 === 1) return (await one('GET', '/v1/tenants/two')).status;
        if (index % 4 === 2)
          return (await one('PUT', '/v1/tenants/two/upstreams/x', upstream)).status;
        return (await one('PUT', `/v1/tenants/one/upstreams/u${index}`, upstream)).status;
      }),
    );
    asked.forEach((status, index) => assert.equal(status, [200, 404, 403, 201][index % 4]));
    const { rows } = await sql`
      select current_user = session_user as "isItself",
        coalesce(current_setting('headgate.tenants', true), '') as tenants,
        current_setting('transaction_read_only') as "readOnly"
    `.execute(api.database.db);
    assert.deepEqual(rows, [{ isItself: true, tenants: '', readOnly: 'off' }]);
  });

  test(`${name}: a limited change keeps the reply for its Idempotency-Key, and nobody else's`, async () => {
    await api.send('PUT', '/v1/plans/base', {});
    for (const id of ['kept', 'other']) {
      await api.send('PUT', `/v1/tenants/${id}`, { planId: 'base' });
    }
    const kept = await bound('kept', { role: 'tenant_admin', tenants: ['kept'] });
    const upstream = { endpoints: [{ host: '10.0.0.1', port: 80 }] };
    const put = (tenantId: string) =>
      kept('PUT', `/v1/tenants/${tenantId}/upstreams/u`, upstream, { 'idempotency-key': tenantId });
    const replies = [await put('kept'), await put('kept'), await put('other')];
    assert.deepEqual(
      replies.map(({ status, headers }) => [status, headers.get('headgate-replayed')]),
      [
        [201, null],
        [201, 'true'],
        [403, null],
      ],
    );
  });

  test(`${name}: a host of another tenant, or a hash of its key, is not told by the database`, async () => {
    await api.send('PUT', '/v1/plans/base', {});
    for (const id of ['mine', 'theirs']) {
      const identity = { hosts: [`${id}.example`] };
      await api.send('PUT', `/v1/tenants/${id}`, { planId: 'base', identity });
    }
    const mine = await bound('mine', { role: 'tenant_admin', tenants: ['mine'] });
    const put = (host: string) =>
      mine('PUT', '/v1/tenants/mine', { planId: 'base', identity: { hosts: [host] } });
    const [taken, free] = [await put('theirs.example'), await put('nobody.example')];
    assert.deepEqual([taken.status, taken.body['detail']], [403, free.body['detail']]);

    await api.send('POST', '/v1/tenants/theirs/api-keys/k', {});
    const { rows } = await sql<{ sha256: string }>`
      select sha256 from api_keys where tenant_id = 'theirs'`.execute(api.database.db);
    const [row] = rows;
    const bundle = (sha256: string | undefined) => ({
      apiVersion: 'headgate/v1',
      tenants: {
        mine: {
          ...{ planId: 'base', identity: { hosts: ['mine.example'] } },
          apiKeys: { k: { sha256 } },
        },
      },
    });
    const stolen = await mine('POST', '/v1/apply', bundle(row?.sha256));
    assert.equal(stolen.status, 409, JSON.stringify(stolen.body));
    assert.match(JSON.stringify(stolen.body), /another API key has this hash/);
    assert.doesNotMatch(JSON.stringify(stolen.body), /theirs/);
    assert.equal((await mine('POST', '/v1/apply', bundle('0'.repeat(64)))).status, 200);
  });

  test(`${name}: a later tenant of a deleted id has nothing of the first one's past; a restored one has`, async () => {
    await api.send('PUT', '/v1/plans/base', {});
    await api.send('PUT', '/v1/tenants/again', { planId: 'base', name: 'first' });
    await api.send('DELETE', '/v1/tenants/again');
    const restored = await api.send('GET', '/v1/tenants/again/history');
    const [, created] = restored.body['items'] as readonly { readonly revision: number }[];
    const revision = created?.revision ?? 0;
    await api.send('POST', '/v1/tenants/again/rollback', { revision });
    const restoredToken = await bound('again-1', { role: 'viewer', tenants: ['again'] });
    const seen = await restoredToken('GET', '/v1/tenants/again/history');
    assert.equal((seen.body['items'] as readonly unknown[]).length, 3, 'the same tenant is back');

    await api.send('DELETE', '/v1/tenants/again');
    await api.send('PUT', '/v1/tenants/again', { planId: 'base', name: 'second' });
    const token = await bound('again-2', { role: 'viewer', tenants: ['again'] });
    const { body } = await token('GET', '/v1/tenants/again/history');
    assert.equal((body['items'] as readonly unknown[]).length, 1);
    assert.equal((await token('GET', `/v1/tenants/again/history/${revision}`)).status, 404);
    const audit = await token('GET', '/v1/audit?tenant=again');
    assert.equal((audit.body['items'] as readonly unknown[]).length, 1);
    assert.doesNotMatch(JSON.stringify(audit.body), /first/);
    const all = await api.send('GET', '/v1/audit?tenant=again');
    assert.equal(
      (all.body['items'] as readonly unknown[]).length,
      5,
      'the platform sees all of it',
    );
  });
}
