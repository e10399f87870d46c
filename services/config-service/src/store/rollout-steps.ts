import type { RequestCounts } from '@headgate/bus';
import { documentKey, type RolloutPlan, type TenantBundle } from '@headgate/model';
import type { Kysely } from 'kysely';
import { mergeTenant } from '../apply/bundle-edits.ts';
import { specsOfDocument } from '../apply/tenant-bundle.ts';
import type { PreparedCertificates } from '../certificates/prepare-certificate.ts';
import { buildRolloutDocument, type BuiltDocument } from '../publish/build-document.ts';
import {
  makeChanges,
  onTenant,
  prepareChanges,
  refuseTooLarge,
  type ChangeOptions,
} from './commit.ts';
import { lockDocuments, takeRevisions, writeDocuments } from './documents.ts';
import { createOutbox } from './outbox.ts';
import { accept, refuse, type Outcome, type Refusal } from './outcome.ts';
import { getRollout, isOpen, writeRollout, type StoredRollout } from './rollouts.ts';
import type { Tables } from './tables.ts';
import { writeAuditRows, type Author } from './write-changes.ts';

/** No document of a rollout brings a tenant back. */
const FRESH = { restored: false } as const;

/** A rollout to be started. */
export interface RolloutStart {
  readonly tenantId: string;
  readonly plan: RolloutPlan;
  readonly candidate: TenantBundle;
  /** Those of the candidate. */
  readonly certificates: PreparedCertificates;
}

/** What is to happen to a rollout. */
export type RolloutStep =
  | { readonly action: 'pause' }
  | { readonly action: 'resume' }
  | {
      readonly action: 'promote';
      /** That the caller has looked at; null: whichever. */
      readonly revision: number | null;
      /** The ring that it is in, as the caller knows it; null: whichever. */
      readonly from: string | null;
      /** A paused one too. */
      readonly evenPaused: boolean;
      /** Requests without the candidate since the rollout began; null: unknown. */
      readonly baseline: RequestCounts | null;
    }
  | {
      readonly action: 'end';
      /** That the caller has looked at; null: whichever. */
      readonly revision: number | null;
      readonly state: 'aborted' | 'rolled_back';
      /** For people; null for none. */
      readonly reason: string | null;
    }
  /** The tenant that it became is published. */
  | { readonly action: 'finish' };

/**
 * Starts a rollout within a transaction that the caller commits: the candidate passes the checks of a change, and becomes
 * a document for the first ring. The tenant itself stays as it is.
 */
export async function startRollout(
  db: Kysely<Tables>,
  { tenantId, plan, candidate, certificates }: RolloutStart,
  author: Author,
  options: ChangeOptions,
): Promise<Outcome<StoredRollout>> {
  const prepared = await prepareChanges(
    db,
    onTenant(tenantId, (current) => {
      if (current.tenant !== null) return mergeTenant(current, candidate, certificates);
      return refuse({ reason: 'not_found', detail: `there is no tenant "${tenantId}"` });
    }),
    { ...options, byRollout: true },
    [documentKey('rollout', tenantId)],
  );
  if (!prepared.ok) return prepared;
  const known = await getRollout(db, tenantId);
  if (known !== null && (isOpen(known) || known.state === 'finishing')) {
    return conflict(`a rollout of the tenant is ${known.state} already`);
  }
  const [draft] = prepared.value.changed;
  if (draft === undefined) {
    const rule = 'the candidate is what the tenant is already';
    return refuse({ reason: 'invalid', faults: [{ path: 'candidate', rule }] });
  }
  const [revision = 0] = await takeRevisions(db, 1);
  const first = plan.rings.slice(0, 1).map(({ name }) => name);
  const document = buildRolloutDocument(tenantId, draft.build(revision), first, revision);
  const tooLarge = refuseTooLarge([document], options);
  if (tooLarge !== null) return refuse(tooLarge);
  await writeDocuments(db, [document], author.at, FRESH);
  const rollout: StoredRollout = {
    ...{ tenantId, state: 'running', plan, step: 0, revision, finalRevision: null },
    ...{ baseline: null, reason: null, startedAt: author.at, startedBy: author.actor },
    stepAt: author.at,
  };
  return write(db, null, rollout, author);
}

/** Takes a step of a rollout within a transaction that the caller commits. */
export async function stepRollout(
  db: Kysely<Tables>,
  tenantId: string,
  step: RolloutStep,
  author: Author,
  options: ChangeOptions,
): Promise<Outcome<StoredRollout>> {
  await lockDocuments(db, [documentKey('rollout', tenantId), documentKey('tenant', tenantId)]);
  const rollout = await getRollout(db, tenantId);
  if (rollout === null) {
    return refuse({ reason: 'not_found', detail: `tenant "${tenantId}" has had no rollout` });
  }
  const refusal = refuseStep(rollout, step);
  if (refusal !== null) return refuse(refusal);
  switch (step.action) {
    case 'pause':
      return write(db, rollout, { ...rollout, state: 'paused' }, author);
    case 'resume':
      return write(db, rollout, { ...rollout, state: 'running', stepAt: author.at }, author);
    case 'promote': {
      const next = { ...rollout, baseline: step.baseline ?? rollout.baseline };
      const isLast = rollout.step + 1 >= rollout.plan.rings.length;
      const moved = isLast
        ? await becomeCandidate(db, next, author, options)
        : await enterNextRing(db, next, author);
      return moved.ok ? write(db, rollout, moved.value, author) : moved;
    }
    case 'end': {
      await deleteDocument(db, tenantId, author);
      const { state, reason } = step;
      return write(db, rollout, { ...rollout, state, reason, stepAt: author.at }, author);
    }
    case 'finish':
      await deleteDocument(db, tenantId, author);
      return write(db, rollout, { ...rollout, state: 'completed', stepAt: author.at }, author);
  }
}

