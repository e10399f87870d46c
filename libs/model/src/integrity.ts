import type { Bundle } from './bundle.ts';
import { servedHosts, type CertificateSpec } from './certificate.ts';
import { TENANT_COUNTS_MAX } from './document.ts';
import type { Fault } from './faults.ts';
import { inspectCertificate } from './inspect-certificate.ts';
import type { RouteSpec } from './route.ts';

/**
 * What routes of one tenant break: upstreams and JWT issuers that it does not have, hosts that are not its own. Paths are those inside of
 * the route.
 *
 * @param hosts the tenant's own, as in its identity.
 * @param has whether the tenant has an upstream, or a JWT issuer, of that id.
 */
export function routeFaults(
  hosts: readonly string[],
  has: (kind: 'upstream' | 'jwtIssuer', id: string) => boolean,
  route: Pick<RouteSpec, 'upstreamId' | 'match' | 'jwt'>,
): Fault[] {
  const faults: Fault[] = [];
  if (route.upstreamId !== undefined && !has('upstream', route.upstreamId)) {
    const rule = `the tenant has no upstream "${route.upstreamId}"; create it first`;
    faults.push({ path: 'upstreamId', value: route.upstreamId, rule });
  }
  route.jwt?.issuerIds.forEach((issuerId, index) => {
    if (has('jwtIssuer', issuerId)) return;
    const rule = `the tenant has no JWT issuer "${issuerId}"; create it first`;
    faults.push({ path: `jwt.issuerIds[${index}]`, value: issuerId, rule });
  });
  route.match.hosts.forEach((host, index) => {
    if (hosts.some((owned) => coversHost(owned, host))) return;
    const rule = 'must lie within identity.hosts of the tenant';
    faults.push({ path: `match.hosts[${index}]`, value: host, rule });
  });
  return faults;
}

/** What a tenant has too many of, as no edge would take its document. Paths are those inside of the tenant. */
export function countFaults(
  counts: Readonly<Record<keyof typeof TENANT_COUNTS_MAX, number>>,
): Fault[] {
  const paths = ['upstreams', 'routes', 'jwtIssuers', 'apiKeys', 'certificates'] as const;
  return paths.flatMap((path) => {
    const most = TENANT_COUNTS_MAX[path];
    if (counts[path] <= most) return [];
    return [{ path, value: counts[path], rule: `a tenant has at most ${most}` }];
  });
}

/** What a certificate breaks, on its own and because it serves none of the tenant's hosts. */
export function certificateFaults(
  hosts: readonly string[],
  spec: Pick<CertificateSpec, 'chain' | 'privateKey'>,
  nowMs: number,
): readonly Fault[] {
  const inspected = inspectCertificate(spec, nowMs);
  if (!inspected.ok) return inspected.faults;
  return hostFaults(hosts, inspected.certificate.facts.dnsNames);
}

/** What is wrong with the names of a certificate: the tenant has none of them. */
export function hostFaults(hosts: readonly string[], dnsNames: readonly string[]): Fault[] {
  if (servedHosts(dnsNames, hosts).length > 0) return [];
  const shown = dnsNames.slice(0, NAMES_SHOWN_MAX).join(', ');
  const rule = `none of its names (${shown}${dnsNames.length > NAMES_SHOWN_MAX ? ', …' : ''}) lies within identity.hosts of the tenant`;
  return [{ path: 'chain', rule }];
}

const NAMES_SHOWN_MAX = 5;

/**
 * What a bundle breaks among its own tenants, as far as the bundle alone can tell: routes, certificates, hosts wanted twice, and too many of a
 * kind.
 *
 * @param nowMs wall-clock time, for certificates that have expired.
 */
export function bundleFaults(bundle: Bundle, nowMs: number): Fault[] {
  const faults: Fault[] = [];
  const owners = new Map<string, string>();
  for (const [tenantId, tenant] of Object.entries(bundle.tenants)) {
    const { hosts } = tenant.identity;
    hosts.forEach((host, index) => {
      const owner = owners.get(host);
      if (owner !== undefined && owner !== tenantId) {
        const rule = `tenant "${owner}" has this host too; a host belongs to one tenant`;
        faults.push({ path: `tenants.${tenantId}.identity.hosts[${index}]`, value: host, rule });
      }
      owners.set(host, tenantId);
    });
    const counts = {
      upstreams: Object.keys(tenant.upstreams).length,
      routes: Object.keys(tenant.routes).length,
      jwtIssuers: Object.keys(tenant.jwtIssuers).length,
      apiKeys: Object.keys(tenant.apiKeys).length,
      certificates: Object.keys(tenant.certificates).length,
    };
    for (const { path, ...fault } of countFaults(counts)) {
      faults.push({ path: `tenants.${tenantId}.${path}`, ...fault });
    }
    for (const [id, certificate] of Object.entries(tenant.certificates)) {
      for (const { path, ...fault } of certificateFaults(hosts, certificate, nowMs)) {
        faults.push({ path: `tenants.${tenantId}.certificates.${id}.${path}`, ...fault });
      }
    }
    const has = (kind: 'upstream' | 'jwtIssuer', id: string) =>
      Object.hasOwn(kind === 'upstream' ? tenant.upstreams : tenant.jwtIssuers, id);
    for (const [routeId, route] of Object.entries(tenant.routes)) {
      for (const { path, ...fault } of routeFaults(hosts, has, route)) {
        faults.push({ path: `tenants.${tenantId}.routes.${routeId}.${path}`, ...fault });
      }
    }
  }
  return faults;
}

/** Whether every request for `host` (a name or a pattern) is one for `owned`. */
export function coversHost(owned: string, host: string): boolean {
  if (owned === host) return true;
  return owned.startsWith('*.') && host.replace(/^\*\./, '').endsWith(owned.slice(1));
}
