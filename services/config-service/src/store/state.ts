import type { PlanSpec, TenantSpec } from '@headgate/model';
import type { Kysely } from 'kysely';
import { inChunks } from './chunks.ts';
import { isAnyOf } from './is-any-of.ts';
import {
  NESTED_KINDS,
  TABLE_BY_KIND,
  type NestedKind,
  type ResourceKind,
  type SpecByKind,
  type Stored,
} from './kinds.ts';
import type { ResourceColumns, Tables } from './tables.ts';

/** A plan as stored; null if there is none of that id. */
export interface PlanState {
  readonly id: string;
  readonly plan: Stored<PlanSpec> | null;
}

/** A tenant as stored, with all that belongs to it. */
export type TenantState = {
  readonly id: string;
  readonly tenant: Stored<TenantSpec> | null;
} & { readonly [Kind in NestedKind]: ReadonlyMap<string, Stored<SpecByKind[Kind]>> };

/** A tenant as wanted; a null tenant deletes it. */
export type TenantSpecs = {
  readonly tenant: TenantSpec | null;
} & { readonly [Kind in NestedKind]: ReadonlyMap<string, SpecByKind[Kind]> };

/** A tenant that is gone, or not there yet. */
export const NO_TENANT: TenantSpecs = {
  tenant: null,
  upstream: new Map(),
  route: new Map(),
  apiKey: new Map(),
};

/** The wanted form of a tenant that stays as it is: where an edit starts. */
export function specsOf(state: TenantState): TenantSpecs {
  return {
    tenant: state.tenant?.spec ?? null,
    upstream: withoutBookkeeping(state.upstream),
    route: withoutBookkeeping(state.route),
    apiKey: withoutBookkeeping(state.apiKey),
  };
}

function withoutBookkeeping<Spec>(stored: ReadonlyMap<string, Stored<Spec>>): Map<string, Spec> {
  return new Map(Array.from(stored, ([id, resource]) => [id, resource.spec]));
}

/** Reads a row. Its spec was validated before it was written, and nothing else writes these tables. */
export function readStored<Kind extends ResourceKind>(
  row: ResourceColumns,
): Stored<SpecByKind[Kind]> {
  return {
    id: row.id,
    spec: row.spec as SpecByKind[Kind],
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Loads plans by id, in the order given. */
export async function loadPlans(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<readonly PlanState[]> {
  const found = new Map<string, Stored<PlanSpec>>();
  for (const chunk of inChunks(ids)) {
    const rows = await db.selectFrom('plans').selectAll().where(isAnyOf('id', chunk)).execute();
    for (const row of rows) found.set(row.id, readStored<'plan'>(row));
  }
  return ids.map((id) => ({ id, plan: found.get(id) ?? null }));
}

/** Loads tenants with all that belongs to them, by id, in the order given. */
export async function loadTenants(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<readonly TenantState[]> {
  const states: TenantState[] = [];
  for (const chunk of inChunks(ids)) states.push(...(await loadChunk(db, chunk)));
  return states;
}

async function loadChunk(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<readonly TenantState[]> {
  const rows = await db.selectFrom('tenants').selectAll().where(isAnyOf('id', ids)).execute();
  const tenants = new Map(rows.map((row) => [row.id, readStored<'tenant'>(row)]));
  const nested = new Map(
    ids.map((id) => [
      id,
      {
        upstream: new Map<string, Stored<SpecByKind['upstream']>>(),
        route: new Map<string, Stored<SpecByKind['route']>>(),
        apiKey: new Map<string, Stored<SpecByKind['apiKey']>>(),
      },
    ]),
  );
  if (tenants.size > 0) {
    for (const kind of NESTED_KINDS) {
      const children = await db
        .selectFrom(TABLE_BY_KIND[kind])
        .select(['tenant_id', 'id', 'spec', 'revision', 'created_at', 'updated_at'])
        .where(isAnyOf('tenant_id', ids))
        .execute();
      for (const child of children) {
        const collection = nested.get(child.tenant_id)?.[kind] as Map<string, unknown> | undefined;
        collection?.set(child.id, readStored(child));
      }
    }
  }
  return ids.map((id) => ({
    id,
    tenant: tenants.get(id) ?? null,
    ...(nested.get(id) ?? NO_CHILDREN),
  }));
}

const NO_CHILDREN = { upstream: new Map(), route: new Map(), apiKey: new Map() };
