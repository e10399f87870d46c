import { inScope, type TenantScope } from '../access/session.ts';
import type { Change } from './change.ts';
import type { Edits } from './commit.ts';
import { bundlePath } from './integrity.ts';
import { isNestedKind } from './kinds.ts';
import type { Refusal } from './outcome.ts';

const WHO = 'may be changed by a platform_admin only';

/** {@link refuseNames} of edits. */
export function refuseEdits(scope: TenantScope, { tenants, plans }: Edits): Refusal | null {
  if (scope === 'all') return null;
  return refuseNames(scope, [...tenants.keys()], [...plans.keys()]);
}

/**
 * What is wrong with edits by their names alone, before anything is read: a principal with some tenants
 * edits these and nothing else. What is not its own answers as what does not exist.
 */
export function refuseNames(
  scope: TenantScope,
  tenants: readonly string[],
  plans: readonly string[],
): Refusal | null {
  if (scope === 'all') return null;
  const foreign = tenants.find((id) => !inScope(scope, id));
  if (foreign !== undefined) {
    return { reason: 'not_found', detail: `there is no tenant "${foreign}"` };
  }
  if (plans.length === 0) return null;
  const faults = plans.map((id) => ({ path: `plans.${id}`, rule: `plans ${WHO}; leave it out` }));
  return { reason: 'forbidden', faults };
}

/**
 * What is wrong with changes: the tenant itself, with its plan, hosts and limits, is the platform's. So a
 * bundle may repeat it as it is, and a rollback that would alter it is refused.
 */
export function refuseChanges(scope: TenantScope, changes: readonly Change[]): Refusal | null {
  if (scope === 'all') return null;
  const faults = changes
    .filter(({ action, kind }) => action !== 'unchanged' && !isNestedKind(kind))
    .map(({ kind, tenantId, id }) => ({
      path: bundlePath({ kind, tenantId, id, path: '' }),
      rule: `the ${kind} itself ${WHO}; what belongs to it may be changed`,
    }));
  return faults.length === 0 ? null : { reason: 'forbidden', faults };
}
