import type { Clock } from '@headgate/runtime';
import type { Kysely } from 'kysely';
import { inScope, isKeyInScope, type Session } from '../access/session.ts';
import {
  createToken,
  getToken,
  listTokens,
  revokeToken,
  type NewToken,
  type StoredToken,
} from './access-tokens.ts';
import { listAudit, type AuditFilter, type AuditRow } from './audit.ts';
import { changeWithRetries, type StoreChangeOptions } from './change-transaction.ts';
import type { Edits } from './commit.ts';
import { REQUEST_DEADLINE_MS, StoreUnavailableError, withDeadline } from './deadline.ts';
import { listTenantDocuments } from './documents.ts';
import { createHistory, type History } from './history.ts';
import type { KeepWithin } from './kept-replies.ts';
import type { ResourceKind, SpecByKind, Stored } from './kinds.ts';
import { boundsOf, readWithin, refusing, writeWithin } from './limited-transaction.ts';
import { refuse, type Committed, type Outcome } from './outcome.ts';
import { createOutbox } from './outbox.ts';
import { getResource, listResources, type Page } from './resources.ts';
import type { ResourceFilter } from './resource-filter.ts';
import type { RevisionColumns, Tables } from './tables.ts';
import type { Wall } from './wall.ts';
import { refuseEdits } from './write-rule.ts';

/**
 * The configuration as one principal sees it: what lies outside of its tenants is not there. Every
 * method rejects with StoreUnavailableError when the database does not answer in time.
 */
export interface SessionStore {
  /** One resource, or null. `tenantId` is null for plans and tenants. */
  get<Kind extends ResourceKind>(
    kind: Kind,
    tenantId: string | null,
    id: string,
  ): Promise<Stored<SpecByKind[Kind]> | null>;
  /** Resources that fit the filter, in the order of their ids. */
  list<Kind extends ResourceKind>(
    kind: Kind,
    tenantId: string | null,
    page: Page,
    filter?: ResourceFilter,
  ): Promise<readonly Stored<SpecByKind[Kind]>[]>;
  /** Makes changes in one transaction: all or nothing. */
  change(edits: Edits, options: StoreChangeOptions): Promise<Outcome<Committed>>;
  readonly history: Omit<History, 'forgetDeleted'>;
  /** Audit rows, newest first, those below `before` (null: all); at most `limit`. */
  audit(filter: AuditFilter, limit: number, before: number | null): Promise<readonly AuditRow[]>;
  /** Bodies of the documents of tenants that exist, in the order of their ids. */
  tenantDocuments(page: Page): Promise<readonly { readonly id: string; readonly body: string }[]>;
  /** A revision that was given out, or null. */
  revision(revision: number): Promise<RevisionColumns | null>;
  readonly tokens: {
    list(page: Page): Promise<readonly StoredToken[]>;
    get(id: string): Promise<StoredToken | null>;
    /** Null if the id is taken. */
    create(token: NewToken, keep?: KeepWithin<StoredToken>): Promise<StoredToken | null>;
    /** False if there is none of that id. It is refused from the next request on. */
    revoke(id: string, keep?: KeepWithin<true>): Promise<boolean>;
  };
}

/** Creates the view of one session. Cheap: made for each request. */
export function createSessionStore(
  { clock }: { readonly clock: Clock },
  { db, wall }: { readonly db: Kysely<Tables>; readonly wall: Wall },
  session: Session,
): SessionStore {
  const { scope } = session;
  const bounds = boundsOf(session, wall);
  const ask = <Value>(work: (db: Kysely<Tables>) => Promise<Value>) =>
    withDeadline(REQUEST_DEADLINE_MS, () => readWithin(db, bounds, work));
  const write = <Value>(work: (db: Kysely<Tables>) => Promise<Value>) =>
    withDeadline(REQUEST_DEADLINE_MS, () => writeWithin(db, bounds, work));
  const author = () => ({ ...session.author, at: new Date(clock.nowMs()) });
  return {
    get: (...args) => ask((in_) => getResource(in_, scope, ...args)),
    list: (...args) => ask((in_) => listResources(in_, scope, ...args)),
    async change(edits, options) {
      const refusal = refuseEdits(scope, edits);
      if (refusal !== null) return refuse(refusal);
      const make = () => changeWithRetries(db, edits, author(), { ...options, scope, bounds });
      return withDeadline(options.deadlineMs ?? REQUEST_DEADLINE_MS, () =>
        bounds === null ? make() : refusing(make()),
      );
    },
    history: createSessionHistory(session, ask),
    audit: (...args) => ask((in_) => listAudit(in_, scope, ...args)),
    tenantDocuments: ({ limit, after }) =>
      ask((in_) => listTenantDocuments(in_, scope, limit, after)),
    async revision(revision) {
      const found = await ask((in_) => createOutbox(in_).revision(revision));
      return found !== null && isKeyInScope(scope, found.key) ? found : null;
    },
    tokens: {
      list: (page) => ask((in_) => listTokens(in_, page)),
      get: (id) => ask((in_) => getToken(in_, id)),
      create: (token, keep) =>
        write(async (in_) => {
          const created = await createToken(in_, token, author());
          if (created !== null) await keepOrThrow(in_, keep, created);
          return created;
        }),
      revoke: (id, keep) =>
        write(async (in_) => {
          const revoked = await revokeToken(in_, id, author());
          if (revoked) await keepOrThrow(in_, keep, true);
          return revoked;
        }),
    },
  };
}

/** @throws StoreUnavailableError if the reply cannot be kept, so that the transaction is rolled back. */
async function keepOrThrow<Value>(
  db: Kysely<Tables>,
  keep: KeepWithin<Value> | undefined,
  value: Value,
): Promise<void> {
  if (keep === undefined || (await keep(db, value)) === null) return;
  throw new StoreUnavailableError('the request took so long that its repetition has replaced it');
}

type Ask = <Value>(work: (db: Kysely<Tables>) => Promise<Value>) => Promise<Value>;

function createSessionHistory({ scope }: Session, ask: Ask): SessionStore['history'] {
  const own = (tenantId: string) => inScope(scope, tenantId);
  const read = (db: Kysely<Tables>) => createHistory(db, { ofThisTenantOnly: scope !== 'all' });
  return {
    list: async (id, ...args) => (own(id) ? ask((db) => read(db).list(id, ...args)) : []),
    get: async (id, ...args) => (own(id) ? ask((db) => read(db).get(id, ...args)) : null),
    newestUpTo: async (id, ...args) =>
      own(id) ? ask((db) => read(db).newestUpTo(id, ...args)) : null,
  };
}
