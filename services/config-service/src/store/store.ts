import { sql, type Kysely } from 'kysely';
import type { Clock } from '@headgate/runtime';
import { listAudit, type AuditFilter, type AuditRow } from './audit.ts';
import { makeChanges, newestRevision, type ChangeOptions, type Edits } from './commit.ts';
import type { OpenDatabase } from './database.ts';
import { listTenantDocuments } from './documents.ts';
import { createHistory, type History } from './history.ts';
import {
  isNestedKind,
  TABLE_BY_KIND,
  type ResourceKind,
  type SpecByKind,
  type Stored,
} from './kinds.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { accept, refuse, type Committed, type Outcome } from './outcome.ts';
import { classifyFailure } from './postgres-error.ts';
import { readStored } from './state.ts';
import type { RevisionColumns, Tables } from './tables.ts';
import type { Author } from './write-changes.ts';

/** The database does not answer, or not in time. Whether a write was made is then unknown. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** A page of a list: what follows `after` in the order of the ids. */
export interface Page {
  readonly limit: number;
  readonly after: string | null;
}

/** Options of a change. */
export interface StoreChangeOptions extends ChangeOptions {
  /** Do everything but keep nothing. */
  readonly dryRun?: boolean;
  /** Longest wait; default {@link REQUEST_DEADLINE_MS}. */
  readonly deadlineMs?: number;
}

/** The configuration as the management API sees it. Every method throws StoreUnavailableError. */
export interface Store {
  readonly kind: OpenDatabase['kind'];
  readonly outbox: Outbox;
  readonly history: Omit<History, 'forgetDeleted'>;
  /** One resource, or null. `tenantId` is null for plans and tenants. */
  get<Kind extends ResourceKind>(
    kind: Kind,
    tenantId: string | null,
    id: string,
  ): Promise<Stored<SpecByKind[Kind]> | null>;
  /** Resources in the order of their ids. */
  list<Kind extends ResourceKind>(
    kind: Kind,
    tenantId: string | null,
    page: Page,
  ): Promise<readonly Stored<SpecByKind[Kind]>[]>;
  /** Makes changes in one transaction: all or nothing. */
  change(
    edits: Edits,
    author: Omit<Author, 'at'>,
    options: StoreChangeOptions,
  ): Promise<Outcome<Committed>>;
  /** Audit rows, newest first, those below `before` (null: all); at most `limit`. */
  audit(filter: AuditFilter, limit: number, before: number | null): Promise<readonly AuditRow[]>;
  /** Bodies of the documents of tenants that exist, in the order of their ids. */
  tenantDocuments(page: Page): Promise<readonly { readonly id: string; readonly body: string }[]>;
  /** A revision that was given out, or null. */
  revision(revision: number): Promise<RevisionColumns | null>;
  /** Tells which documents were published at their revisions more than 60 s ago; none if the database is away. */
  markSettled<Document extends { readonly revision: number }>(
    documents: readonly Document[],
  ): Promise<readonly (Document & { readonly settled: boolean })[]>;
  /** Forgets published revisions beyond the newest 100,000, and tenants deleted long ago. */
  forgetOld(): Promise<void>;
  /** Newest revision; how many are still to be published, and since when (null: none is). */
  figures(): Promise<{
    readonly revision: number;
    readonly pending: number;
    readonly oldestPending: Date | null;
  }>;
}

/** A request gets its answer, or a 503, within 2 s; the rest of them is for the reply. */
export const REQUEST_DEADLINE_MS = 1800;
/** Digests are at most 35 s apart: an edge that holds all of the newest one has what is older than this. */
const SETTLED_MS = 60_000;
/** Revisions that `GET /v1/revisions/{revision}` knows. */
const REVISIONS_KEPT = 100_000;
/** Races lost in a row before giving up; each attempt sees what the one before it lost against. */
const ATTEMPTS_MAX = 8;

