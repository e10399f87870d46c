import type { PlanSpec } from '@headgate/model';
import { documentKey } from '@headgate/model';
import type { Kysely } from 'kysely';
import type { TenantScope } from '../access/session.ts';
import {
  buildPlanDocument,
  buildTenantDocument,
  documentBytes,
  type BuiltDocument,
} from '../publish/build-document.ts';
import { unbindTokens } from './access-tokens.ts';
import { comparePlan, compareTenant, type Change } from './change.ts';
import { checkClaims, compareClaims, writeClaims, type ClaimChange } from './claims.ts';
import { lockDocuments, takeRevisions, writeDocuments } from './documents.ts';
import { writeHistory, type TenantRevision } from './history.ts';
import { bundlePath, checkTenantIntegrity, type LocatedFault } from './integrity.ts';
import { accept, refuse, type Committed, type Outcome, type Refusal } from './outcome.ts';
import { checkApiKeyHashes, checkPlanReferences } from './references.ts';
import { tenantsInRollout } from './rollouts.ts';
import {
  loadPlans,
  loadTenants,
  type PlanState,
  type TenantSpecs,
  type TenantState,
} from './state.ts';
import type { Tables } from './tables.ts';
import { deleteResources, writeAudit, writeResources, type Author } from './write-changes.ts';
import { refuseChanges } from './write-rule.ts';

/** What is wanted, as functions of what is there; they run under the lock of the documents. */
export interface Edits {
  readonly plans: ReadonlyMap<string, (current: PlanState) => Outcome<PlanSpec | null>>;
  /** `newest` is the newest revision of the tenant's document, deletions included; 0 if none. */
  readonly tenants: ReadonlyMap<
    string,
    (current: TenantState, newest: number) => Outcome<TenantSpecs>
  >;
}

/** Options of {@link makeChanges}. */
export interface ChangeOptions {
  /** Largest document in bytes that the bus takes. */
  readonly documentBytesMax: number;
  /** Path of a fault for the reader: relative to the resource in a PUT, absolute in a bundle. */
  readonly pathOf?: (fault: LocatedFault) => string;
  /** Tenants that the author may change. */
  readonly scope: TenantScope;
  /** For the history: the revision that this change restores. */
  readonly rolledBackTo?: number;
  /** The change is a step of the tenant's rollout, which keeps others from changing it. */
  readonly byRollout?: boolean;
}

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
    await writeDocuments(db, documents, author.at, {
      restored: options.rolledBackTo !== undefined,
    });
    await writeHistory(db, historyOf(changed, options), author);
    await writeAudit(db, numbered, author);
    await unbindTokens(db, deletedTenants(numbered), author);
  }
  return accept({
    revision: revisions.at(-1) ?? (await newestRevision(db)),
    at: author.at,
    changes: drafts.flatMap(({ changes }) => changes),
    documents: documents.map(({ key, revision }) => ({ key, revision })),
    unaltered: drafts
      .filter((draft) => !isChanged(draft))
      .map(({ key }) => ({ key, revision: newest.get(key) ?? 0 })),
  });
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
    ...Array.from(edits.plans.keys(), (id) => documentKey('plan', id)),
    ...Array.from(edits.tenants.keys(), (id) => documentKey('tenant', id)),
    ...alsoLocked,
  ]);
  const plans = await editPlans(db, edits.plans);
  if (!plans.ok) return plans;
  const tenants = await editTenants(db, edits.tenants, newest);
  if (!tenants.ok) return tenants;

  const drafts = [...plans.value.map(draftOfPlan), ...tenants.value.map(draftOfTenant)];
  const changed = drafts.filter(isChanged);
  const refusal = refuseChanges(
    options.scope,
    changed.flatMap(({ changes }) => changes),
  );
  if (refusal !== null) return refuse(refusal);
  const claims = tenants.value.map(({ state, next }) =>
    compareClaims(state.id, state.tenant?.spec ?? null, next.tenant),
  );
  const faults = [
    ...(options.byRollout === true ? [] : await checkRollouts(db, changed)),
    ...tenants.value.flatMap(({ state, next }) => checkTenantIntegrity(state.id, next)),
    ...(await checkPlanReferences(db, plans.value, tenants.value)),
    ...(await checkClaims(db, claims)),
    ...(await checkApiKeyHashes(
      db,
      drafts.flatMap(({ changes }) => changes),
    )),
  ];
  if (faults.length > 0) return refuse(refusalOf(faults, options));
  return accept({ drafts, changed, claims, newest });
}

