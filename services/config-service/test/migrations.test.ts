import { PGlite } from '@electric-sql/pglite';
import { startPostgres } from '@headgate/testkit';
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Tables } from '../src/store/tables.ts';
import { testMigrations } from './migrations.case.ts';

testMigrations(async () => {
  const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: await PGlite.create() }) });
  return { db, close: () => db.destroy() };
});

testMigrations(async () => {
  const server = await startPostgres();
  const types = {
    getTypeParser: (oid: number, format?: 'text' | 'binary'): ((text: string) => unknown) =>
      oid === 20 ? Number : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
  };
  const pool = new pg.Pool({ connectionString: server.url, types });
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    async close() {
      await db.destroy();
      await server.stop();
    },
  };
});
