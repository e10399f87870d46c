import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { AuditKind } from './audit.ts';
import type { Change } from './change.ts';
import { inChunks } from './chunks.ts';
import { isNestedKind, RESOURCE_KINDS, TABLE_BY_KIND, type ResourceKind } from './kinds.ts';
import type { Tables } from './tables.ts';

/** Who makes a change, when and from where; goes into every audit row. */
export interface Author {
  readonly actor: string;
  /** Address of the client. */
  readonly source: string;
  readonly requestId: string;
  /** Operation of the API, such as `putRoute`. */
  readonly operation: string;
  readonly at: Date;
}

/** A change with the revision of the document that it belongs to. */
export interface NumberedChange extends Change {
  readonly revision: number;
}

/** Writes resources: first what is added, referred-to kinds first; then deletions the other way round. */
export async function writeResources(
  db: Kysely<Tables>,
  changes: readonly NumberedChange[],
  at: Date,
): Promise<void> {
  for (const kind of RESOURCE_KINDS) {
    const written = changes.filter(
      (change) =>
        change.kind === kind && (change.action === 'create' || change.action === 'update'),
    );
    for (const chunk of inChunks(written)) await upsert(db, kind, chunk, at);
  }
}

/** Deletes resources, in the order opposite to that of {@link writeResources}. */
export async function deleteResources(
  db: Kysely<Tables>,
  changes: readonly NumberedChange[],
): Promise<void> {
  for (const kind of RESOURCE_KINDS.toReversed()) {
    const deleted = changes.filter((change) => change.kind === kind && change.action === 'delete');
    for (const chunk of inChunks(deleted)) await remove(db, kind, chunk);
  }
}

/** What one audit row tells beside the author. */
export interface AuditEntry {
  readonly action: Change['action'];
  readonly kind: AuditKind;
  readonly tenantId: string | null;
  readonly id: string;
  /** 0 if no document changed. */
  readonly revision: number;
  readonly before: unknown;
  readonly after: unknown;
}

/** One audit row per changed resource. */
export function auditOf(changes: readonly NumberedChange[]): AuditEntry[] {
  return changes.map((change) => ({ ...change, before: change.before?.spec }));
}

/** Writes audit rows. */
export async function writeAuditRows(
  db: Kysely<Tables>,
  entries: readonly AuditEntry[],
  author: Author,
): Promise<void> {
  for (const chunk of inChunks(entries)) await auditInsert(chunk, author).execute(db);
}

/** The statement that writes audit rows, also as a part of another one. */
export function auditInsert(entries: readonly AuditEntry[], author: Author): RawBuilder<unknown> {
  return sql`
    insert into audit
      (at, actor, source, request_id, operation, action, kind, tenant_id, resource_id, revision,
        before, after)
    select ${author.at.toISOString()}::timestamptz, ${author.actor}, ${author.source},
      ${author.requestId}, ${author.operation}, told.*
    from unnest(
      ${entries.map((entry) => entry.action)}::text[],
      ${entries.map((entry) => entry.kind)}::text[],
      ${entries.map((entry) => entry.tenantId)}::text[],
      ${entries.map((entry) => entry.id)}::text[],
      ${entries.map((entry) => entry.revision)}::bigint[],
      ${entries.map((entry) => jsonOrNull(entry.before))}::jsonb[],
      ${entries.map((entry) => jsonOrNull(entry.after))}::jsonb[]
    ) as told`;
}

async function upsert(
  db: Kysely<Tables>,
  kind: ResourceKind,
  changes: readonly NumberedChange[],
  at: Date,
): Promise<void> {
  const { columns, values, types } = identityColumns(kind, changes);
  const time = at.toISOString();
  await sql`
    insert into ${sql.table(TABLE_BY_KIND[kind])}
      (${sql.join(columns)}, spec, revision, created_at, updated_at)
    select entry.*, ${time}::timestamptz, ${time}::timestamptz
    from unnest(
      ${sql.join(values.map((list, index) => sql`${list}::${types[index]}`))},
      ${changes.map((change) => JSON.stringify(change.after))}::jsonb[],
      ${changes.map((change) => change.revision)}::bigint[]
    ) as entry
    on conflict (${sql.join(columns)}) do update
    set spec = excluded.spec, revision = excluded.revision, updated_at = excluded.updated_at
  `.execute(db);
}

async function remove(
  db: Kysely<Tables>,
  kind: ResourceKind,
  changes: readonly NumberedChange[],
): Promise<void> {
  const { columns, values, types } = identityColumns(kind, changes);
  await sql`
    delete from ${sql.table(TABLE_BY_KIND[kind])}
    where (${sql.join(columns)}) in (
      select * from unnest(${sql.join(values.map((list, index) => sql`${list}::${types[index]}`))})
    )
  `.execute(db);
}

/** The columns that name a resource, and their values. */
function identityColumns(kind: ResourceKind, changes: readonly NumberedChange[]) {
  const text = sql.raw('text[]');
  const ids = changes.map((change) => change.id);
  if (!isNestedKind(kind)) return { columns: [sql.ref('id')], values: [ids], types: [text] };
  return {
    columns: [sql.ref('tenant_id'), sql.ref('id')],
    values: [changes.map((change) => change.tenantId), ids],
    types: [text, text],
  };
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
