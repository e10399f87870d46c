import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const SIGHT = `(select headgate_sight())`;
const OWN = `tenant_id = any((select headgate_listed())::text[])`;
const WRITES = `(${SIGHT} = 'whole' or ${OWN})`;

const STATEMENTS = [
  // Which routes take whose tokens stands in lists in the routes: the service alone holds them to what there is.
  `create table jwt_issuers (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null,
    spec jsonb not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
  )`,
  // As of the other tables of tenants in 0006.
  `create policy jwt_issuers_select on jwt_issuers for select
    using (${SIGHT} in ('whole', '*') or ${OWN})`,
  `create policy jwt_issuers_insert on jwt_issuers for insert with check (${WRITES})`,
  `create policy jwt_issuers_update on jwt_issuers for update
    using (${WRITES}) with check (${WRITES})`,
  `create policy jwt_issuers_delete on jwt_issuers for delete using (${WRITES})`,
  `alter table jwt_issuers enable row level security`,
  `alter table jwt_issuers force row level security`,
  // Beside audit_insert, which knows the kinds before it.
  `create policy audit_insert_jwt_issuers on audit for insert
    with check (kind = 'jwtIssuer' and ${OWN})`,
];

/** Issuers of JWTs that routes of a tenant take. */
export const jwtIssuersSchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
