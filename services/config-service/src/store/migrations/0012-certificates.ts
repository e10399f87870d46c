import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const SIGHT = `(select headgate_sight())`;
const WHOLE = `${SIGHT} = 'whole'`;
const OWN = `tenant_id = any((select headgate_listed())::text[])`;
/** As of routes: limited transactions change what is of their tenants. */
const WRITES = `(${WHOLE} or ${OWN})`;

const STATEMENTS = [
  `create table certificates (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null,
    spec jsonb not null,
    not_after text collate "C" generated always as (spec ->> 'notAfter') stored not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
  )`,
  // Times in ISO 8601 sort as texts.
  `create index certificates_by_expiry on certificates (not_after)`,
  `create policy certificates_select on certificates for select
    using (${SIGHT} in ('whole', '*') or ${OWN})`,
  `create policy certificates_insert on certificates for insert with check (${WRITES})`,
  `create policy certificates_update on certificates for update
    using (${WRITES}) with check (${WRITES})`,
  `create policy certificates_delete on certificates for delete using (${WRITES})`,
  `alter table certificates enable row level security`,
  `alter table certificates force row level security`,
  // Beside audit_insert, which knows the kinds before it.
  `create policy audit_insert_certificates on audit for insert
    with check (kind = 'certificate' and ${OWN})`,
];

/** Certificates of tenants. */
export const certificatesSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
