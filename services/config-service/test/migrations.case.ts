import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { createHistory } from '../src/store/history.ts';
import { MIGRATIONS } from '../src/store/migrations/index.ts';
import type { Tables } from '../src/store/tables.ts';

/** Rows as version 0.1.0 wrote them: a tenant, a deleted one, and a key that is no document yet. */
const ROWS_OF_0_1_0 = [
  `insert into documents (key, kind, id, revision, deleted, sha256, identity, body) values
    ('plan.gold', 'plan', 'gold', 1, false, 'x', null, '{"plan":{"id":"gold"}}'),
    ('tenant.acme', 'tenant', 'acme', 3, false, 'x', '{}', '{"tenant":{"id":"acme"}}'),
    ('tenant.gone', 'tenant', 'gone', 5, true, 'x', null, ''),
    ('tenant.locked', '', '', 0, true, '', null, '')`,
  `insert into plans values ('gold', '{}', 1, now(), now())`,
  `insert into tenants (id, spec, revision, created_at, updated_at) values
    ('acme', '{"planId": "gold"}', 3, now(), now())`,
  `insert into upstreams values ('acme', 'api', '{}', 3, now(), now())`,
  `insert into routes (tenant_id, id, spec, revision, created_at, updated_at) values
    ('acme', 'web', '{"upstreamId": "api"}', 3, now(), now())`,
  `insert into audit (at, actor, source, action, kind, tenant_id, resource_id, revision) values
    ('2026-01-02T00:00:00Z', 'admin', '10.0.0.7', 'update', 'tenant', null, 'acme', 3),
    ('2026-01-02T00:00:00Z', 'admin', '10.0.0.7', 'create', 'route', 'acme', 'web', 3),
    ('2026-01-02T00:00:00Z', 'admin', '10.0.0.7', 'create', 'tenant', null, 'gone', 2),
    ('2026-01-02T00:00:00Z', 'admin', '10.0.0.7', 'create', 'tenant', null, 'gone', 4)`,
];

/**
 * What migrations keep to on every database.
 *
 * @param open opens an empty database without any schema.
 */
export function testMigrations(
  open: () => Promise<{ readonly db: Kysely<Tables>; close(): Promise<void> }>,
): void {
  test('a database of version 0.1.0 is brought up to date with what it holds, and only once', async () => {
    const opened = await open();
    const { db } = opened;
    const provider = { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) };
    const migrator = new Migrator({ db, provider });
    try {
      assert.equal((await migrator.migrateTo('0001-initial')).error, undefined);
      for (const rows of ROWS_OF_0_1_0) await sql.raw(rows).execute(db);
      const { error, results } = await migrator.migrateToLatest();
      assert.equal(error, undefined);
      assert.equal(results?.length, Object.keys(MIGRATIONS).length - 1);
      assert.deepEqual((await migrator.migrateToLatest()).results, []);

      const history = createHistory(db);
      const [acme, ...older] = await history.list('acme', 10, null);
      assert.deepEqual(older, []);
      assert.deepEqual(
        [acme?.revision, acme?.actor, acme?.source, acme?.change_count, acme?.at.getUTCDate()],
        [3, 'admin', '10.0.0.7', 2, 2],
      );
      assert.equal((await history.get('acme', 3))?.body, '{"tenant":{"id":"acme"}}');
      const [gone] = await history.list('gone', 10, null);
      assert.deepEqual([gone?.revision, gone?.deleted, gone?.actor], [5, true, 'unknown']);
      const since = await db
        .selectFrom('documents')
        .select(['id', 'since_revision'])
        .where('kind', '=', 'tenant')
        .orderBy('id')
        .execute();
      assert.deepEqual(since, [
        { id: 'acme', since_revision: 0 },
        { id: 'gone', since_revision: 4 },
      ]);
      const { rows } = await sql<{ count: number }>`
        select count(*)::integer as count from tenant_history`.execute(db);
      assert.equal(rows[0]?.count, 2, 'plans and empty rows have no history');
      const routes = await db
        .selectFrom('routes')
        .select(['id', 'upstream_id', 'shared_upstream_id'])
        .execute();
      assert.deepEqual(routes, [{ id: 'web', upstream_id: 'api', shared_upstream_id: null }]);
      const written = sql`update routes set spec = '{"sharedUpstreamId": "none"}'`.execute(db);
      await assert.rejects(written, /violates foreign key/);
      await assert.rejects(sql`update routes set spec = '{}'`.execute(db), /routes_lead_somewhere/);
    } finally {
      await opened.close();
    }
  });
}
