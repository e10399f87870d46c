import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // From the sequence of revisions, 0 for a declaration of before: every tenant counts as later than that one.
  `alter table declaration add column revision bigint not null default 0`,
];

/** Which tenants are later than the declaration, and which declaration it is. */
export const declarationRevisionSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
