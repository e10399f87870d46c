import { isDeepStrictEqual } from 'node:util';
import { NESTED_KINDS, type ResourceKind, type SpecByKind, type Stored } from './kinds.ts';
import type { PlanState, TenantSpecs, TenantState } from './state.ts';

/** What happens to one resource. */
export interface Change<Kind extends ResourceKind = ResourceKind> {
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly kind: Kind;
  /** Null for plans and tenants. */
  readonly tenantId: string | null;
  readonly id: string;
  readonly before: Stored<SpecByKind[Kind]> | null;
  readonly after: SpecByKind[Kind] | null;
}

/** What changes from the stored plan to the wanted one. */
export function comparePlan(current: PlanState, next: SpecByKind['plan'] | null): Change[] {
  return compareOne('plan', null, current.id, current.plan, next);
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
