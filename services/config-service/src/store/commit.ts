import type { ProblemFault } from '@headgate/errors';
import type { Bundle } from '@headgate/model';
import { documentKey } from '@headgate/model';
import { sql, type Kysely } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import {
  buildSharedDocument,
  buildTenantDocument,
  documentBytes,
  type BuiltDocument,
} from '../publish/build-document.ts';
import { unbindTokens } from './access-tokens.ts';
import { compareShared, compareTenant, type Change } from './change.ts';
import { CHUNK_ROWS, inChunks } from './chunks.ts';
import { checkClaims, compareClaims, writeClaims, type ClaimChange } from './claims.ts';
import { writeDeclaration } from './declaration.ts';
import { documentParts, lockDocuments, runParts, takeRevisions } from './documents.ts';
import { historyParts, type TenantRevision } from './history.ts';
import {
  bundlePath,
  checkCertificateHosts,
  checkEndpoints,
  checkJwksUris,
  checkTenantIntegrity,
  type LocatedFault,
} from './integrity.ts';
import { SHARED_KINDS, type SharedKind, type SpecByKind } from './kinds.ts';
import { newestRevision } from './newest-revision.ts';
import { accept, refuse, type Committed, type Outcome, type Refusal } from './outcome.ts';
import { checkApiKeyHashes, checkPlanReferences, checkUpstreamReferences } from './references.ts';
import type { RolloutState } from './rollouts.ts';
import {
  loadShared,
  loadTenants,
  type SharedState,
  type TenantSpecs,
  type TenantState,
} from './state.ts';
import type { Tables } from './tables.ts';
import {
  auditInsert,
  auditOf,
  deleteResources,
  writeAuditRows,
  writeResources,
  type Author,
  type NumberedChange,
} from './write-changes.ts';
import { checkKeyLimits, checkNewShares, refuseChanges } from './write-rule.ts';

/** What is wanted, as functions of what is there; they run under the lock of the documents. */
export type Edits = {
  readonly tenants: ReadonlyMap<string, TenantEdit>;
} & { readonly [Kind in SharedKind]: SharedEdits<Kind> };

/** By id, what is wanted of plans or shared upstreams; null deletes. */
export type SharedEdits<Kind extends SharedKind> = ReadonlyMap<
  string,
  (current: SharedState<Kind>) => Outcome<SpecByKind[Kind] | null>
>;

/** `newest` is the newest revision of the tenant's document, deletions included; 0 if none. */
export type TenantEdit = (current: TenantState, newest: number) => Outcome<TenantSpecs>;

/** Edits of nothing at all. */
export const NO_EDITS: Edits = { plan: new Map(), sharedUpstream: new Map(), tenants: new Map() };

/** An edit of one tenant and of nothing else. */
export function onTenant(id: string, edit: TenantEdit): Edits {
  return { ...NO_EDITS, tenants: new Map([[id, edit]]) };
}

/** What binds the author of a change. */
export interface AuthorRules {
  /** Tenants that the author may change. */
  readonly scope: TenantScope;
  /** Addresses that endpoints may have whoever writes them, and URLs of keys; see {@link checkEndpoints}. */
  readonly isAllowedAddress: (address: string) => boolean;
}

/** Options of {@link makeChanges}. */
export interface ChangeOptions extends AuthorRules {
  /** Largest document in bytes that the bus takes. */
  readonly documentBytesMax: number;
  /** Path of a fault for the reader: relative to the resource in a PUT, absolute in a bundle. */
  readonly pathOf?: (fault: LocatedFault) => string;
  /** For the history: the revision that this change restores. */
  readonly rolledBackTo?: number;
  /** Looks at the newest revision of each document that is named, under their lock; null: go on. */
  readonly precondition?: (basis: ReadonlyMap<string, number>) => Refusal | null;
  /** The bundle that the change carries out, if that is how the configuration is to be from then on. */
  readonly declares?: Bundle;
  /** The change is a step of the tenant's rollout, which keeps others from changing it. */
  readonly byRollout?: boolean;
  /** What the change brings was written, and held to the rules of its author, before. */
  readonly isApproved?: boolean;
}

/** Kinds of the documents of what tenants share. */
const DOCUMENT_KIND = { plan: 'plan', sharedUpstream: 'upstream' } as const;