/** What is wrong with the size of documents; null if nothing is. */
export function refuseTooLarge(
  documents: readonly BuiltDocument[],
  options: ChangeOptions,
): Refusal | null {
  const faults = documents.flatMap((document) => checkSize(document, options.documentBytesMax));
  return faults.length === 0 ? null : refusalOf(faults, options);
}

/** A plan with what it becomes. */
export interface EditedPlan {
  readonly state: PlanState;
  readonly next: PlanSpec | null;
}

/** A tenant with what it becomes. */
export interface EditedTenant {
  readonly state: TenantState;
  readonly next: TenantSpecs;
}

async function editPlans(
  db: Kysely<Tables>,
  edits: Edits['plans'],
): Promise<Outcome<readonly EditedPlan[]>> {
  const edited: EditedPlan[] = [];
  for (const state of await loadPlans(db, [...edits.keys()])) {
    const next = edits.get(state.id)?.(state);
    if (next === undefined) continue;
    if (!next.ok) return next;
    edited.push({ state, next: next.value });
  }
  return accept(edited);
}

async function editTenants(
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

function draftOfPlan({ state, next }: EditedPlan): Draft {
  return {
    key: documentKey('plan', state.id),
    tenantId: null,
    changes: comparePlan(state, next),
    build: (revision) => buildPlanDocument(state.id, next, revision),
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
async function checkRollouts(
  db: Kysely<Tables>,
  changed: readonly Draft[],
): Promise<LocatedFault[]> {
  const idsOf = (drafts: readonly Draft[]) => drafts.flatMap(({ tenantId }) => tenantId ?? []);
  const faultsOf = (ids: readonly string[], rule: string): LocatedFault[] =>
    ids.map((id) => ({ kind: 'tenant', tenantId: null, id, path: '', rule, conflict: true }));
  const open = await tenantsInRollout(db, idsOf(changed), ['running', 'paused']);
  // Its row would go with the tenant, and nobody would delete its document.
  const deleted = idsOf(changed.filter(isDeletion));
  const finishing = await tenantsInRollout(db, deleted, ['finishing']);
  return [
    ...faultsOf(open, 'a rollout of the tenant is open; abort it, or promote it to its end, first'),
    ...faultsOf(finishing, 'the end of its rollout is being published; try again in a moment'),
  ];
}

function isDeletion({ changes }: Draft): boolean {
  return changes.some(({ kind, action }) => kind === 'tenant' && action === 'delete');
}

function checkSize(document: BuiltDocument, bytesMax: number): LocatedFault[] {
  const bytes = documentBytes(document);
  if (bytes <= bytesMax) return [];
  const rule = `the published document would have ${bytes} bytes, at most ${bytesMax} are possible`;
  const { id } = document;
  const kind = document.kind === 'plan' ? 'plan' : 'tenant';
  return [{ kind, tenantId: null, id, path: '', rule, conflict: false }];
}

function refusalOf(located: readonly LocatedFault[], options: ChangeOptions): Refusal {
  const pathOf = options.pathOf ?? bundlePath;
  const faults = located.map((fault) => ({
    path: pathOf(fault),
    ...(fault.value === undefined ? {} : { value: fault.value }),
    rule: fault.rule,
  }));
  const reason = located.every(({ conflict }) => conflict) ? 'conflict' : 'invalid';
  return { reason, faults };
}

/** Highest revision of any document, deletions included; 0 if there is none. */
export async function newestRevision(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom('documents')
    .select(({ fn }) => fn.max('revision').as('revision'))
    .executeTakeFirst();
  return row?.revision ?? 0;
}
