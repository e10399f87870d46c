import { Role } from '@headgate/model';

/** What an operation needs. */
export interface Permission {
  /** Null: no token at all. */
  readonly roles: readonly Role[] | null;
}

const ANYBODY = Role.options;

/**
 * Every permission and the roles that have it. An operation names one where it is defined; a path
 * with a `{tenantId}` can moreover only be reached for tenants of the principal.
 */
export const PERMISSIONS = Object.freeze({
  /** Without a token. */
  public: { roles: null },
  /** Reads what belongs to one tenant. */
  'tenant.read': { roles: ANYBODY },
  /** Changes what belongs to one tenant; the tenant itself only as `tenants.write`. */
  'tenant.write': { roles: ['platform_admin', 'tenant_admin'] },
  /** Reads across tenants; the reply holds only what the principal may see. */
  'shared.read': { roles: ANYBODY },
  /** Reads how pools are used and shared: whoever does not see all tenants gets an empty reply. */
  'pools.read': { roles: ['platform_admin', 'viewer'] },
  /** Onboards, changes and removes tenants. */
  'tenants.write': { roles: ['platform_admin'] },
  'plans.write': { roles: ['platform_admin'] },
  /** Upstreams that routes of all tenants can be given. */
  'sharedUpstreams.write': { roles: ['platform_admin'] },
  /** Access tokens: whoever makes them can become anybody. */
  'tokens.manage': { roles: ['platform_admin'] },
} satisfies Record<string, Permission>);

/** Name of a permission. */
export type PermissionName = keyof typeof PERMISSIONS;

/** Whether a value names a permission. */
export function isPermissionName(value: unknown): value is PermissionName {
  return typeof value === 'string' && Object.hasOwn(PERMISSIONS, value);
}

/** Roles that have a permission; null if it needs no token. */
export function rolesWith(permission: PermissionName): readonly Role[] | null {
  return PERMISSIONS[permission].roles;
}
