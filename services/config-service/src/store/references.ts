import { sql, type Kysely } from 'kysely';
import type { Change } from './change.ts';
import { inChunks } from './chunks.ts';
import type { EditedShared, EditedTenant } from './commit.ts';
import { shareRows } from './documents.ts';
import type { LocatedFault } from './integrity.ts';
import type { SpecByKind } from './kinds.ts';
import type { Tables } from './tables.ts';

/** Tenants on plans that do not exist, and plans that are deleted while tenants are on them. */
export async function checkPlanReferences(
  db: Kysely<Tables>,
  plans: readonly EditedShared<'plan'>[],
  tenants: readonly EditedTenant[],
): Promise<LocatedFault[]> {
  const made = new Set(plans.filter(({ next }) => next !== null).map(({ state }) => state.id));
  const deleted = plans.filter(({ next, state }) => next === null && state.stored !== null);
  const wanted = new Set<string>();
  for (const { state, next } of tenants) {
    const planId = next.tenant?.planId;
    // The plan that a tenant is on cannot go: its row refers to it.
    if (planId === undefined || planId === state.tenant?.spec.planId) continue;
    if (!made.has(planId)) wanted.add(planId);
  }
  const missing = await shareRows(db, 'plan', [...wanted]);
  const faults: LocatedFault[] = [];
  for (const { state, next } of tenants) {
    const planId = next.tenant?.planId;
    if (planId === undefined || !missing.has(planId)) continue;
    const located = { kind: 'tenant', tenantId: null, id: state.id, conflict: false } as const;
    const rule = `there is no plan "${planId}"; create it first`;
    faults.push({ ...located, path: 'planId', value: planId, rule });
  }
  for (const { state } of deleted) faults.push(...(await checkPlanUse(db, state.id)));
  return faults;
}

async function checkPlanUse(db: Kysely<Tables>, planId: string): Promise<LocatedFault[]> {
  const row = await db
    .selectFrom('tenants')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('plan_id', '=', planId)
    .executeTakeFirstOrThrow();
  if (row.count === 0) return [];
  const rule = `the plan is in use (tenants on it: ${row.count}); move them to another one first`;
  return [{ kind: 'plan', tenantId: null, id: planId, path: '', rule, conflict: true }];
}

/** Routes to shared upstreams that do not exist, and shared upstreams that are deleted while routes lead to them. */
export async function checkUpstreamReferences(
  db: Kysely<Tables>,
  upstreams: readonly EditedShared<'sharedUpstream'>[],
  tenants: readonly EditedTenant[],
): Promise<LocatedFault[]> {
  const made = new Set(upstreams.filter(({ next }) => next !== null).map(({ state }) => state.id));
  const deleted = upstreams.filter(({ next, state }) => next === null && state.stored !== null);
  const wanted = new Set<string>();
  for (const { upstreamId } of tenants.flatMap(newShares)) {
    if (!made.has(upstreamId)) wanted.add(upstreamId);
  }
  const missing = await shareRows(db, 'sharedUpstream', [...wanted]);
  const faults = tenants.flatMap((tenant) =>
    newShares(tenant)
      .filter(({ upstreamId }) => missing.has(upstreamId))
      .map(({ routeId, upstreamId }): LocatedFault => {
        const located = { kind: 'route', tenantId: tenant.state.id, id: routeId } as const;
        const rule = `there is no shared upstream "${upstreamId}"; create it first`;
        const path = 'sharedUpstreamId';
        return { ...located, path, value: upstreamId, rule, conflict: false };
      }),
  );
  for (const { state } of deleted) faults.push(...(await checkUpstreamUse(db, state.id)));
  return faults;
}

/**
 * Routes of a tenant that begin to lead to a shared upstream. One that a stored route leads to already cannot go: the row refers
 * to it.
 */
export function newShares({
  state,
  next,
}: EditedTenant): readonly { readonly routeId: string; readonly upstreamId: string }[] {
  return Array.from(next.route).flatMap(([routeId, { sharedUpstreamId: upstreamId }]) => {
    if (upstreamId === undefined) return [];
    const known = state.route.get(routeId)?.spec.sharedUpstreamId;
    return known === upstreamId ? [] : [{ routeId, upstreamId }];
  });
}

/** Routes that a refusal names. */
const USERS_SHOWN_MAX = 5;

/** Edges serve candidates of open rollouts too: routes of these count. */
async function checkUpstreamUse(db: Kysely<Tables>, upstreamId: string): Promise<LocatedFault[]> {
  // Whoever has just begun to use it has locked it until the end of the transaction.
  await sql`select from shared_upstreams where id = ${upstreamId} for update`.execute(db);
  const { rows } = await sql<{ user: string; count: number }>`
    select name as "user", count(*) over () as count from (
      select tenant_id || '/' || id as name from routes where shared_upstream_id = ${upstreamId}
      union all
      select rollouts.tenant_id || ' (rollout)' from rollouts
        join documents on documents.key = 'rollout.' || rollouts.tenant_id
      where state in ('running', 'paused') and case when body = '' then false
        else body::jsonb -> 'routes' @> ${JSON.stringify([{ sharedUpstreamId: upstreamId }])}::jsonb end
    ) as users order by name collate "C" limit ${USERS_SHOWN_MAX}
  `.execute(db);
  const [first] = rows;
  if (first === undefined) return [];
  const shown = rows.map(({ user }) => user).join(', ');
  const more = first.count > rows.length ? ', …' : '';
  const rule = `the shared upstream is in use (routes to it: ${first.count}: ${shown}${more}); change or delete them first`;
  const place = { kind: 'sharedUpstream', tenantId: null, id: upstreamId, path: '' } as const;
  return [{ ...place, rule, conflict: true }];
}

/** API keys whose hash is that of another key: a key leads to one tenant only. */
export async function checkApiKeyHashes(
  db: Kysely<Tables>,
  changes: readonly Change[],
): Promise<LocatedFault[]> {
  const keys = changes.filter(isNewHash);
  const owners = new Map<string, string>();
  for (const chunk of inChunks(keys)) {
    const hashes = chunk.map(({ after }) => after.sha256);
    // Keys of tenants that the author does not see have no owner here.
    const { rows } = await sql<{ sha256: string; tenant_id: string | null; id: string | null }>`
      select taken.sha256, tenant_id, id from headgate_taken_hashes(${hashes}::text[]) as taken (sha256)
      left join api_keys on api_keys.sha256 = taken.sha256
    `.execute(db);
    for (const row of rows) owners.set(row.sha256, `${row.tenant_id ?? ''} ${row.id ?? ''}`);
  }
  const faults: LocatedFault[] = [];
  for (const { tenantId, id, after } of keys) {
    const self = `${tenantId ?? ''} ${id}`;
    const owner = owners.get(after.sha256);
    if (owner === undefined) owners.set(after.sha256, self);
    else if (owner !== self) {
      const rule = 'another API key has this hash; make a new key';
      faults.push({ kind: 'apiKey', tenantId, id, path: 'sha256', rule, conflict: true });
    }
  }
  return faults;
}

type ApiKeyChange = Change & { readonly after: SpecByKind['apiKey'] };

function isNewHash(change: Change): change is ApiKeyChange {
  return change.kind === 'apiKey' && (change.action === 'create' || change.action === 'update');
}