/** The name of the ring that it is in. */
export function ringOf({ plan, step }: Pick<StoredRollout, 'plan' | 'step'>): string {
  return plan.rings[step]?.name ?? '';
}

function refuseStep(rollout: StoredRollout, step: RolloutStep): Refusal | null {
  const { state } = rollout;
  const wanted: Record<RolloutStep['action'], boolean> = {
    pause: state === 'running',
    resume: state === 'paused',
    promote:
      state === 'running' || (state === 'paused' && step.action === 'promote' && step.evenPaused),
    end: isOpen(rollout),
    finish: state === 'finishing',
  };
  const ring = ringOf(rollout);
  if (!wanted[step.action]) return conflicting(`the rollout is ${state}`);
  if (step.action === 'promote' && step.from !== null && step.from !== ring) {
    return conflicting(`the rollout is in ring "${ring}", not "${step.from}"`);
  }
  if (step.action !== 'promote' && step.action !== 'end') return null;
  if (step.revision === null || step.revision === rollout.revision) return null;
  return conflicting(`it has gone on meanwhile, and is in ring "${ring}" now; look at it again`);
}

async function enterNextRing(
  db: Kysely<Tables>,
  rollout: StoredRollout,
  author: Author,
): Promise<Outcome<StoredRollout>> {
  const { tenantId, plan } = rollout;
  const step = rollout.step + 1;
  const rings = plan.rings.slice(0, step + 1).map(({ name }) => name);
  const present = await readDocument(db, tenantId);
  const [revision = 0] = await takeRevisions(db, 1);
  await writeDocuments(
    db,
    [buildRolloutDocument(tenantId, present, rings, revision)],
    author.at,
    FRESH,
  );
  return accept({ ...rollout, state: 'running', step, revision, stepAt: author.at });
}

/**
 * The last step is an ordinary change of the tenant, with all its checks, but for those of who wrote what: whoever wrote the candidate
 * has passed them, and whoever promotes it writes nothing.
 */
async function becomeCandidate(
  db: Kysely<Tables>,
  rollout: StoredRollout,
  author: Author,
  options: ChangeOptions,
): Promise<Outcome<StoredRollout>> {
  const { tenantId } = rollout;
  const wanted = specsOfDocument((await readDocument(db, tenantId)).body);
  if (!wanted.ok) return wanted;
  const edits = onTenant(tenantId, () => wanted);
  const rules = { ...options, byRollout: true, isApproved: true };
  const changed = await makeChanges(db, edits, author, rules);
  if (!changed.ok) return changed;
  const finalRevision = changed.value.revision;
  return accept({ ...rollout, state: 'finishing', finalRevision, stepAt: author.at });
}

async function readDocument(db: Kysely<Tables>, tenantId: string): Promise<BuiltDocument> {
  const [document] = await createOutbox(db).documents([documentKey('rollout', tenantId)]);
  if (document === undefined) throw new TypeError(`the document of rollout ${tenantId} is missing`);
  return document;
}

async function deleteDocument(db: Kysely<Tables>, tenantId: string, author: Author): Promise<void> {
  const [revision = 0] = await takeRevisions(db, 1);
  await writeDocuments(db, [buildRolloutDocument(tenantId, null, [], revision)], author.at, FRESH);
}

async function write(
  db: Kysely<Tables>,
  before: StoredRollout | null,
  after: StoredRollout,
  author: Author,
): Promise<Outcome<StoredRollout>> {
  const { tenantId, revision } = after;
  await writeRollout(db, after);
  const entry = { kind: 'rollout', tenantId, id: tenantId, revision } as const;
  const action = before === null ? 'create' : 'update';
  const told = before === null ? null : audited(before);
  await writeAuditRows(db, [{ ...entry, action, before: told, after: audited(after) }], author);
  return accept(after);
}

/** What the audit shows of a rollout: the candidate is a change of the tenant, once it comes to that. */
function audited(rollout: StoredRollout): object {
  const { state, reason, plan } = rollout;
  return { state, ring: ringOf(rollout), ...(reason === null ? {} : { reason }), plan };
}

function conflicting(rule: string): Refusal {
  return { reason: 'conflict', faults: [{ path: '', rule }] };
}

function conflict(rule: string) {
  return refuse(conflicting(rule));
}
