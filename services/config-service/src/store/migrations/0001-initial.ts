import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

// Ids compare by bytes (collation "C"), so that the order of lists and cursors is the same on every
// machine. References are generated columns with real foreign keys: the service checks first, to
// name each fault; the database is the second wall.
const STATEMENTS = [
  // Names this database in digests: those of another one say nothing about our documents.
  `create table installation (epoch text not null)`,
  `insert into installation (epoch) values (gen_random_uuid()::text)`,

  `create sequence revision_sequence`,

  `create table plans (
    id text collate "C" primary key,
    spec jsonb not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,

  `create table tenants (
    id text collate "C" primary key,
    spec jsonb not null,
    plan_id text collate "C" generated always as (spec ->> 'planId') stored
      not null references plans (id),
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  `create index tenants_by_plan on tenants (plan_id)`,

  `create table upstreams (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null,
    spec jsonb not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
  )`,

  `create table routes (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null,
    spec jsonb not null,
    upstream_id text collate "C" generated always as (spec ->> 'upstreamId') stored not null,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, upstream_id) references upstreams (tenant_id, id)
  )`,
  `create index routes_by_upstream on routes (tenant_id, upstream_id)`,

  `create table api_keys (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null,
    spec jsonb not null,
    sha256 text collate "C" generated always as (spec ->> 'sha256') stored not null unique,
    revision bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
  )`,

  `create table claims (
    kind text collate "C" not null,
    value text collate "C" not null,
    tenant_id text collate "C" not null references tenants (id),
    primary key (kind, value)
  )`,
  `create index claims_by_tenant on claims (tenant_id)`,

  `create table documents (
    key text collate "C" primary key,
    kind text not null,
    id text not null,
    revision bigint not null,
    deleted boolean not null,
    sha256 text not null,
    identity jsonb,
    body text not null
  )`,

  `create table revisions (
    revision bigint primary key,
    key text collate "C" not null,
    committed_at timestamptz not null,
    published_at timestamptz
  )`,
  `create index revisions_pending on revisions (revision) where published_at is null`,

  `create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    source text not null,
    action text not null,
    kind text not null,
    tenant_id text collate "C",
    resource_id text collate "C" not null,
    revision bigint not null,
    before jsonb,
    after jsonb
  )`,
  `create index audit_by_resource on audit (tenant_id, kind, resource_id, id)`,
  `create function refuse_audit_change() returns trigger language plpgsql as $$
    begin
      raise exception 'audit rows are immutable';
    end
  $$`,
  `create trigger audit_is_immutable before update or delete or truncate on audit
    for each statement execute function refuse_audit_change()`,
];

/** The first schema. */
export const initialSchema: Migration = {
  async up(db: Kysely<unknown>) {
    // One by one: PGlite's extended protocol takes a single statement per query.
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
