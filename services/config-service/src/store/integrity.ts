import { countFaults, routeFaults } from '@headgate/model';
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
export function bundlePath(fault: Pick<LocatedFault, 'kind' | 'tenantId' | 'id' | 'path'>): string {
  const collection = COLLECTION_BY_KIND[fault.kind];
  const parents = fault.tenantId === null ? '' : `tenants.${fault.tenantId}.`;
  return `${parents}${collection}.${fault.id}${fault.path === '' ? '' : `.${fault.path}`}`;
}

/** What a tenant's own resources break among themselves: missing upstreams, foreign route hosts, too many of a kind. */
export function checkTenantIntegrity(tenantId: string, specs: TenantSpecs): LocatedFault[] {
  if (specs.tenant === null) return [];
  const { hosts } = specs.tenant.identity;
  const hasUpstream = (upstreamId: string) => specs.upstream.has(upstreamId);
  const counts = {
    upstreams: specs.upstream.size,
    routes: specs.route.size,
    apiKeys: specs.apiKey.size,
  };
  const tooMany = countFaults(counts).map((fault) => ({
    ...fault,
    ...{ kind: 'tenant' as const, tenantId: null, id: tenantId, conflict: false },
  }));
  const ofRoutes = [...specs.route].flatMap(([id, route]) =>
    routeFaults(hosts, hasUpstream, route).map((fault) => ({
      ...fault,
      ...{ kind: 'route' as const, tenantId, id, conflict: false },
    })),
  );
  return [...tooMany, ...ofRoutes];
}
