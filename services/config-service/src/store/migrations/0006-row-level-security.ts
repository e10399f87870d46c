import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a transaction may see, evaluated once per statement: `whole`, `*` or a list of tenants. */
const SIGHT = '(select headgate_sight())';
const WHOLE = `${SIGHT} = 'whole'`;
const ALL = `${SIGHT} in ('whole', '*')`;
const OWN_KEY = isListed(`substring(key from '^(?:tenant|rollout)[.](.*)$')`);
const OWN_REPLY = `asker = (select current_setting('headgate.asker', true))`;
const AUDITED = `(case when audit.kind = 'tenant' then audit.resource_id else audit.tenant_id end)`;
const OWN_HISTORY = `(${isListed('tenant_id')} and ${isOfThisTenant('tenant_history', 'tenant_history.tenant_id')})`;
const OWN_AUDIT = `(${isListed(AUDITED)} and ${isOfThisTenant('audit', AUDITED)})`;
const OWN_PLAN = `id in (select plan_id from tenants where ${isListed('tenants.id')})`;

const STATEMENTS = [
  // An id can be given to a new tenant after the first one was deleted. What was before this revision
  // is the first one's. A rollback of a deletion brings the same tenant back.
  `alter table documents add column since_revision bigint not null default 0`,
  `update documents set since_revision = born.revision
    from (
      select resource_id, max(revision) as revision from audit
      where kind = 'tenant' and action = 'create' and operation is distinct from 'rollbackTenant'
      group by resource_id
    ) as born
    where documents.key = 'tenant.' || born.resource_id`,

  // Nothing set: the service itself, the publisher, an operator with psql. After a transaction that set
  // it, PostgreSQL reads the setting as an empty text. The role for limited transactions never sees all.
  // Bodies that are parsed here (PostgreSQL 14 and later) depend on no search path.
  `create function headgate_sight() returns text language sql stable
    return coalesce(
      nullif(current_setting('headgate.tenants', true), ''),
      case when current_user = 'headgate_limited' then '{}' else 'whole' end)`,
  `create function headgate_listed() returns text[] language sql stable
    return case when headgate_sight() like '{%' then headgate_sight()::text[] else '{}'::text[] end`,
  ...rowLevelSecurity('tenants', {
    select: sees('id'),
    insert: WHOLE,
    update: [sees('id'), WHOLE],
    delete: WHOLE,
  }),
  // Rows are locked (for key share) with the right to update them.
  ...rowLevelSecurity('plans', {
    select: `(${ALL} or ${OWN_PLAN})`,
    insert: WHOLE,
    update: [`(${ALL} or ${OWN_PLAN})`, WHOLE],
    delete: WHOLE,
  }),
  ...rowLevelSecurity('claims', {
    select: sees('tenant_id'),
    insert: WHOLE,
    update: [WHOLE, WHOLE],
    delete: WHOLE,
  }),
  ...['upstreams', 'routes', 'api_keys'].flatMap((table) =>
    rowLevelSecurity(table, {
      select: sees('tenant_id'),
      insert: writes(isListed('tenant_id')),
      update: [writes(isListed('tenant_id')), writes(isListed('tenant_id'))],
      delete: writes(isListed('tenant_id')),
    }),
  ),
  ...rowLevelSecurity('documents', {
    select: `(${ALL} or ${OWN_KEY})`,
    insert: writes(OWN_KEY),
    update: [writes(OWN_KEY), writes(OWN_KEY)],
    delete: WHOLE,
  }),
  ...rowLevelSecurity('revisions', {
    select: `(${ALL} or ${OWN_KEY})`,
    insert: writes(OWN_KEY),
    update: [WHOLE, WHOLE],
    delete: WHOLE,
  }),
  ...rowLevelSecurity('tenant_history', {
    select: `(${ALL} or ${OWN_HISTORY})`,
    insert: writes(isListed('tenant_id')),
    update: [WHOLE, WHOLE],
    delete: writes(OWN_HISTORY),
  }),
  ...rowLevelSecurity('audit', {
    select: `(${ALL} or ${OWN_AUDIT})`,
    insert: writes(`(kind in ('upstream', 'route', 'apiKey') and ${isListed('tenant_id')})`),
    update: [WHOLE, WHOLE],
    delete: WHOLE,
  }),
  ...rowLevelSecurity('kept_replies', {
    select: writes(OWN_REPLY),
    insert: WHOLE,
    update: [writes(OWN_REPLY), writes(OWN_REPLY)],
    delete: WHOLE,
  }),
  ...rowLevelSecurity('access_tokens', {
    select: WHOLE,
    insert: WHOLE,
    update: [WHOLE, WHOLE],
    delete: WHOLE,
  }),
];

/** Conditions of a table: which rows may be read, added, changed (from, to) and removed. */
interface Conditions {
  readonly select: string;
  readonly insert: string;
  readonly update: readonly [using: string, check: string];
  readonly delete: string;
}

/** Forced: the owner of the tables keeps to it too, for databases without a role of its own. */
function rowLevelSecurity(table: string, conditions: Conditions): string[] {
  const [using, check] = conditions.update;
  return [
    `create policy ${table}_select on ${table} for select using (${conditions.select})`,
    `create policy ${table}_insert on ${table} for insert with check (${conditions.insert})`,
    `create policy ${table}_update on ${table} for update using (${using}) with check (${check})`,
    `create policy ${table}_delete on ${table} for delete using (${conditions.delete})`,
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
  ];
}

function isListed(column: string): string {
  return `${column} = any((select headgate_listed())::text[])`;
}

function sees(column: string): string {
  return `(${ALL} or ${isListed(column)})`;
}

function writes(own: string): string {
  return `(${WHOLE} or ${own})`;
}

function isOfThisTenant(table: string, tenant: string): string {
  return `${table}.revision >= coalesce(
    (select since_revision from documents where documents.key = 'tenant.' || ${tenant}), 0)`;
}

/**
 * A key leads to one tenant only, so a hash that anybody has is refused. Whoever names it learns that
 * and no more. As the owner, and with the sight of the owner, for the time of this call.
 */
function takenHashes(schema: string): string {
  return `create function headgate_taken_hashes(hashes text[]) returns setof text
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
      tenants constant text := coalesce(current_setting('headgate.tenants', true), '');
    begin
      perform set_config('headgate.tenants', '', true);
      return query select sha256 from "${schema.replaceAll('"', '""')}".api_keys
        where sha256 = any(hashes);
      perform set_config('headgate.tenants', tenants, true);
    end
  $$`;
}

/** Row-level security: limited transactions reach the tenants in `headgate.tenants` and no others. */
export const rowLevelSecuritySchema: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
    const { rows } = await sql<{ name: string }>`select current_schema() as name`.execute(db);
    await sql.raw(takenHashes(rows[0]?.name ?? 'public')).execute(db);
  },
};
