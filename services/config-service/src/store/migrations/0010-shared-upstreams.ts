import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const SIGHT = `(select headgate_sight())`;
const WHOLE = `${SIGHT} = 'whole'`;
/** As of plans: what routes of the listed tenants lead to. */
const SEEN = `(${SIGHT} in ('whole', '*') or id in (
  select shared_upstream_id from routes
  where shared_upstream_id is not null and tenant_id = any((select headgate_listed())::text[])
))`;

const STATEMENTS = [
  `create table shared_upstreams (
    id text collate "C" primary key,
    spec jsonb not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  `alter table routes alter column upstream_id drop not null`,
  `alter table routes add column shared_upstream_id text collate "C"
    generated always as (spec ->> 'sharedUpstreamId') stored references shared_upstreams (id)`,
  `alter table routes add constraint routes_lead_somewhere
    check (num_nonnulls(upstream_id, shared_upstream_id) = 1)`,
  `create index routes_by_shared_upstream on routes (shared_upstream_id, tenant_id, id)
    where shared_upstream_id is not null`,
  `create policy shared_upstreams_select on shared_upstreams for select using ${SEEN}`,
  `create policy shared_upstreams_insert on shared_upstreams for insert with check (${WHOLE})`,
  // Rows are locked (for key share) with the right to update them.
  `create policy shared_upstreams_update on shared_upstreams for update
    using ${SEEN} with check (${WHOLE})`,
  `create policy shared_upstreams_delete on shared_upstreams for delete using (${WHOLE})`,
  `alter table shared_upstreams enable row level security`,
  `alter table shared_upstreams force row level security`,
];

/** Upstreams of the platform, and routes to them. */
export const sharedUpstreamsSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
