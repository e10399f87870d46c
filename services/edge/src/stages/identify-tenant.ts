import { refuseAmbiguousPath } from '../request/ambiguous-path.ts';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { CompiledTenant } from '../snapshot/compile-tenant.ts';

/** Where tenants are found; the tenant store of the worker. */
export interface TenantDirectory {
  /** Rises whenever a host may lead to another tenant than before. */
  readonly version: number;
  findByHost(host: string): TenantHandle | null;
  findByPath(path: string): TenantHandle | null;
  findByHeaderValue(value: string): TenantHandle | null;
}

/** A tenant that may not be compiled yet. */
export interface TenantHandle {
  /** The snapshot to serve with, compiled on first use; null if no revision of the tenant compiles. */
  snapshot(): CompiledTenant | null;
}

/** What the stage works with. */
export interface IdentifyTenantDeps {
  readonly tenants: TenantDirectory;
  /** Lower-case name of the header by which trusted sources name a tenant. */
  readonly tenantHeader: string;
}

/**
 * Finds the tenant: by host, else by path prefix, else by the tenant header. The header counts only from trusted
 * sources; there it must not name another tenant than the host or path (403). Unknown hosts cost the same as known ones.
 *
 * @hot
 */
export function identifyTenant(
  context: RequestContext,
  deps: IdentifyTenantDeps,
): LocalReply | null {
  const { head } = context;
  let handle = tenantOfHost(context, deps.tenants);
  if (handle === null) {
    handle = deps.tenants.findByPath(head.path);
    const refusal = refuseAmbiguousPath(head, (path) => deps.tenants.findByPath(path), handle);
    if (refusal !== null) return refusal;
  }
  if (context.trustedSource) {
    const named = head.get(deps.tenantHeader);
    if (named !== null) {
      const byHeader = deps.tenants.findByHeaderValue(named);
      const contradicts = handle !== null && byHeader !== handle;
      if (contradicts || head.count(deps.tenantHeader) > 1) return localReply('HG_TENANT_CONFLICT');
      handle = byHeader;
    }
  }
  if (handle === null) return localReply('HG_TENANT_UNKNOWN');
  context.tenant = handle.snapshot();
  if (context.tenant === null) return localReply('HG_CONFIG_QUARANTINED', 'Retry-After: 5\r\n');
  return context.tenant.suspended ? localReply('HG_TENANT_SUSPENDED') : null;
}

/** Requests of one connection mostly name the same host, and a look-up among 100,000 misses the processor's caches. @hot */
function tenantOfHost(context: RequestContext, tenants: TenantDirectory): TenantHandle | null {
  const { host } = context.head;
  const { version } = tenants;
  if (context.knownHost !== host || context.knownVersion !== version) {
    context.knownHost = host;
    context.knownVersion = version;
    context.knownTenant = tenants.findByHost(host);
  }
  return context.knownTenant;
}
