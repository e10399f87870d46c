import { createProblem, type Problem } from '@headgate/errors';
import { rolesWith, type PermissionName } from './permissions.ts';
import { inScope, type Access, type TenantScope } from './session.ts';

/** What a principal may do with a request: go on within a scope, or why not. */
export type Authorisation =
  | { readonly ok: true; readonly scope: TenantScope }
  | { readonly ok: false; readonly problem: Problem };

/** Decides whether a request may go on. `tenantId` is that of its path, null if it has none. */
export type Authorise = (
  permission: PermissionName,
  access: Access,
  tenantId: string | null,
) => Authorisation;

/**
 * The rule of the management API: the role first, which tells nothing of tenants; then the tenant of
 * the path. One that is not the principal's answers as one that does not exist.
 */
export const authorise: Authorise = (permission, { role, tenants }, tenantId) => {
  const roles = rolesWith(permission);
  if (roles !== null && !roles.includes(role)) {
    const detail = `role ${role} lacks the permission ${permission}; it needs ${roles.join(' or ')}`;
    return { ok: false, problem: createProblem('HG_API_FORBIDDEN', { detail }) };
  }
  if (tenantId !== null && !inScope(tenants, tenantId)) {
    const detail = `there is no tenant "${tenantId}"`;
    return { ok: false, problem: createProblem('HG_API_NOT_FOUND', { detail }) };
  }
  return { ok: true, scope: tenants };
};
