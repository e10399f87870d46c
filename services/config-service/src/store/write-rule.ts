import { isDeepStrictEqual } from 'node:util';
import { OWN_LIMIT_PREFIX, type SharedUpstreamId } from '@headgate/model';
import { inScope, type TenantScope } from '../access/session.ts';
import type { Change } from './change.ts';
import type { EditedTenant, Edits } from './commit.ts';
import { bundlePath, type LocatedFault } from './integrity.ts';
import { isNestedKind, type SpecByKind } from './kinds.ts';
import type { Refusal } from './outcome.ts';
import { newShares } from './references.ts';

const WHO = 'may be changed by a platform_admin only';

/** {@link refuseNames} of edits. */
export function refuseEdits(
  scope: TenantScope,
  { tenants, plan, sharedUpstream }: Edits,
): Refusal | null {
  if (scope === 'all') return null;
  const upstreams = [...sharedUpstream.keys()];
  return refuseNames(scope, { tenants: [...tenants.keys()], plans: [...plan.keys()], upstreams });
}

/** Ids of documents: of tenants, and of what the platform shares among them. */
export interface Names {
  readonly tenants: readonly string[];
  readonly plans: readonly string[];
  readonly upstreams: readonly string[];
}

/**
 * What is wrong with edits by their names alone, before anything is read: a principal with some tenants
 * edits these and nothing else. What is not its own answers as what does not exist.
 */
export function refuseNames(
  scope: TenantScope,
  { tenants, plans, upstreams }: Names,
): Refusal | null {
  if (scope === 'all') return null;
  const foreign = tenants.find((id) => !inScope(scope, id));
  if (foreign !== undefined) {
    return { reason: 'not_found', detail: `there is no tenant "${foreign}"` };
  }
  const faults = [
    ...plans.map((id) => ({ path: `plans.${id}`, rule: `plans ${WHO}; leave it out` })),
    ...upstreams.map((id) => ({
      path: `upstreams.${id}`,
      rule: `shared upstreams ${WHO}; leave it out`,
    })),
  ];
  return faults.length === 0 ? null : { reason: 'forbidden', faults };
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

/**
 * Limits of API keys that changes of a tenant bring and that might replace one of its plan, now or when the plan changes.
 * What is there already may stay, or go: then the plan's counts.
 */
export function checkKeyLimits(changes: readonly Change[]): LocatedFault[] {
  return changes.filter(isKeyWrite).flatMap(({ kind, tenantId, id, before, after }) => {
    const known = before === null ? [] : before.spec.limits;
    return after.limits.flatMap((limit, index): LocatedFault[] => {
      const isOwn = limit.name.startsWith(OWN_LIMIT_PREFIX);
      if (isOwn || known.some((one) => isDeepStrictEqual(one, limit))) return [];
      const rule = `a limit of this name may replace one of the plan, so only a platform_admin may write it; one that begins with "${OWN_LIMIT_PREFIX}" adds to those of the plan`;
      const place = { kind, tenantId, id, path: `limits[${index}].name` };
      return [{ ...place, value: limit.name, rule, conflict: false }];
    });
  });
}

/**
 * Routes to shared upstreams that no route of the tenant leads to yet: whom the platform lets in is the platform's. They are told the
 * same whether or not there is one of that name.
 */
export function checkNewShares(tenants: readonly EditedTenant[]): LocatedFault[] {
  return tenants.flatMap((tenant) => {
    const { id: tenantId, route: routes } = tenant.state;
    const known = new Set(Array.from(routes.values(), ({ spec }) => spec.sharedUpstreamId));
    return newShares(tenant).flatMap(({ routeId: id, upstreamId: value }): LocatedFault[] => {
      if (known.has(value as SharedUpstreamId)) return [];
      const rule =
        'no route of the tenant leads to a shared upstream of this name; only a platform_admin may write the first one';
      const place = { kind: 'route', tenantId, id, path: 'sharedUpstreamId' } as const;
      return [{ ...place, value, rule, conflict: false }];
    });
  });
}

type KeyWrite = Change<'apiKey'> & { readonly after: SpecByKind['apiKey'] };

function isKeyWrite(change: Change): change is KeyWrite {
  const { kind, action, after } = change;
  return kind === 'apiKey' && action !== 'unchanged' && after !== null;
}