/** A document that changes, or would. */
export interface Draft {
  readonly key: string;
  readonly tenantId: string | null;
  readonly changes: readonly Change[];
  build(revision: number): BuiltDocument;
}

/** Changes that have passed every check but that of their size. */
export interface PreparedChanges {
  readonly drafts: readonly Draft[];
  /** Those of them that alter something. */
  readonly changed: readonly Draft[];
  readonly claims: readonly ClaimChange[];
  /** Newest revision of each document. */
  readonly newest: ReadonlyMap<string, number>;
}

/**
 * Makes changes within a transaction that the caller commits, or rolls back when the outcome is a
 * refusal (or a dry run): resources, claims, documents, outbox rows and audit rows together. Work is
 * that of the documents named, whatever the number of tenants.
 */
export async function makeChanges(
  db: Kysely<Tables>,
  edits: Edits,
  author: Author,
  options: ChangeOptions,
): Promise<Outcome<Committed>> {
  const prepared = await prepareChanges(db, edits, options);
  if (!prepared.ok) return prepared;
  const { drafts, changed, claims, newest } = prepared.value;
  const revisions = await takeRevisions(db, changed.length);
  const documents = changed.map((draft, index) => draft.build(revisions[index] ?? 0));
  const tooLarge = refuseTooLarge(documents, options);
  if (tooLarge !== null) return refuse(tooLarge);

  const numbered = changed.flatMap(({ changes }, index) =>
    changes
      .filter(({ action }) => action !== 'unchanged')
      .map((change) => ({ ...change, revision: revisions[index] ?? 0 })),
  );
  if (documents.length > 0) {
    await writeResources(db, numbered, author.at);
    await writeClaims(db, claims);
    await deleteResources(db, numbered);
    await writeRecords(db, { documents, changed, numbered }, author, options);
    await unbindTokens(db, deletedTenants(numbered), author);
  }
  if (options.declares !== undefined) await writeDeclaration(db, options.declares, author);
  return accept({
    revision: revisions.at(-1) ?? (await newestRevision(db, options.scope)),
    at: author.at,
    changes: drafts.flatMap(({ changes }) => changes),
    documents: documents.map(({ key, revision }) => ({ key, revision })),
    unaltered: drafts
      .filter((draft) => !isChanged(draft))
      .map(({ key }) => ({ key, revision: newest.get(key) ?? 0 })),
    basis: newest,
  });
}

/** What {@link writeRecords} writes down; `documents` are those of `changed`, in the same order. */
interface Records {
  readonly documents: readonly BuiltDocument[];
  readonly changed: readonly Draft[];
  readonly numbered: readonly NumberedChange[];
}

/** Writes documents, outbox, history and audit: of a few documents in one statement, as each costs a round trip. */
async function writeRecords(
  db: Kysely<Tables>,
  { documents, changed, numbered }: Records,
  author: Author,
  options: ChangeOptions,
): Promise<void> {
  const restored = options.rolledBackTo !== undefined;
  const audit = auditOf(numbered);
  const withAudit = audit.length <= CHUNK_ROWS;
  let start = 0;
  for (const chunk of inChunks(documents)) {
    const history = historyOf(changed.slice(start, start + chunk.length), options);
    const parts = [documentParts(chunk, author.at, { restored }), historyParts(history, author)];
    if (start === 0 && withAudit) parts.push(sql`audited as (${auditInsert(audit, author)})`);
    await runParts(db, parts);
    start += chunk.length;
  }
  if (!withAudit) await writeAuditRows(db, audit, author);
}

/**
 * Checks changes under the lock of the documents that they name, and of those of `alsoLocked`.
 *
 * @returns a refusal with every fault.
 */
