import { documentKey } from '@headgate/model';
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import type { BuiltDocument } from '../publish/build-document.ts';
import { inChunks } from './chunks.ts';
import { isAnyOf } from './is-any-of.ts';
import { TABLE_BY_KIND, type SharedKind } from './kinds.ts';
import type { Tables } from './tables.ts';

/**
 * Locks the documents of these keys until the transaction ends, in one order for everybody, so that
 * two transactions cannot wait for each other. Missing rows are made (revision 0), as a row that does
 * not exist cannot be locked. Revisions are taken under this lock: those of one document rise in the
 * order of the commits. Returns the newest revision of each, deletions included; 0 if there is none.
 */
export async function lockDocuments(
  db: Kysely<Tables>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const sorted = [...keys].sort();
  const revisions = new Map<string, number>();
  // The common case, in one statement. Of several, those that exist would be locked before the others.
  if (sorted.length === 1) await lockPresent(db, sorted, revisions);
  if (revisions.size === sorted.length) return revisions;
  for (const chunk of inChunks(sorted)) {
    await sql`
      insert into documents (key, kind, id, revision, deleted, sha256, body)
      select key, '', '', 0, true, '', '' from unnest(${[...chunk]}::text[]) as key
      order by key
      on conflict (key) do nothing
    `.execute(db);
    await lockPresent(db, chunk, revisions);
  }
  return revisions;
}

async function lockPresent(
  db: Kysely<Tables>,
  keys: readonly string[],
  revisions: Map<string, number>,
): Promise<void> {
  const { rows } = await sql<{ key: string; revision: number }>`
    select key, revision from documents
    where key = any(${[...keys]}::text[]) order by key for update
  `.execute(db);
  for (const { key, revision } of rows) revisions.set(key, revision);
}

/**
 * Keeps plans or shared upstreams from being deleted until the transaction ends, without keeping others from using them.
 * Returns those that do not exist.
 */
export async function shareRows(
  db: Kysely<Tables>,
  kind: SharedKind,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const missing = new Set(ids);
  for (const chunk of inChunks([...ids].sort())) {
    const { rows } = await sql<{ id: string }>`
      select id from ${sql.table(TABLE_BY_KIND[kind])} where id = any(${[...chunk]}::text[]) order by id for key share
    `.execute(db);
    for (const { id } of rows) missing.delete(id);
  }
  return missing;
}

/** Takes the next revisions. Call it after {@link lockDocuments}. */
export async function takeRevisions(db: Kysely<Tables>, count: number): Promise<number[]> {
  if (count === 0) return [];
  const { rows } = await sql<{ revision: number }>`
    select nextval('revision_sequence') as revision from generate_series(1, ${count}::int)
  `.execute(db);
  return rows.map(({ revision }) => revision);
}

/**
 * Stores documents and their outbox rows, and wakes the publisher of whichever replica leads.
 *
 * @param options `restored`: a tenant that was deleted comes back, so that its past is its own.
 */
export async function writeDocuments(
  db: Kysely<Tables>,
  documents: readonly BuiltDocument[],
  at: Date,
  options: { readonly restored: boolean },
): Promise<void> {
  for (const chunk of inChunks(documents)) {
    await runParts(db, [documentParts(chunk, at, options)]);
  }
}

/**
 * Runs parts of a `with` clause as one statement, and wakes the publisher. One of them is that of {@link documentParts}; all
 * see the tables as they were before.
 */
export async function runParts(
  db: Kysely<Tables>,
  parts: readonly RawBuilder<unknown>[],
): Promise<void> {
  // PostgreSQL sends equal notifications of a transaction once.
  await sql`with ${sql.join(parts)} select pg_notify(${OUTBOX_CHANNEL}, '')`.execute(db);
}

/** The parts that {@link writeDocuments} consists of; `entry` has a row for each document. */
export function documentParts(
  documents: readonly BuiltDocument[],
  at: Date,
  { restored }: { readonly restored: boolean },
): RawBuilder<unknown> {
  return sql`
    entry as (
      select * from unnest(
        ${documents.map(({ key }) => key)}::text[],
        ${documents.map(({ kind }) => kind)}::text[],
        ${documents.map(({ id }) => id)}::text[],
        ${documents.map(({ revision }) => revision)}::bigint[],
        ${documents.map(({ deleted }) => deleted)}::boolean[],
        ${documents.map(({ sha256 }) => sha256)}::text[],
        ${documents.map(({ identity }) => (identity === null ? null : JSON.stringify(identity)))}::jsonb[],
        ${documents.map(({ body }) => body)}::text[],
        ${documents.map(({ rings }) => (rings === null ? null : JSON.stringify(rings)))}::jsonb[]
      ) as entry (key, kind, id, revision, deleted, sha256, identity, body, rings)
    ), stored as (
      insert into documents
        (key, kind, id, revision, deleted, sha256, identity, body, rings, since_revision)
      select key, kind, id, revision, deleted, sha256, identity, body, rings, revision from entry
      on conflict (key) do update
      set kind = excluded.kind, id = excluded.id, revision = excluded.revision,
        deleted = excluded.deleted, sha256 = excluded.sha256, identity = excluded.identity,
        body = excluded.body, rings = excluded.rings,
        since_revision = case when documents.deleted and not ${restored}::boolean
          then excluded.since_revision else documents.since_revision end
    ), noted as (
      insert into revisions (revision, key, committed_at)
      select revision, key, ${at.toISOString()}::timestamptz from entry
    )`;
}

/** Documents of the scope's tenants that exist, in the order of their ids, those after `after` (null: all). */
export async function listTenantDocuments(
  db: Kysely<Tables>,
  scope: TenantScope,
  limit: number,
  after: string | null,
): Promise<readonly { readonly id: string; readonly body: string }[]> {
  // The key is the primary key, and "/" is the character after "." in the order of bytes.
  return db
    .selectFrom('documents')
    .select(['id', 'body'])
    .where('key', '>', documentKey('tenant', after ?? ''))
    .where('key', '<', 'tenant/')
    .where('deleted', '=', false)
    .$if(scope !== 'all', (query) =>
      query.where(
        isAnyOf(
          'key',
          Array.from(scope, (id) => documentKey('tenant', id)),
        ),
      ),
    )
    .orderBy('key')
    .limit(limit)
    .execute();
}

/**
 * First revision of a tenant: those before it, of its history and of the audit, are of one that had the
 * same id and was deleted.
 *
 * @param tenantId an expression of SQL.
 */
export function sinceRevision(tenantId: RawBuilder<unknown>): RawBuilder<number> {
  return sql<number>`coalesce(
    (select since_revision from documents where documents.key = 'tenant.' || ${tenantId}), 0)`;
}

/** PostgreSQL notification channel: something was added to the outbox. */
export const OUTBOX_CHANNEL = 'headgate_outbox';
