import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const WHOLE = `(select headgate_sight()) = 'whole'`;
const OWN = `tenant_id = any((select headgate_listed())::text[])`;

const STATEMENTS = [
  // The newest rollout of each tenant; what was before stands in the audit.
  `create table rollouts (
    tenant_id text collate "C" primary key references tenants (id) on delete cascade,
    state text not null,
    plan jsonb not null,
    step integer not null,
    revision bigint not null,
    final_revision bigint,
    baseline jsonb,
    reason text,
    started_at timestamptz not null,
    started_by text not null,
    step_at timestamptz not null
  )`,
  `create index rollouts_open on rollouts (tenant_id)
    where state in ('running', 'paused', 'finishing')`,
  `alter table documents add column rings jsonb`,

  // As in the tables of 0006: limited transactions see and change what is of their tenants.
  `create policy rollouts_select on rollouts for select
    using ((select headgate_sight()) in ('whole', '*') or ${OWN})`,
  `create policy rollouts_insert on rollouts for insert with check (${WHOLE} or ${OWN})`,
  `create policy rollouts_update on rollouts for update
    using (${WHOLE} or ${OWN}) with check (${WHOLE} or ${OWN})`,
  `create policy rollouts_delete on rollouts for delete using (${WHOLE})`,
  `alter table rollouts enable row level security`,
  `alter table rollouts force row level security`,
  `drop policy audit_insert on audit`,
  `create policy audit_insert on audit for insert
    with check (${WHOLE} or (kind in ('upstream', 'route', 'apiKey', 'rollout') and ${OWN}))`,
];

/** Rollouts, and the rings in the headers of their documents. */
export const rolloutsSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
