import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // Which request, and which operation of the API it was.
  `alter table audit add column request_id text, add column operation text`,
  // A tenant's own rows name it in `resource_id`, those of what belongs to it in `tenant_id`.
  `create index audit_by_tenant
    on audit ((case when kind = 'tenant' then resource_id else tenant_id end), id)`,
  `create index audit_by_actor on audit (actor, id)`,
  `create index audit_by_time on audit (at)`,

  // What each revision made of a tenant. The tenant may be gone: no reference to it.
  `create table tenant_history (
    tenant_id text collate "C" not null,
    revision bigint not null,
    at timestamptz not null,
    actor text not null,
    source text not null,
    request_id text,
    operation text,
    rolled_back_to bigint,
    changes jsonb not null,
    change_count integer not null,
    deleted boolean not null,
    body text not null,
    primary key (tenant_id, revision)
  )`,
  `create index tenant_history_of_deleted on tenant_history (at) where deleted`,

  // The newest revision of each tenant is known; its changes stand in the audit rows.
  `insert into tenant_history
    (tenant_id, revision, at, actor, source, changes, change_count, deleted, body)
  select documents.id, documents.revision, coalesce(audit.at, now()),
    coalesce(audit.actor, 'unknown'), coalesce(audit.source, 'unknown'),
    '[]', coalesce(audit.count, 0), documents.deleted, documents.body
  from documents left join (
    select revision, min(at) as at, min(actor) as actor, min(source) as source, count(*) as count
    from audit group by revision
  ) as audit on audit.revision = documents.revision
  where documents.kind = 'tenant' and documents.revision > 0`,
];

/** History of tenants; audit rows that say which request they come from, and indexes to query them. */
export const historySchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
