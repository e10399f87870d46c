import type { RequestContext } from '../request/request-context.ts';
import type { TenantHandle } from './identify-tenant.ts';

/** Where tenants are found again. */
export interface TenantsById {
  findById(id: string): TenantHandle | null;
}

/**
 * Whether a WebSocket that was opened some time ago may go on: its tenant is there and not suspended, and the key or token that
 * opened it has neither expired nor lost its place in the tenant's configuration. Routes and limits are those that it began with.
 *
 * @param nowMs wall-clock time, for expiry.
 */
export function mayGoOn(
  { tenant, principal }: RequestContext,
  tenants: TenantsById,
  nowMs: number,
): boolean {
  if (tenant === null) return true;
  const handle = tenants.findById(tenant.id);
  if (handle === null) return false;
  const present = handle.snapshot() ?? tenant; // without one that compiles nothing newer is known
  if (present.suspended) return false;
  if (principal === null) return true;
  const { sha256, token } = principal;
  if (token === null) return present.apiKeys.holds(sha256, nowMs);
  return nowMs < token.expiresAtMs && present.jwtIssuerIds.has(token.issuerId);
}
