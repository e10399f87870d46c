import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const WHOLE = `(select headgate_sight()) = 'whole'`;

const STATEMENTS = [
  // At most one row. The bundle is text: it is read as a whole, and never searched.
  `create table declaration (
    id integer primary key check (id = 1),
    bundle text not null,
    declared_at timestamptz not null,
    declared_by text not null,
    drifted_at timestamptz
  )`,
  // It holds what is of all tenants: for the service and the platform alone.
  `create policy declaration_all on declaration using (${WHOLE}) with check (${WHOLE})`,
  `alter table declaration enable row level security`,
  `alter table declaration force row level security`,
];

/** How the configuration is meant to be, and since when it is not. */
export const declarationSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
