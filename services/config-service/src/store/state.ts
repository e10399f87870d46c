import type { TenantSpec } from '@headgate/model';
import { sql, type Kysely } from 'kysely';
import { inChunks } from './chunks.ts';
import { isAnyOf } from './is-any-of.ts';
import {
  NESTED_KINDS,
  TABLE_BY_KIND,
  type NestedKind,
  type ResourceKind,
  type SharedKind,
  type SpecByKind,
  type Stored,
} from './kinds.ts';
import type { RolloutState } from './rollouts.ts';
import type { ResourceColumns, Tables } from './tables.ts';

/** A plan or shared upstream as stored; null if there is none of that id. */
export interface SharedState<Kind extends SharedKind = SharedKind> {
  readonly id: string;
  readonly stored: Stored<SpecByKind[Kind]> | null;
}

/** A tenant as stored, with all that belongs to it. */
export type TenantState = {
  readonly id: string;
  readonly tenant: Stored<TenantSpec> | null;
  /** Of its newest rollout; null if there was none. */
  readonly rollout: RolloutState | null;
} & { readonly [Kind in NestedKind]: ReadonlyMap<string, Stored<SpecByKind[Kind]>> };

/** A tenant as wanted; a null tenant deletes it. */
export type TenantSpecs = {
  readonly tenant: TenantSpec | null;
} & { readonly [Kind in NestedKind]: ReadonlyMap<string, SpecByKind[Kind]> };

/** A tenant that is gone, or not there yet. */
export const NO_TENANT: TenantSpecs = {
  tenant: null,
  upstream: new Map(),
  jwtIssuer: new Map(),
  route: new Map(),
  apiKey: new Map(),
  certificate: new Map(),
};

/** The wanted form of a tenant that stays as it is: where an edit starts. */
export function specsOf(state: TenantState): TenantSpecs {
  return {
    tenant: state.tenant?.spec ?? null,
    upstream: withoutBookkeeping(state.upstream),
    jwtIssuer: withoutBookkeeping(state.jwtIssuer),
    route: withoutBookkeeping(state.route),
    apiKey: withoutBookkeeping(state.apiKey),
    certificate: withoutBookkeeping(state.certificate),
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

/** Loads plans or shared upstreams by id, in the order given. */
export async function loadShared<Kind extends SharedKind>(
  db: Kysely<Tables>,
  kind: Kind,
  ids: readonly string[],
): Promise<readonly SharedState<Kind>[]> {
  const found = new Map<string, Stored<SpecByKind[Kind]>>();
  for (const chunk of inChunks(ids)) {
    const rows = await db
      // The columns are those of ResourceColumns in both tables.
      .selectFrom(TABLE_BY_KIND[kind] as 'plans')
      .selectAll()
      .where(isAnyOf('id', chunk))
      .execute();
    for (const row of rows) found.set(row.id, readStored<Kind>(row));
  }
  return ids.map((id) => ({ id, stored: found.get(id) ?? null }));
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

/** A row of any of the tables; `kind` tells which. */
interface LoadedRow extends ResourceColumns {
  readonly kind: 'tenant' | NestedKind;
  readonly tenant_id: string;
  readonly rollout: RolloutState | null;
}

/** One statement for all tables: each costs a round trip, and a write waits for all of them. */
async function loadChunk(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<readonly TenantState[]> {
  const nested = NESTED_KINDS.map(
    (kind) => sql`
      select ${kind}::text as kind, tenant_id, id, spec, revision, created_at, updated_at,
        null::text as rollout
      from ${sql.table(TABLE_BY_KIND[kind])} where ${isAnyOf('tenant_id', ids)}`,
  );
  const { rows } = await sql<LoadedRow>`
    select 'tenant'::text as kind, tenants.id as tenant_id, tenants.id, spec, tenants.revision,
      created_at, updated_at, rollouts.state as rollout
    from tenants left join rollouts on rollouts.tenant_id = tenants.id
    where ${isAnyOf('tenants.id', ids)}
    union all ${sql.join(nested, sql` union all `)}
  `.execute(db);
  const loaded = new Map(ids.map((id) => [id, new LoadedTenant(id)]));
  for (const row of rows) loaded.get(row.tenant_id)?.take(row);
  return ids.map((id) => loaded.get(id) ?? new LoadedTenant(id));
}

/** A tenant while its rows come. */
class LoadedTenant implements TenantState {
  readonly id: string;
  tenant: Stored<TenantSpec> | null = null;
  rollout: RolloutState | null = null;
  readonly upstream = new Map<string, Stored<SpecByKind['upstream']>>();
  readonly jwtIssuer = new Map<string, Stored<SpecByKind['jwtIssuer']>>();
  readonly route = new Map<string, Stored<SpecByKind['route']>>();
  readonly apiKey = new Map<string, Stored<SpecByKind['apiKey']>>();
  readonly certificate = new Map<string, Stored<SpecByKind['certificate']>>();

  constructor(id: string) {
    this.id = id;
  }

  take(row: LoadedRow): void {
    if (row.kind === 'tenant') {
      this.tenant = readStored<'tenant'>(row);
      this.rollout = row.rollout;
    } else {
      (this[row.kind] as Map<string, unknown>).set(row.id, readStored(row));
    }
  }
}