export async function prepareChanges(
  db: Kysely<Tables>,
  edits: Edits,
  options: ChangeOptions,
  alsoLocked: readonly string[] = [],
): Promise<Outcome<PreparedChanges>> {
  const newest = await lockDocuments(db, [
    ...Array.from(edits.plan.keys(), (id) => documentKey(DOCUMENT_KIND.plan, id)),
    ...Array.from(edits.sharedUpstream.keys(), (id) =>
      documentKey(DOCUMENT_KIND.sharedUpstream, id),
    ),
    ...Array.from(edits.tenants.keys(), (id) => documentKey('tenant', id)),
    ...alsoLocked,
  ]);
  const stale = options.precondition?.(newest) ?? null;
  if (stale !== null) return refuse(stale);
  const plans = await editShared(db, 'plan', edits.plan);
  if (!plans.ok) return plans;
  const upstreams = await editShared(db, 'sharedUpstream', edits.sharedUpstream);
  if (!upstreams.ok) return upstreams;
  const tenants = await editTenants(db, edits.tenants, newest);
  if (!tenants.ok) return tenants;

  const drafts = [
    ...plans.value.map((plan) => draftOfShared('plan', plan)),
    ...upstreams.value.map((upstream) => draftOfShared('sharedUpstream', upstream)),
    ...tenants.value.map(draftOfTenant),
  ];
  const changed = drafts.filter(isChanged);
  const changes = changed.flatMap((draft) => draft.changes);
  const refusal = refuseChanges(options.scope, changes);
  if (refusal !== null) return refuse(refusal);
  const isBound = options.scope !== 'all' && options.isApproved !== true;
  const foreign = isBound ? [...checkKeyLimits(changes), ...checkNewShares(tenants.value)] : [];
  if (foreign.length > 0) {
    return refuse({ reason: 'forbidden', faults: faultsOf(foreign, options) });
  }
  const claims = tenants.value.map(({ state, next }) =>
    compareClaims(state.id, state.tenant?.spec ?? null, next.tenant),
  );
  const faults = [
    ...(options.byRollout === true ? [] : checkRollouts(tenants.value, changed)),
    ...tenants.value.flatMap(({ state, next }) => checkTenantIntegrity(state.id, next)),
    ...tenants.value.flatMap(checkCertificateHosts),
    ...(isBound ? checkEndpoints(changes, options.isAllowedAddress) : []),
    ...checkJwksUris(changes, options.isAllowedAddress),
    ...(await checkPlanReferences(db, plans.value, tenants.value)),
    ...(await checkUpstreamReferences(db, upstreams.value, tenants.value)),
    ...(await checkClaims(db, claims)),
    ...(await checkApiKeyHashes(
      db,
      drafts.flatMap((draft) => draft.changes),
    )),
  ];
  if (faults.length > 0) return refuse(refusalOf(faults, options));
  return accept({ drafts, changed, claims, newest });
}

/** What is wrong with the size of documents; null if nothing is. */
export function refuseTooLarge(
  documents: readonly BuiltDocument[],
  options: Pick<ChangeOptions, 'documentBytesMax' | 'pathOf'>,
): Refusal | null {
  const faults = documents.flatMap((document) => checkSize(document, options.documentBytesMax));
  return faults.length === 0 ? null : refusalOf(faults, options);
}

/** A plan or shared upstream with what it becomes. */
export interface EditedShared<Kind extends SharedKind = SharedKind> {
  readonly state: SharedState<Kind>;
  readonly next: SpecByKind[Kind] | null;
}

/** A tenant with what it becomes. */
export interface EditedTenant {
  readonly state: TenantState;
  readonly next: TenantSpecs;
}

/** Loads plans or shared upstreams and edits them; a refusal of the first edit that refuses. */
export async function editShared<Kind extends SharedKind>(
  db: Kysely<Tables>,
  kind: Kind,
  edits: SharedEdits<Kind>,
): Promise<Outcome<readonly EditedShared<Kind>[]>> {
  const edited: EditedShared<Kind>[] = [];
  for (const state of await loadShared(db, kind, [...edits.keys()])) {
    const next = edits.get(state.id)?.(state);
    if (next === undefined) continue;
    if (!next.ok) return next;
    edited.push({ state, next: next.value });
  }
  return accept(edited);
}

/** Loads tenants and edits them; a refusal of the first edit that refuses. */
export async function editTenants(
  db: Kysely<Tables>,
  edits: Edits['tenants'],
  newest: ReadonlyMap<string, number>,
): Promise<Outcome<readonly EditedTenant[]>> {
  const edited: EditedTenant[] = [];
  for (const state of await loadTenants(db, [...edits.keys()])) {
    const revision = newest.get(documentKey('tenant', state.id)) ?? 0;
    const next = edits.get(state.id)?.(state, revision);
    if (next === undefined) continue;
    if (!next.ok) return next;
    edited.push({ state, next: next.value });
  }
  return accept(edited);
}

