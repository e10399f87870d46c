import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table kept_replies (
    asker text collate "C" not null,
    key text collate "C" not null,
    fingerprint text not null,
    claim uuid not null,
    busy_until timestamptz not null,
    expires_at timestamptz not null,
    reply text,
    primary key (asker, key)
  )`,
  `create index kept_replies_by_expiry on kept_replies (expires_at)`,
  `create index kept_replies_by_asker on kept_replies (asker, expires_at)`,
];

/** Replies to writes with an Idempotency-Key. */
export const keptRepliesSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
