import type { RequestCounts } from '@headgate/bus';
import type { RolloutPlan, TenantIdentity } from '@headgate/model';
import { sql, type Kysely, type Selectable } from 'kysely';
import type { RolloutColumns, Tables } from './tables.ts';

/**
 *     running ⇄ paused ── promoted out of the last ring ──► finishing ──► completed
 *        └── aborted by somebody, or rolled back by the guard
 *
 * While it is running or paused nothing else may change the tenant. `finishing`: the tenant has become the candidate;
 * the document of the rollout goes as soon as that is published.
 */
export const ROLLOUT_STATES = [
  ...(['running', 'paused', 'finishing'] as const),
  ...(['completed', 'aborted', 'rolled_back'] as const),
] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

/** The newest rollout of a tenant. */
export interface StoredRollout {
  readonly tenantId: string;
  readonly state: RolloutState;
  readonly plan: RolloutPlan;
  /** Index of the last ring that has it. */
  readonly step: number;
  /** Of its document. */
  readonly revision: number;
  /** Of the tenant that it became; null before. */
  readonly finalRevision: number | null;
  /** Requests without the candidate in earlier steps; null for none. */
  readonly baseline: RequestCounts | null;
  /** Why it ended; null if there is nothing to say. */
  readonly reason: string | null;
  readonly startedAt: Date;
  readonly startedBy: string;
  /** Since when the present ring has it. */
  readonly stepAt: Date;
}

/** Whether it keeps others from changing the tenant. */
export function isOpen({ state }: Pick<StoredRollout, 'state'>): boolean {
  return state === 'running' || state === 'paused';
}

/** The newest rollout of a tenant, ended or not; null if there was none. */
export async function getRollout(
  db: Kysely<Tables>,
  tenantId: string,
): Promise<StoredRollout | null> {
  const query = db.selectFrom('rollouts').selectAll().where('tenant_id', '=', tenantId);
  const row = await query.executeTakeFirst();
  return row === undefined ? null : readRollout(row);
}

/** Rollouts on which something is still to be done, in the order of their tenants. */
export async function listUnfinishedRollouts(
  db: Kysely<Tables>,
): Promise<readonly StoredRollout[]> {
  const rows = await db
    .selectFrom('rollouts')
    .selectAll()
    .where(sql<boolean>`state in ('running', 'paused', 'finishing')`)
    .orderBy('tenant_id')
    .execute();
  return rows.map(readRollout);
}

/**
 * Identities of candidates that hold one of these values, in whatever of their lists. Edges serve a candidate before its hosts are
 * the tenant's, so that nobody else may have them meanwhile.
 */
export async function candidateIdentities(
  db: Kysely<Tables>,
  values: readonly string[],
): Promise<readonly { readonly tenantId: string; readonly identity: TenantIdentity }[]> {
  const sought = sql`${[...values]}::text[]`;
  const { rows } = await sql<{ tenantId: string; identity: TenantIdentity }>`
    select tenant_id as "tenantId", identity
    from rollouts join documents on documents.key = 'rollout.' || tenant_id
    where state in ('running', 'paused') and (identity -> 'hosts' ?| ${sought}
      or identity -> 'pathPrefixes' ?| ${sought} or identity -> 'headerValues' ?| ${sought})
  `.execute(db);
  return rows;
}

/** Writes a rollout in place of an earlier one of the same tenant. */
export async function writeRollout(db: Kysely<Tables>, rollout: StoredRollout): Promise<void> {
  const row = {
    ...{ state: rollout.state, plan: JSON.stringify(rollout.plan), step: rollout.step },
    ...{ revision: rollout.revision, final_revision: rollout.finalRevision },
    baseline: rollout.baseline === null ? null : JSON.stringify(rollout.baseline),
    ...{ reason: rollout.reason, started_at: rollout.startedAt, started_by: rollout.startedBy },
    step_at: rollout.stepAt,
  };
  await db
    .insertInto('rollouts')
    .values({ tenant_id: rollout.tenantId, ...row })
    .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet(row))
    .execute();
}

function readRollout(row: Selectable<RolloutColumns>): StoredRollout {
  // Only writeRollout writes rows.
  return {
    tenantId: row.tenant_id,
    state: row.state as RolloutState,
    plan: row.plan as RolloutPlan,
    step: row.step,
    revision: row.revision,
    finalRevision: row.final_revision,
    baseline: row.baseline as RequestCounts | null,
    reason: row.reason,
    startedAt: row.started_at,
    startedBy: row.started_by,
    stepAt: row.step_at,
  };
}