function draftOfShared<Kind extends SharedKind>(
  kind: Kind,
  { state, next }: EditedShared<Kind>,
): Draft {
  return {
    key: documentKey(DOCUMENT_KIND[kind], state.id),
    tenantId: null,
    changes: compareShared(kind, state, next),
    build: (revision) => buildSharedDocument(DOCUMENT_KIND[kind], state.id, next, revision),
  };
}

function draftOfTenant({ state, next }: EditedTenant): Draft {
  return {
    key: documentKey('tenant', state.id),
    tenantId: state.id,
    changes: compareTenant(state, next),
    build: (revision) => buildTenantDocument(state.id, next, revision),
  };
}

function deletedTenants(changes: readonly Change[]): string[] {
  return changes.flatMap(({ kind, action, id }) =>
    kind === 'tenant' && action === 'delete' ? [id] : [],
  );
}

function isChanged({ changes }: Draft): boolean {
  return changes.some(({ action }) => action !== 'unchanged');
}

function historyOf(drafts: readonly Draft[], options: ChangeOptions): TenantRevision[] {
  const rolledBackTo = options.rolledBackTo ?? null;
  return drafts.flatMap(({ tenantId, changes }) =>
    tenantId === null ? [] : [{ tenantId, changes, rolledBackTo }],
  );
}

/** Tenants that change while a rollout of theirs is open, as its candidate would undo the change, or go before its end. */
function checkRollouts(
  tenants: readonly EditedTenant[],
  changed: readonly Draft[],
): LocatedFault[] {
  const rolloutOf = new Map(tenants.map(({ state }) => [state.id, state.rollout]));
  return changed.flatMap((draft): LocatedFault[] => {
    const id = draft.tenantId;
    const rule = id === null ? null : ruleOfRollout(rolloutOf.get(id) ?? null, isDeletion(draft));
    if (id === null || rule === null) return [];
    return [{ kind: 'tenant', tenantId: null, id, path: '', rule, conflict: true }];
  });
}

function ruleOfRollout(state: RolloutState | null, deletes: boolean): string | null {
  if (state === 'running' || state === 'paused') {
    return 'a rollout of the tenant is open; abort it, or promote it to its end, first';
  }
  // Its row would go with the tenant, and nobody would delete its document.
  if (state === 'finishing' && deletes) {
    return 'the end of its rollout is being published; try again in a moment';
  }
  return null;
}

function isDeletion({ changes }: Draft): boolean {
  return changes.some(({ kind, action }) => kind === 'tenant' && action === 'delete');
}

function checkSize(document: BuiltDocument, bytesMax: number): LocatedFault[] {
  const bytes = documentBytes(document);
  if (bytes <= bytesMax) return [];
  const rule = `the published document would have ${bytes} bytes, at most ${bytesMax} are possible`;
  const { id } = document;
  const kind = SHARED_KINDS.find((one) => DOCUMENT_KIND[one] === document.kind) ?? 'tenant';
  return [{ kind, tenantId: null, id, path: '', rule, conflict: false }];
}

function refusalOf(
  located: readonly LocatedFault[],
  options: Pick<ChangeOptions, 'pathOf'>,
): Refusal {
  const reason = located.every(({ conflict }) => conflict) ? 'conflict' : 'invalid';
  return { reason, faults: faultsOf(located, options) };
}

function faultsOf(
  located: readonly LocatedFault[],
  { pathOf = bundlePath }: Pick<ChangeOptions, 'pathOf'>,
): ProblemFault[] {
  return located.map((fault) => ({
    path: pathOf(fault),
    ...(fault.value === undefined ? {} : { value: fault.value }),
    rule: fault.rule,
  }));
}

/**
 * Differs after each commit that changed a document. The newest revision does not: revisions are taken before the commit, so an
 * older one may be committed after a newer one of another document.
 */
export async function readChangeMark(db: Kysely<Tables>): Promise<string> {
  // Rows are never deleted, and revisions of one document only rise: the sum rises with each commit.
  const { rows } = await sql<{ mark: string }>`
    select coalesce(sum(revision), 0)::text as mark from documents
  `.execute(db);
  return rows[0]?.mark ?? '';
}
