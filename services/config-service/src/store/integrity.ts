import { COLLECTION_BY_KIND, type ResourceKind } from './kinds.ts';
import type { TenantSpecs } from './state.ts';

/** A fault and the resource that it is found in. */
export interface LocatedFault {
  readonly kind: ResourceKind;
  readonly tenantId: string | null;
  readonly id: string;
  /** Inside of the resource. */
  readonly path: string;
  readonly value?: unknown;
  readonly rule: string;
  /** Whether it comes from another resource being in the way (409), not from the input (422). */
  readonly conflict: boolean;
}

/** Path of a fault as in a bundle: `tenants.acme.routes.web.upstreamId`. */
export function bundlePath(fault: LocatedFault): string {
  const collection = COLLECTION_BY_KIND[fault.kind];
  const parents = fault.tenantId === null ? '' : `tenants.${fault.tenantId}.`;
  return `${parents}${collection}.${fault.id}${fault.path === '' ? '' : `.${fault.path}`}`;
}

/** What a tenant's own resources break among themselves: missing upstreams, foreign route hosts. */
export function checkTenantIntegrity(tenantId: string, specs: TenantSpecs): LocatedFault[] {
  if (specs.tenant === null) return [];
  const faults: LocatedFault[] = [];
  const { hosts } = specs.tenant.identity;
  for (const [id, route] of specs.route) {
    const located = { kind: 'route', tenantId, id, conflict: false } as const;
    if (!specs.upstream.has(route.upstreamId)) {
      const rule = `the tenant has no upstream "${route.upstreamId}"; create it first`;
      faults.push({ ...located, path: 'upstreamId', value: route.upstreamId, rule });
    }
    route.match.hosts.forEach((host, index) => {
      if (hosts.some((owned) => coversHost(owned, host))) return;
      const rule = 'must lie within identity.hosts of the tenant';
      faults.push({ ...located, path: `match.hosts[${index}]`, value: host, rule });
    });
  }
  return faults;
}

/** Whether every request for `host` (a name or a pattern) is one for `owned`. */
export function coversHost(owned: string, host: string): boolean {
  if (owned === host) return true;
  return owned.startsWith('*.') && host.replace(/^\*\./, '').endsWith(owned.slice(1));
}
