import type { AccessTokenSpec, Role } from '@headgate/model';
import { sql, type Kysely, type Selectable } from 'kysely';
import type { AccessTokenColumns, Tables } from './tables.ts';
import { writeAuditRows, type AuditEntry, type Author } from './write-changes.ts';

/** An access token as stored; of the token itself only the hash. */
export interface StoredToken {
  readonly id: string;
  readonly name?: string;
  readonly role: Role;
  readonly tenants?: '*' | readonly string[];
  /** Null: never. */
  readonly expiresAt: Date | null;
  readonly hint: string;
  readonly createdAt: Date;
  /** Who made it. */
  readonly createdBy: string;
}

/** A token to be stored. */
export interface NewToken {
  readonly id: string;
  readonly spec: AccessTokenSpec;
  /** Of the whole token, lower-case hex. */
  readonly sha256: string;
  readonly hint: string;
}

/** The token with this hash, expired or not; null if there is none. */
export async function findToken(db: Kysely<Tables>, sha256: string): Promise<StoredToken | null> {
  const query = db.selectFrom('access_tokens').selectAll().where('sha256', '=', sha256);
  const row = await query.executeTakeFirst();
  return row === undefined ? null : readToken(row);
}

/** One token by its id, or null. */
export async function getToken(db: Kysely<Tables>, id: string): Promise<StoredToken | null> {
  const row = await db
    .selectFrom('access_tokens')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : readToken(row);
}

/** Tokens in the order of their ids, those after `after` (null: all). */
export async function listTokens(
  db: Kysely<Tables>,
  { limit, after }: { readonly limit: number; readonly after: string | null },
): Promise<readonly StoredToken[]> {
  const rows = await db
    .selectFrom('access_tokens')
    .selectAll()
    .$if(after !== null, (query) => query.where('id', '>', after ?? ''))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(readToken);
}

/** Stores a token with its audit row, within the caller's transaction; null if the id is taken. */
export async function createToken(
  db: Kysely<Tables>,
  { id, spec, sha256, hint }: NewToken,
  author: Author,
): Promise<StoredToken | null> {
  const row = await db
    .insertInto('access_tokens')
    .values({
      ...{ id, spec: JSON.stringify(spec), sha256, hint },
      ...{ created_at: author.at, created_by: author.actor },
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return null;
  await writeAuditRows(db, [auditEntry('create', id, null, spec)], author);
  return readToken(row);
}

/** Deletes a token, with its audit row, within the caller's transaction; false if there is none. */
export async function revokeToken(
  db: Kysely<Tables>,
  id: string,
  author: Author,
): Promise<boolean> {
  const query = db.deleteFrom('access_tokens').where('id', '=', id).returning('spec');
  const row = await query.executeTakeFirst();
  if (row === undefined) return false;
  await writeAuditRows(db, [auditEntry('delete', id, row.spec, null)], author);
  return true;
}

/**
 * Takes deleted tenants out of the tokens that name them, with audit rows, within the caller's transaction; a token of no
 * other tenant is revoked. Otherwise it would reach whoever gets the id next.
 */
export async function unbindTokens(
  db: Kysely<Tables>,
  tenantIds: readonly string[],
  author: Author,
): Promise<void> {
  if (tenantIds.length === 0) return;
  const rows = await db
    .selectFrom('access_tokens')
    .select(['id', 'spec'])
    .where(sql<boolean>`spec -> 'tenants' ?| ${sql.val(tenantIds)}::text[]`)
    .orderBy('id')
    .forUpdate()
    .execute();
  for (const { id, spec } of rows) {
    const { tenants, ...rest } = spec as AccessTokenSpec;
    if (!Array.isArray(tenants)) continue;
    const left = tenants.filter((tenantId) => !tenantIds.includes(tenantId));
    if (left.length === 0) {
      await revokeToken(db, id, author);
      continue;
    }
    const after = { ...rest, tenants: left };
    const update = db.updateTable('access_tokens').set({ spec: JSON.stringify(after) });
    await update.where('id', '=', id).execute();
    await writeAuditRows(db, [auditEntry('update', id, spec, after)], author);
  }
}

function auditEntry(
  action: AuditEntry['action'],
  id: string,
  before: unknown,
  after: unknown,
): AuditEntry {
  // No document changes with a token: there is no revision.
  return { action, kind: 'accessToken', tenantId: null, id, revision: 0, before, after };
}

function readToken(row: Selectable<AccessTokenColumns>): StoredToken {
  // Only createToken writes rows, and its specs were validated.
  const { name, role, tenants, expiresAt } = row.spec as AccessTokenSpec;
  return {
    id: row.id,
    ...(name === undefined ? {} : { name }),
    role,
    ...(tenants === undefined ? {} : { tenants }),
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    hint: row.hint,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}
