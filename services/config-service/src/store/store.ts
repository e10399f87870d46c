import type { Session } from '../access/session.ts';
import { findToken, type StoredToken } from './access-tokens.ts';
import { readCertificateExpiry, type CertificateExpiry } from './certificate-expiry.ts';
import { readChangeMark } from './commit.ts';
import type { OpenDatabase } from './database.ts';
import {
  REQUEST_DEADLINE_MS,
  StoreUnavailableError,
  withDeadline,
  withLongDeadline,
} from './deadline.ts';
import {
  markDrift,
  readDeclarationState,
  type Declaration,
  type DeclarationState,
} from './declaration.ts';
import { createHistory } from './history.ts';
import { createKeptReplies, type KeptReplies } from './kept-replies.ts';
import { createDeclarationReader } from './known-declaration.ts';
import { newestRevision } from './newest-revision.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { listUnfinishedRollouts, type StoredRollout } from './rollouts.ts';
import { createSessionStore, type SessionStore, type StoreDependencies } from './session-store.ts';

/** The configuration. Every method rejects with StoreUnavailableError when the database is away. */
export interface Store {
  readonly kind: OpenDatabase['kind'];
  readonly outbox: Outbox;
  readonly replies: Pick<KeptReplies, 'claim'>;
  /** What a principal sees and may do: the only way of requests into the configuration. */
  as(session: Session): SessionStore;
  /** An access token by its hash, for authentication; expired ones too. */
  findToken(sha256: string): Promise<StoredToken | null>;
  /** Tells which documents were published at their revisions more than 60 s ago; none if the database is away. */
  markSettled<Document extends { readonly revision: number }>(
    documents: readonly Document[],
  ): Promise<readonly (Document & { readonly settled: boolean })[]>;
  /** How the configuration is to be; {@link SessionStore.change} declares it, `removeDeclaration` ends that. */
  readonly declaration: {
    /** Its bundle is shared by all who ask. */
    get(): Promise<Declaration | null>;
    state(): Promise<DeclarationState | null>;
    /** Notes since when the configuration drifts from the declaration of this revision (null: not); whether that is new. */
    markDrift(revision: number, driftedAt: Date | null): Promise<boolean>;
  };
  /** Rollouts on which something is still to be done, of all tenants. */
  unfinishedRollouts(): Promise<readonly StoredRollout[]>;
  /** Whether a revision, or one after it of the same document, is in the bucket; also if it was forgotten. */
  isPublished(revision: number): Promise<boolean>;
  /** Forgets published revisions beyond the newest 100,000, tenants deleted long ago, and replies kept for a day. */
  forgetOld(): Promise<void>;
  /** When certificates expire, of all tenants. */
  certificateExpiry(nowMs: number): Promise<CertificateExpiry>;
  /** Differs after each commit that changed a plan or a tenant, and only then. */
  changeMark(): Promise<string>;
  /** Newest revision; how many are still to be published, and since when (null: none is). */
  figures(): Promise<{
    readonly revision: number;
    readonly pending: number;
    readonly oldestPending: Date | null;
  }>;
}

/** Digests are at most 35 s apart: an edge that holds all of the newest one has what is older than this. */
const SETTLED_MS = 60_000;
/** A bundle may have 64 MiB. */
const DECLARATION_DEADLINE_MS = 30_000;
/** Revisions that `GET /v1/revisions/{revision}` knows. */
const REVISIONS_KEPT = 100_000;

/** Creates the store on an open database, which the caller closes. */
export function createStore(
  deps: StoreDependencies,
  { db, kind, wall }: Pick<OpenDatabase, 'db' | 'kind' | 'wall'>,
): Store {
  const outbox = createOutbox(db);
  const history = createHistory(db);
  const replies = createKeptReplies(deps, db);
  const declaration = createDeclarationReader(db);
  return {
    kind,
    outbox,
    replies,
    as: (session) => createSessionStore(deps, { db, wall }, session),
    findToken: (sha256) => withDeadline(REQUEST_DEADLINE_MS, () => findToken(db, sha256)),
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
    declaration: {
      get: () => withLongDeadline(db, DECLARATION_DEADLINE_MS, declaration),
      state: () => withDeadline(REQUEST_DEADLINE_MS, () => readDeclarationState(db)),
      markDrift: (...args) => withDeadline(REQUEST_DEADLINE_MS, () => markDrift(db, ...args)),
    },
    unfinishedRollouts: () => withDeadline(REQUEST_DEADLINE_MS, () => listUnfinishedRollouts(db)),
    isPublished: (revision) =>
      withDeadline(REQUEST_DEADLINE_MS, async () => {
        const found = await outbox.revision(revision);
        return found === null || found.published_at !== null;
      }),
    async forgetOld() {
      await outbox.prune(REVISIONS_KEPT);
      await history.forgetDeleted(new Date(deps.clock.nowMs()));
      await replies.forgetOld();
    },
    certificateExpiry: (nowMs) =>
      withDeadline(REQUEST_DEADLINE_MS, () => readCertificateExpiry(db, nowMs)),
    changeMark: () => withDeadline(REQUEST_DEADLINE_MS, () => readChangeMark(db)),
    figures: () =>
      withDeadline(REQUEST_DEADLINE_MS, async () => {
        const { count, oldest } = await outbox.pending();
        return { revision: await newestRevision(db, 'all'), pending: count, oldestPending: oldest };
      }),
  };
}