/** Creates the store on an open database, which the caller closes. */
export function createStore(
  deps: { readonly clock: Clock },
  { db, kind }: Pick<OpenDatabase, 'db' | 'kind'>,
): Store {
  const outbox = createOutbox(db);
  const history = createHistory(db);
  return {
    kind,
    outbox,
    history: {
      list: (...args) => withDeadline(REQUEST_DEADLINE_MS, () => history.list(...args)),
      get: (...args) => withDeadline(REQUEST_DEADLINE_MS, () => history.get(...args)),
      newestUpTo: (...args) => withDeadline(REQUEST_DEADLINE_MS, () => history.newestUpTo(...args)),
    },
    get: <Kind extends ResourceKind>(of: Kind, tenantId: string | null, id: string) =>
      withDeadline(REQUEST_DEADLINE_MS, () => getResource<Kind>(db, of, tenantId, id)),
    list: <Kind extends ResourceKind>(of: Kind, tenantId: string | null, page: Page) =>
      withDeadline(REQUEST_DEADLINE_MS, () => listResources<Kind>(db, of, tenantId, page)),
    change: (edits, author, options) =>
      withDeadline(options.deadlineMs ?? REQUEST_DEADLINE_MS, () =>
        changeWithRetries(db, edits, { ...author, at: new Date(deps.clock.nowMs()) }, options),
      ),
    audit: (...args) => withDeadline(REQUEST_DEADLINE_MS, () => listAudit(db, ...args)),
    tenantDocuments: (page) =>
      withDeadline(REQUEST_DEADLINE_MS, () => listTenantDocuments(db, page.limit, page.after)),
    revision: (revision) => withDeadline(REQUEST_DEADLINE_MS, () => outbox.revision(revision)),
    async markSettled(documents) {
      const publishedBefore = new Date(deps.clock.nowMs() - SETTLED_MS);
      const revisions = documents.map(({ revision }) => revision);
      if (revisions.length === 0) return [];
      const recent = await withDeadline(REQUEST_DEADLINE_MS, () =>
        outbox.unsettled(revisions, publishedBefore),
      ).catch((error: unknown) => {
        // The write is made: better a wait for acknowledgements than no reply.
        if (error instanceof StoreUnavailableError) return new Set(revisions);
        throw error;
      });
      return documents.map((document) => ({
        ...document,
        settled: !recent.has(document.revision),
      }));
    },
    async forgetOld() {
      await outbox.prune(REVISIONS_KEPT);
      await history.forgetDeleted(new Date(deps.clock.nowMs()));
    },
    figures: () =>
      withDeadline(REQUEST_DEADLINE_MS, async () => {
        const { count, oldest } = await outbox.pending();
        return { revision: await newestRevision(db), pending: count, oldestPending: oldest };
      }),
  };
}

/** Ends a wait for the database. The work itself may go on, and a write may still be made. */
async function withDeadline<Value>(ms: number, work: () => Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreUnavailableError(`the database did not answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work(), expired]);
  } catch (error) {
    if (classifyFailure(error) !== 'unavailable' || error instanceof StoreUnavailableError)
      throw error;
    throw new StoreUnavailableError('the database is not available', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function changeWithRetries(
  db: Kysely<Tables>,
  edits: Edits,
  author: Author,
  options: StoreChangeOptions,
): Promise<Outcome<Committed>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await changeOnce(db, edits, author, options);
    } catch (error) {
      const failure = classifyFailure(error);
      if (failure === 'unstorable-text') {
        const rule = 'text must not hold NUL characters or unpaired surrogates';
        return refuse({ reason: 'invalid', faults: [{ path: '', rule }] });
      }
      if (failure !== 'race' || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function changeOnce(
  db: Kysely<Tables>,
  edits: Edits,
  author: Author,
  options: StoreChangeOptions,
): Promise<Outcome<Committed>> {
  const transaction = await db.startTransaction().execute();
  try {
    const outcome = await makeChanges(transaction, edits, author, options);
    const keep = outcome.ok && outcome.value.documents.length > 0 && options.dryRun !== true;
    if (keep) await transaction.commit().execute();
    else await transaction.rollback().execute();
    if (!outcome.ok || options.dryRun !== true) return outcome;
    // The revisions taken went with the transaction.
    return accept({ ...outcome.value, revision: await newestRevision(db) });
  } catch (error) {
    if (!transaction.isCommitted && !transaction.isRolledBack) {
      // The first failure tells more than that of a rollback on a broken connection.
      await transaction
        .rollback()
        .execute()
        .catch(() => undefined);
    }
    throw error;
  }
}

async function getResource<Kind extends ResourceKind>(
  db: Kysely<Tables>,
  kind: Kind,
  tenantId: string | null,
  id: string,
): Promise<Stored<SpecByKind[Kind]> | null> {
  const row = await selectResources(db, kind, tenantId).where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : readStored<Kind>(row);
}

async function listResources<Kind extends ResourceKind>(
  db: Kysely<Tables>,
  kind: Kind,
  tenantId: string | null,
  page: Page,
): Promise<readonly Stored<SpecByKind[Kind]>[]> {
  const rows = await selectResources(db, kind, tenantId)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit)
    .execute();
  return rows.map((row) => readStored<Kind>(row));
}

function selectResources(db: Kysely<Tables>, kind: ResourceKind, tenantId: string | null) {
  const columns = ['id', 'spec', 'revision', 'created_at', 'updated_at'] as const;
  // The columns are those of ResourceColumns in every table.
  const query = db.selectFrom(TABLE_BY_KIND[kind] as 'plans').select(columns);
  if (!isNestedKind(kind)) return query;
  return query.where(sql<boolean>`tenant_id = ${tenantId}`);
}
