import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [`create index tenants_by_label on tenants using gin ((spec -> 'labels'))`];

/** An index that finds tenants by their labels. */
export const listFiltersSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
