import { sql, type Kysely } from 'kysely';
import { inScope, type TenantScope } from '../access/session.ts';
import { isAnyOf } from './is-any-of.ts';
import {
  isNestedKind,
  TABLE_BY_KIND,
  type ResourceKind,
  type SpecByKind,
  type Stored,
} from './kinds.ts';
import { filterConditions, type ResourceFilter } from './resource-filter.ts';
import { readStored } from './state.ts';
import type { Tables } from './tables.ts';

/** A page of a list: what follows `after` in the order of the ids. */
export interface Page {
  readonly limit: number;
  readonly after: string | null;
}

/** One resource of the scope, or null. `tenantId` is null for tenants and what is shared. */
export async function getResource<Kind extends ResourceKind>(
  db: Kysely<Tables>,
  scope: TenantScope,
  kind: Kind,
  tenantId: string | null,
  id: string,
): Promise<Stored<SpecByKind[Kind]> | null> {
  const query = selectResources(db, scope, kind, tenantId)?.where('id', '=', id);
  const row = await query?.executeTakeFirst();
  return row === undefined ? null : readStored<Kind>(row);
}

/** Resources of the scope that fit the filter, in the order of their ids. */
export async function listResources<Kind extends ResourceKind>(
  db: Kysely<Tables>,
  scope: TenantScope,
  kind: Kind,
  tenantId: string | null,
  page: Page,
  filter: ResourceFilter = {},
): Promise<readonly Stored<SpecByKind[Kind]>[]> {
  const all = selectResources(db, scope, kind, tenantId);
  const conditions = filterConditions(kind, filter);
  const rows = await all
    ?.where(sql<boolean>`${sql.join([sql`true`, ...conditions], sql` and `)}`)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit)
    .execute();
  return (rows ?? []).map((row) => readStored<Kind>(row));
}

/** Null if nothing of the kind can lie in the scope. */
function selectResources(
  db: Kysely<Tables>,
  scope: TenantScope,
  kind: ResourceKind,
  tenantId: string | null,
) {
  const columns = ['id', 'spec', 'revision', 'created_at', 'updated_at'] as const;
  // The columns are those of ResourceColumns in every table.
  const query = db.selectFrom(TABLE_BY_KIND[kind] as 'plans').select(columns);
  if (isNestedKind(kind)) {
    const visible = inScope(scope, tenantId ?? '');
    return visible ? query.where(sql<boolean>`tenant_id = ${tenantId}`) : null;
  }
  if (scope === 'all') return query;
  if (kind === 'tenant') return query.where(isAnyOf('id', [...scope]));
  // What others use may tell who the others are.
  if (kind === 'sharedUpstream') {
    const used = db
      .selectFrom('routes')
      .select(sql<string>`shared_upstream_id`.as('id'))
      .where(isAnyOf('tenant_id', [...scope]))
      .where('shared_upstream_id', 'is not', null);
    return query.where('id', 'in', used);
  }
  const own = db
    .selectFrom('tenants')
    .select('plan_id')
    .where(isAnyOf('id', [...scope]));
  return query.where('id', 'in', own);
}
