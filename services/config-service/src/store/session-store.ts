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
import { changeWithRetries, transact, type StoreChangeOptions } from './change-transaction.ts';
import type { AuthorRules, Edits } from './commit.ts';
import { compareEdits, withoutLaterTenants, type Comparison } from './comparison.ts';
import {
  REQUEST_DEADLINE_MS,
  StoreUnavailableError,
  withDeadline,
  withLongDeadline,
} from './deadline.ts';
import { deleteDeclaration } from './declaration.ts';
import { listTenantDocuments } from './documents.ts';
import { createHistory, type History } from './history.ts';
import type { KeepWithin } from './kept-replies.ts';
import type { ResourceKind, SpecByKind, Stored } from './kinds.ts';
import {
  boundsOf,
  readSnapshotWithin,
  readWithin,
  writeWithin,
  type Bounds,
} from './limited-transaction.ts';
import { refuse, type Committed, type Outcome } from './outcome.ts';
import { createOutbox } from './outbox.ts';
import { getResource, listResources, type Page } from './resources.ts';
import type { ResourceFilter } from './resource-filter.ts';
import { startRollout, stepRollout, type RolloutStart, type RolloutStep } from './rollout-steps.ts';
import { getRollout, type StoredRollout } from './rollouts.ts';
import type { RevisionColumns, Tables } from './tables.ts';
import type { Wall } from './wall.ts';
import type { Author } from './write-changes.ts';
import { refuseEdits } from './write-rule.ts';

/** Options of steps of a rollout. */
export interface RolloutOptions extends Pick<StoreChangeOptions, 'documentBytesMax'> {
  /** Keeps the reply in the transaction of the step. */
  readonly keep?: KeepWithin<StoredRollout> | undefined;
}

/**
 * The configuration as one principal sees it: what lies outside of its tenants is not there. Every
 * method rejects with StoreUnavailableError when the database does not answer in time.
 */
export interface SessionStore {
  /** One resource, or null. `tenantId` is null for tenants and what is shared. */
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
  /**
   * What edits would change, as the principal sees it; nothing is written. Longest wait in ms.
   *
   * @param asOf the revision that the edits are of: who does not see all tenants hears nothing then of edits to tenants that
   * began later, as they are of deleted ones that had the same ids. Default: they are of now.
   */
  compare(edits: Edits, deadlineMs: number, asOf?: number): Promise<Outcome<Comparison>>;
  /** Nothing is declared any more; no error if nothing was. */
  removeDeclaration(keep?: KeepWithin<true>): Promise<void>;
  readonly history: Omit<History, 'forgetDeleted'>;
  /** Audit rows, newest first, those below `before` (null: all); at most `limit`. */
  audit(filter: AuditFilter, limit: number, before: number | null): Promise<readonly AuditRow[]>;
  /** Bodies of the documents of tenants that exist, in the order of their ids. */
  tenantDocuments(page: Page): Promise<readonly { readonly id: string; readonly body: string }[]>;
  /** A revision that was given out, or null. */
  revision(revision: number): Promise<RevisionColumns | null>;
  /** Rollouts of tenants; a tenant has at most one that is open. */
  readonly rollouts: {
    /** The newest one of a tenant, ended or not; null if there was none. */
    get(tenantId: string): Promise<StoredRollout | null>;
    start(start: RolloutStart, options: RolloutOptions): Promise<Outcome<StoredRollout>>;
    step(
      tenantId: string,
      step: RolloutStep,
      options: RolloutOptions,
    ): Promise<Outcome<StoredRollout>>;
  };
  readonly tokens: {
    list(page: Page): Promise<readonly StoredToken[]>;
    get(id: string): Promise<StoredToken | null>;
    /** Null if the id is taken. */
    create(token: NewToken, keep?: KeepWithin<StoredToken>): Promise<StoredToken | null>;
    /** False if there is none of that id. It is refused from the next request on. */
    revoke(id: string, keep?: KeepWithin<true>): Promise<boolean>;
  };
}

/** What a store works with beside its database. */
export interface StoreDependencies {
  readonly clock: Clock;
  /** Addresses that the endpoints of tenants may have beside those that any may have. */
  readonly isAllowedAddress: (address: string) => boolean;
}

/** Creates the view of one session. Cheap: made for each request. */
export function createSessionStore(
  { clock, isAllowedAddress }: StoreDependencies,
  { db, wall }: { readonly db: Kysely<Tables>; readonly wall: Wall },
  session: Session,
): SessionStore {
  const { scope } = session;
  const rules = { scope, isAllowedAddress };
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
      const make = () => changeWithRetries(db, edits, author(), { ...options, ...rules, bounds });
      const { deadlineMs } = options;
      if (deadlineMs === undefined) return withDeadline(REQUEST_DEADLINE_MS, make);
      return withLongDeadline(db, deadlineMs, make);
    },
    async compare(edits, deadlineMs, asOf) {
      const refusal = refuseEdits(scope, edits);
      if (refusal !== null) return refuse(refusal);
      const isPast = asOf !== undefined && scope !== 'all';
      return withLongDeadline(db, deadlineMs, () =>
        readSnapshotWithin(db, bounds, async (in_) =>
          compareEdits(in_, isPast ? await withoutLaterTenants(in_, edits, asOf) : edits, scope),
        ),
      );
    },
    removeDeclaration: (keep) =>
      write(async (in_) => {
        await deleteDeclaration(in_, author());
        await keepOrThrow(in_, keep, true);
      }),
    history: createSessionHistory(session, ask),
    audit: (...args) => ask((in_) => listAudit(in_, scope, ...args)),
    tenantDocuments: ({ limit, after }) =>
      ask((in_) => listTenantDocuments(in_, scope, limit, after)),
    async revision(revision) {
      const found = await ask((in_) => createOutbox(in_).revision(revision));
      return found !== null && isKeyInScope(scope, found.key) ? found : null;
    },
    rollouts: createSessionRollouts(db, rules, bounds, author, ask),
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

function createSessionRollouts(
  db: Kysely<Tables>,
  rules: AuthorRules,
  bounds: Bounds | null,
  author: () => Author,
  ask: Ask,
): SessionStore['rollouts'] {
  const own = (tenantId: string) => inScope(rules.scope, tenantId);
  const write = (
    tenantId: string,
    keep: RolloutOptions['keep'],
    work: (transaction: Kysely<Tables>) => Promise<Outcome<StoredRollout>>,
  ): Promise<Outcome<StoredRollout>> => {
    const detail = `there is no tenant "${tenantId}"`;
    if (!own(tenantId)) return Promise.resolve(refuse({ reason: 'not_found', detail }));
    return withDeadline(REQUEST_DEADLINE_MS, () => transact(db, work, { bounds, keep }));
  };
  return {
    get: async (id) => (own(id) ? ask((in_) => getRollout(in_, id)) : null),
    start: (start, { keep, ...options }) =>
      write(start.tenantId, keep, (in_) =>
        startRollout(in_, start, author(), { ...options, ...rules }),
      ),
    step: (tenantId, step, { keep, ...options }) =>
      write(tenantId, keep, (in_) =>
        stepRollout(in_, tenantId, step, author(), { ...options, ...rules }),
      ),
  };
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
