import { isDeepStrictEqual } from 'node:util';
import {
  NESTED_KINDS,
  type ResourceKind,
  type SharedKind,
  type SpecByKind,
  type Stored,
} from './kinds.ts';
import type { SharedState, TenantSpecs, TenantState } from './state.ts';

/** What happens to one resource. */
export interface Change<Kind extends ResourceKind = ResourceKind> {
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly kind: Kind;
  /** Null for what belongs to no tenant, and for tenants. */
  readonly tenantId: string | null;
  readonly id: string;
  readonly before: Stored<SpecByKind[Kind]> | null;
  readonly after: SpecByKind[Kind] | null;
}

/** What changes from the stored plan or shared upstream to the wanted one. */
export function compareShared<Kind extends SharedKind>(
  kind: Kind,
  current: SharedState<Kind>,
  next: SpecByKind[Kind] | null,
): Change[] {
  return compareOne(kind, null, current.id, current.stored, next);
}

/** What changes from the stored tenant to the wanted one, the resources inside of it included. */
export function compareTenant(current: TenantState, next: TenantSpecs): Change[] {
  const changes = compareOne('tenant', null, current.id, current.tenant, next.tenant);
  for (const kind of NESTED_KINDS) {
    for (const [id, spec] of next[kind]) {
      changes.push(...compareOne(kind, current.id, id, current[kind].get(id) ?? null, spec));
    }
    for (const [id, stored] of current[kind]) {
      if (!next[kind].has(id)) changes.push(...compareOne(kind, current.id, id, stored, null));
    }
  }
  return changes;
}

function compareOne(
  kind: ResourceKind,
  tenantId: string | null,
  id: string,
  before: Stored<SpecByKind[ResourceKind]> | null,
  after: SpecByKind[ResourceKind] | null,
): Change[] {
  if (before === null && after === null) return [];
  let action: Change['action'] = 'update';
  if (before === null) action = 'create';
  else if (after === null) action = 'delete';
  else if (before.spec === after || isDeepStrictEqual(before.spec, after)) action = 'unchanged';
  return [{ action, kind, tenantId, id, before, after }];
}
