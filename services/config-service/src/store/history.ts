import { sql, type Kysely, type RawBuilder } from 'kysely';
import { changedPaths } from '../apply/changed-paths.ts';
import type { Change } from './change.ts';
import { sinceRevision } from './documents.ts';
import type { HistoryColumns, Tables } from './tables.ts';
import type { Author } from './write-changes.ts';

/** Revisions kept of each tenant, the one in force included; older ones are forgotten. */
export const HISTORY_REVISIONS_MAX = 100;
/** The history of a deleted tenant is kept for so long, to undo the deletion. */
export const DELETED_HISTORY_DAYS = 30;

/** Changes and fields that an entry names; of the rest it tells the number. */
const CHANGES_SHOWN_MAX = 20;
const FIELDS_SHOWN_MAX = 10;
const DAY_MS = 86_400_000;
/** Deleted tenants whose history one call forgets. */
const FORGET_TENANTS_MAX = 100;

/** A resource that a revision changed, as its entry names it. */
export interface HistoryChange {
  readonly action: Change['action'];
  readonly kind: Change['kind'];
  readonly id: string;
  /** Of an update: the first ten paths that it changed. */
  readonly fields: readonly string[];
}

/** A new revision of a tenant. */
export interface TenantRevision {
  readonly tenantId: string;
  readonly changes: readonly Change[];
  /** The revision that is restored; null if this is no rollback. */
  readonly rolledBackTo: number | null;
}

/** An entry of the history, without what the tenant was. */
export type HistoryEntry = Omit<HistoryColumns, 'body' | 'changes'> & {
  readonly changes: readonly HistoryChange[];
};

/** Reads the history of tenants. Failures of the database reject. */
export interface History {
  /** Entries of a tenant, newest first, those below `before` (null: all); at most `limit`. */
  list(tenantId: string, limit: number, before: number | null): Promise<readonly HistoryEntry[]>;
  /** What a revision made of a tenant; null if it has none of that number, or it is forgotten. */
  get(tenantId: string, revision: number): Promise<HistoryColumns | null>;
  /** Newest revision of a tenant up to `revision` (null: of all); null if there is none. */
  newestUpTo(tenantId: string, revision: number | null): Promise<number | null>;
  /** Forgets tenants that were deleted more than {@link DELETED_HISTORY_DAYS} ago, some per call. */
  forgetDeleted(now: Date): Promise<void>;
}

/**
 * Parts of the statement that stores the documents: they add revisions to the history and forget those of the same tenants
 * that are beyond {@link HISTORY_REVISIONS_MAX}. Bodies are those of its part `entry`.
 */
export function historyParts(
  revisions: readonly TenantRevision[],
  author: Author,
): RawBuilder<unknown> {
  const tenantIds = revisions.map(({ tenantId }) => tenantId);
  // The new revisions are not seen yet, so one fewer is kept of those before. Materialised: found once for each tenant.
  // For each row of each tenant it took 5 ms, and 45 ms with row-level security.
  return sql`
    added as (
      insert into tenant_history (tenant_id, revision, at, actor, source, request_id, operation,
        rolled_back_to, changes, change_count, deleted, body)
      select entry.id, entry.revision, ${author.at.toISOString()}::timestamptz,
        ${author.actor}, ${author.source}, ${author.requestId}, ${author.operation},
        told.rolled_back_to, told.changes, told.change_count, entry.deleted, entry.body
      from unnest(
        ${tenantIds}::text[],
        ${revisions.map(({ rolledBackTo }) => rolledBackTo)}::bigint[],
        ${revisions.map(({ changes }) => JSON.stringify(summarise(changes)))}::jsonb[],
        ${revisions.map(({ changes }) => changes.filter(isReal).length)}::integer[]
      ) as told (tenant_id, rolled_back_to, changes, change_count)
      join entry on entry.key = 'tenant.' || told.tenant_id
    ), surplus as materialized (
      select told.tenant_id, (
        select revision from tenant_history as kept where kept.tenant_id = told.tenant_id
        order by revision desc offset ${HISTORY_REVISIONS_MAX - 1}::integer limit 1
      ) as newest
      from unnest(${tenantIds}::text[]) as told (tenant_id)
    ), forgotten as (
      delete from tenant_history using surplus
      where tenant_history.tenant_id = surplus.tenant_id
        and tenant_history.revision <= surplus.newest
    )`;
}

/**
 * Creates the reading side of the history.
 *
 * @param options `ofThisTenantOnly`: without the revisions of a deleted tenant that had the same id.
 */
export function createHistory(
  db: Kysely<Tables>,
  { ofThisTenantOnly = false }: { readonly ofThisTenantOnly?: boolean } = {},
): History {
  const since = sql<boolean>`revision >= ${sinceRevision(sql`tenant_history.tenant_id`)}`;
  return {
    async list(tenantId, limit, before) {
      const rows = await db
        .selectFrom('tenant_history')
        .select(['tenant_id', 'revision', 'at', 'actor', 'source', 'request_id', 'operation'])
        .select(['rolled_back_to', 'changes', 'change_count', 'deleted'])
        .where('tenant_id', '=', tenantId)
        .$if(ofThisTenantOnly, (query) => query.where(since))
        .$if(before !== null, (query) => query.where('revision', '<', before ?? 0))
        .orderBy('revision', 'desc')
        .limit(limit)
        .execute();
      // Only writeHistory writes the column.
      return rows.map((row) => ({ ...row, changes: row.changes as readonly HistoryChange[] }));
    },
    async get(tenantId, revision) {
      const query = db
        .selectFrom('tenant_history')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('revision', '=', revision)
        .$if(ofThisTenantOnly, (limited) => limited.where(since));
      return (await query.executeTakeFirst()) ?? null;
    },
    async newestUpTo(tenantId, revision) {
      const row = await db
        .selectFrom('tenant_history')
        .select('revision')
        .where('tenant_id', '=', tenantId)
        .$if(ofThisTenantOnly, (query) => query.where(since))
        .$if(revision !== null, (query) => query.where('revision', '<=', revision ?? 0))
        .orderBy('revision', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.revision ?? null;
    },
    async forgetDeleted(now) {
      const limit = new Date(now.getTime() - DELETED_HISTORY_DAYS * DAY_MS);
      await sql`
        delete from tenant_history where tenant_id in (
          select last.tenant_id from tenant_history as last
          where last.deleted and last.at < ${limit.toISOString()}::timestamptz and not exists (
            select from tenant_history as newer
            where newer.tenant_id = last.tenant_id and newer.revision > last.revision
          )
          limit ${FORGET_TENANTS_MAX}::integer
        )
      `.execute(db);
    },
  };
}

function isReal({ action }: Change): boolean {
  return action !== 'unchanged';
}

function summarise(changes: readonly Change[]): HistoryChange[] {
  return changes
    .filter(isReal)
    .slice(0, CHANGES_SHOWN_MAX)
    .map(({ action, kind, id, before, after }) => {
      const fields = action === 'update' ? changedPaths(before?.spec, after) : [];
      return { action, kind, id, fields: fields.slice(0, FIELDS_SHOWN_MAX) };
    });
}
