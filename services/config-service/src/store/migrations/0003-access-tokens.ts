import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table access_tokens (
    id text collate "C" primary key,
    spec jsonb not null,
    sha256 text collate "C" not null unique,
    hint text not null,
    created_at timestamptz not null,
    created_by text not null
  )`,
];

/** Access tokens of the management API. */
export const accessTokensSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
