import {
  countFaults,
  endpointId,
  hostFaults,
  hostOfUrl,
  refusedEndpointHost,
  refusedJwksHost,
  routeFaults,
  type JwtIssuerSpec,
  type UpstreamSpec,
} from '@headgate/model';
import type { Change } from './change.ts';
import type { EditedTenant } from './commit.ts';
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

/** What a tenant's own resources break among themselves: missing upstreams and JWT issuers, foreign route hosts, too many of a kind. */
export function checkTenantIntegrity(tenantId: string, specs: TenantSpecs): LocatedFault[] {
  if (specs.tenant === null) return [];
  const { hosts } = specs.tenant.identity;
  const has = (kind: 'upstream' | 'jwtIssuer', id: string) => specs[kind].has(id);
  const counts = {
    upstreams: specs.upstream.size,
    routes: specs.route.size,
    jwtIssuers: specs.jwtIssuer.size,
    apiKeys: specs.apiKey.size,
    certificates: specs.certificate.size,
  };
  const tooMany = countFaults(counts).map((fault) => ({
    ...fault,
    ...{ kind: 'tenant' as const, tenantId: null, id: tenantId, conflict: false },
  }));
  const ofRoutes = [...specs.route].flatMap(([id, route]) =>
    routeFaults(hosts, has, route).map((fault) => ({
      ...fault,
      ...{ kind: 'route' as const, tenantId, id, conflict: false },
    })),
  );
  return [...tooMany, ...ofRoutes];
}

/** Certificates that change and serve none of their tenant's hosts. One that has lost its host later is not used, and hurts nobody. */
export function checkCertificateHosts({ state, next }: EditedTenant): LocatedFault[] {
  const hosts = next.tenant?.identity.hosts ?? [];
  return [...next.certificate].flatMap(([id, { fingerprint, dnsNames }]) => {
    if (state.certificate.get(id)?.spec.fingerprint === fingerprint) return [];
    const place = { kind: 'certificate', tenantId: state.id, id, conflict: false } as const;
    return hostFaults(hosts, dnsNames).map((fault) => ({ ...fault, ...place }));
  });
}

/**
 * Endpoints that changes bring to addresses where no tenant's may be: those of the edge's own machine and of the cloud's metadata.
 * What is there already may stay.
 *
 * @param isAllowed addresses that the operator allows.
 */
export function checkEndpoints(
  changes: readonly Change[],
  isAllowed: (address: string) => boolean,
): LocatedFault[] {
  return changes.flatMap(({ kind, tenantId, id, action, before, after }) => {
    if (kind !== 'upstream' || action === 'unchanged' || after === null) return [];
    const known = before === null ? [] : (before.spec as UpstreamSpec).endpoints; // of its kind
    const kept = new Set(known.map(endpointId));
    const { endpoints } = after as UpstreamSpec; // of its kind
    return endpoints.flatMap((endpoint, index): LocatedFault[] => {
      const what = kept.has(endpointId(endpoint))
        ? null
        : refusedEndpointHost(endpoint.host, isAllowed);
      if (what === null) return [];
      const rule = `is ${what}, which only a platform_admin may write; else an operator allows it in HEADGATE_ENDPOINT_ADDRESSES_ALLOWED`;
      const place = { kind, tenantId, id, path: `endpoints[${index}].host` };
      return [{ ...place, value: endpoint.host, rule, conflict: false }];
    });
  });
}

/**
 * JWT issuers whose keys changes bring to where edges fetch none, whoever writes it. What is there already may stay.
 *
 * @param isAllowed addresses that the operator allows.
 */
export function checkJwksUris(
  changes: readonly Change[],
  isAllowed: (address: string) => boolean,
): LocatedFault[] {
  return changes.flatMap(({ kind, tenantId, id, action, before, after }): LocatedFault[] => {
    if (kind !== 'jwtIssuer' || action === 'unchanged' || after === null) return [];
    const { jwksUri } = after as JwtIssuerSpec; // of its kind
    const known = before === null ? undefined : (before.spec as JwtIssuerSpec).jwksUri; // of its kind
    if (jwksUri === undefined || jwksUri === known) return [];
    const what = refusedJwksHost(hostOfUrl(jwksUri), jwksUri.startsWith('http:'), isAllowed);
    if (what === null) return [];
    const rule = `leads to ${what}; an operator allows it in HEADGATE_ENDPOINT_ADDRESSES_ALLOWED, here and for edges`;
    return [{ kind, tenantId, id, path: 'jwksUri', value: jwksUri, rule, conflict: false }];
  });
}
