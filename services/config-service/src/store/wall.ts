import { sql, type Kysely } from 'kysely';
import { isCode } from './postgres-error.ts';
import type { Tables } from './tables.ts';

/**
 * How the database keeps limited transactions within their tenants, whatever the application asks:
 *
 * - `role`: they run as a role that has no rights beyond what they may do, and row-level security;
 * - `forced`: as the user of the service, whom the forced row-level security of its tables holds;
 * - `none`: not at all, as that user is above row-level security and cannot take on the role.
 */
export type Wall = 'role' | 'forced' | 'none';

/** Role of limited transactions; nobody can log in as it. Roles are of the server, not of a database. */
export const LIMITED_ROLE = 'headgate_limited';

/** insufficient_privilege */
const REFUSED = '42501';
/** duplicate_object, unique_violation: another replica, or another database, was first. */
const THERE_ALREADY = ['42710', '23505'];
/** "headgwll" in ASCII: one replica at a time grants, as PostgreSQL fails when two do. */
const GRANT_LOCK = '7522537965575564396';

/** What a limited transaction may do with tables at all; policies say with which rows. */
const RIGHTS = [
  `select on plans, shared_upstreams, tenants, claims, upstreams, jwt_issuers, routes, api_keys, certificates,
    documents, revisions, tenant_history, audit`,
  // To lock them for the time of a change; the policy lets nobody change them.
  `update (id) on plans, shared_upstreams`,
  `insert, update, delete on upstreams, jwt_issuers, routes, api_keys, certificates`,
  `insert, update on documents`,
  `insert, delete on tenant_history`,
  `insert on revisions, audit`,
  `select, insert, update on rollouts`,
  // Replies are written with the change that they tell of, and never read there.
  `select (asker, key, claim), update (reply) on kept_replies`,
  `usage on sequence revision_sequence`,
  `execute on function headgate_sight(), headgate_listed(), headgate_taken_hashes(text[])`,
];

/** It tells with the sight of the owner which hashes are taken: for the service alone. */
const NOT_FOR_EVERYBODY = 'revoke execute on function headgate_taken_hashes(text[]) from public';

/** Makes the role of limited transactions, as far as the user of the service may, and tells what holds. */
export async function raiseWall(db: Kysely<Tables>): Promise<Wall> {
  const hasRole = await prepareRole(db);
  await forceRowLevelSecurity(db, !hasRole);
  if (hasRole) return 'role';
  const { rows } = await sql<{ bypasses: boolean }>`
    select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user
  `.execute(db);
  return rows[0]?.bypasses === false ? 'forced' : 'none';
}

/**
 * Holds the owner of the tables to row-level security, or lets it go. Forced, it makes every statement of
 * the service itself dearer (a change by half), hides indexes from conditions on JSON, and hinders pg_dump:
 * so only where limited transactions run as the owner.
 */
async function forceRowLevelSecurity(db: Kysely<Tables>, isForced: boolean): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select quote_ident(relname) as name from pg_class
    where relnamespace = (select oid from pg_namespace where nspname = current_schema())
      and relkind = 'r' and relrowsecurity and relforcerowsecurity <> ${isForced}::boolean
    order by relname
  `.execute(db);
  const mode = isForced ? 'force' : 'no force';
  for (const { name } of rows) {
    await sql.raw(`alter table ${name} ${mode} row level security`).execute(db);
  }
}

/** Whether the role is there, with its rights, and can be taken on. */
async function prepareRole(db: Kysely<Tables>): Promise<boolean> {
  const { rows } = await sql`select from pg_roles where rolname = ${LIMITED_ROLE}`.execute(db);
  if (rows.length === 0) {
    const made = await isAllowed(db, `create role ${LIMITED_ROLE} nologin`);
    if (!made) return false;
  }
  if (!(await canTakeOn(db))) {
    const granted = await isAllowed(db, `grant ${LIMITED_ROLE} to current_user`);
    if (!granted || !(await canTakeOn(db))) return false;
  }
  return db.transaction().execute(async (transaction) => {
    await sql.raw(`select pg_advisory_xact_lock(${GRANT_LOCK})`).execute(transaction);
    const { rows: schemas } = await sql<{ name: string }>`
      select quote_ident(current_schema()) as name`.execute(transaction);
    const schema = `usage on schema ${schemas[0]?.name ?? 'public'}`;
    await sql.raw(NOT_FOR_EVERYBODY).execute(transaction);
    for (const right of [...RIGHTS, schema]) {
      await sql.raw(`grant ${right} to ${LIMITED_ROLE}`).execute(transaction);
    }
    return true;
  });
}

function canTakeOn(db: Kysely<Tables>): Promise<boolean> {
  return db
    .transaction()
    .execute(async (transaction) => {
      await sql.raw(`set local role ${LIMITED_ROLE}`).execute(transaction);
      return true;
    })
    .catch((error: unknown) => {
      if (isCode(error, [REFUSED])) return false;
      throw error;
    });
}

async function isAllowed(db: Kysely<Tables>, statement: string): Promise<boolean> {
  try {
    await sql.raw(statement).execute(db);
    return true;
  } catch (error) {
    if (isCode(error, THERE_ALREADY)) return true;
    if (isCode(error, [REFUSED])) return false;
    throw error;
  }
}
