import { sql, type Kysely } from 'kysely';
import type { BuiltDocument } from '../publish/build-document.ts';
import type { DocumentColumns, RevisionColumns, Tables } from './tables.ts';

/** Which document is at which revision. */
export interface DocumentEntry {
  readonly key: string;
  readonly revision: number;
  readonly deleted: boolean;
}

/** What the publisher and the answers to edges read and write. */
export interface Outbox {
  /** Names the database; part of digests. */
  epoch(): Promise<string>;
  /** Newest form of the documents with the oldest unpublished revisions, without the keys `skipped`; at most `limit`, in any order. */
  pendingDocuments(limit: number, skipped: readonly string[]): Promise<readonly BuiltDocument[]>;
  /** How many revisions are still to be published, and since when; null if none is. */
  pending(): Promise<{ readonly count: number; readonly oldest: Date | null }>;
  /** Newest form of each document that exists, in any order. */
  documents(keys: readonly string[]): Promise<readonly BuiltDocument[]>;
  /** Every document, deleted ones included: one consistent state. */
  entries(): Promise<readonly DocumentEntry[]>;
  /** Notes that documents were published at these revisions, which covers all older ones of theirs. Returns when they were committed. */
  markPublished(
    documents: readonly { readonly key: string; readonly revision: number }[],
    at: Date,
  ): Promise<readonly Date[]>;
  /** A revision that was given out, or null if there is none or it was pruned. */
  revision(revision: number): Promise<RevisionColumns | null>;
  /** Of these revisions, those that were not published before `publishedBefore`. */
  unsettled(revisions: readonly number[], publishedBefore: Date): Promise<ReadonlySet<number>>;
  /** Forgets published revisions except the newest `keep`; at most 10,000 per call. */
  prune(keep: number): Promise<void>;
}

type DocumentRow = Omit<DocumentColumns, 'since_revision'>;

const DOCUMENT_COLUMNS = sql.raw(
  'key, kind, id, documents.revision, deleted, sha256, identity, body, rings',
);

/** Creates the outbox of a database. Failures of the database reject. */
export function createOutbox(db: Kysely<Tables>): Outbox {
  return {
    async epoch() {
      return (await db.selectFrom('installation').select('epoch').executeTakeFirstOrThrow()).epoch;
    },
    async pendingDocuments(limit, skipped) {
      const { rows } = await sql<DocumentRow>`
        select ${DOCUMENT_COLUMNS} from (
          select key from revisions
          where published_at is null and key <> all(${[...skipped]}::text[])
          group by key order by min(revision) limit ${limit}::int
        ) as pending join documents using (key)
        where documents.revision > 0
      `.execute(db);
      return rows.map(readDocument);
    },
    async pending() {
      const { rows } = await sql<{ count: number; oldest: Date | null }>`
        select count(*) as count, min(committed_at) as oldest
        from revisions where published_at is null
      `.execute(db);
      return rows[0] ?? { count: 0, oldest: null };
    },
    async documents(keys) {
      const { rows } = await sql<DocumentRow>`
        select ${DOCUMENT_COLUMNS} from documents
        where key = any(${[...keys]}::text[]) and revision > 0
      `.execute(db);
      return rows.map(readDocument);
    },
    entries: () => db.selectFrom('documents').select(['key', 'revision', 'deleted']).execute(),
    async markPublished(documents, at) {
      const { rows } = await sql<{ committed_at: Date }>`
        update revisions set published_at = ${at.toISOString()}::timestamptz
        from unnest(
          ${documents.map(({ key }) => key)}::text[],
          ${documents.map(({ revision }) => revision)}::bigint[]
        ) as done (key, revision)
        where revisions.published_at is null
          and revisions.key = done.key and revisions.revision <= done.revision
        returning revisions.committed_at
      `.execute(db);
      return rows.map((row) => row.committed_at);
    },
    async revision(revision) {
      const query = db.selectFrom('revisions').selectAll().where('revision', '=', revision);
      return (await query.executeTakeFirst()) ?? null;
    },
    async unsettled(revisions, publishedBefore) {
      const { rows } = await sql<{ revision: number }>`
        select revision from revisions where revision = any(${[...revisions]}::bigint[])
          and (published_at is null or published_at > ${publishedBefore.toISOString()}::timestamptz)
      `.execute(db);
      return new Set(rows.map(({ revision }) => revision));
    },
    async prune(keep) {
      await sql`
        delete from revisions where revision in (
          select revision from revisions
          where published_at is not null
            and revision <= (select max(revision) from revisions) - ${keep}::bigint
          order by revision limit 10000
        )
      `.execute(db);
    },
  };
}

/** Reads a row; only {@link writeDocuments} writes them, from a {@link BuiltDocument}. */
function readDocument(row: DocumentRow): BuiltDocument {
  const { key, id, revision, deleted, sha256, body } = row;
  return {
    ...{ key, id, revision, deleted, sha256, body },
    kind: row.kind as BuiltDocument['kind'],
    identity: row.identity as BuiltDocument['identity'],
    rings: row.rings as BuiltDocument['rings'],
  };
}
