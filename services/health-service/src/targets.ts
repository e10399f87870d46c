import {
  describeFaults,
  endpointId,
  TenantDocument,
  type HealthCheck,
  type TenantId,
  type Upstream,
  type UpstreamId,
} from '@headgate/model';

/** What to probe: one address with one set of check settings. */
export interface ProbeTarget {
  /** Equal for targets that one probe can serve: same address, same settings. */
  readonly key: string;
  /** `host:port`, IPv6 in brackets. */
  readonly endpointId: string;
  readonly host: string;
  readonly port: number;
  readonly check: HealthCheck;
}

/** An upstream that wants to be probed. */
export interface UpstreamTarget {
  /** `tenant/upstream`; ids hold no slash. */
  readonly key: string;
  readonly tenantId: TenantId;
  readonly upstreamId: UpstreamId;
  readonly probes: readonly ProbeTarget[];
}

/** What a document asks for, or why it cannot be read. */
export type TargetReading =
  | { readonly ok: true; readonly upstreams: readonly UpstreamTarget[] }
  | { readonly ok: false; readonly reason: string };

/** Faults named in a reason; a broken document may have thousands. */
const FAULTS_SHOWN_MAX = 3;

/**
 * Reads the body of a tenant document. Upstreams without a health check, and all of a suspended tenant, are not probed.
 *
 * @param tenantId whose document it is; a body that says otherwise is refused.
 * @param body JSON text from outside: nothing of it is trusted.
 */
export function readTargets(tenantId: string, body: string): TargetReading {
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    return { ok: false, reason: 'the body is not JSON' };
  }
  const parsed = TenantDocument.safeParse(input);
  if (!parsed.success) {
    const faults = describeFaults(parsed.error, input).slice(0, FAULTS_SHOWN_MAX);
    return { ok: false, reason: faults.map(({ path, rule }) => `${path}: ${rule}`).join('; ') };
  }
  const { tenant, upstreams } = parsed.data;
  if (tenant.id !== tenantId)
    return { ok: false, reason: 'tenant.id: is not that of the document' };
  if (tenant.status === 'suspended') return { ok: true, upstreams: [] };
  return { ok: true, upstreams: upstreams.flatMap((upstream) => toTarget(tenant.id, upstream)) };
}

function toTarget(tenantId: TenantId, upstream: Upstream): UpstreamTarget[] {
  const check = upstream.healthCheck;
  if (check === undefined) return [];
  const settings = JSON.stringify([
    check.type,
    check.path,
    check.host ?? null,
    check.intervalMs,
    check.timeoutMs,
    check.healthyThreshold,
    check.unhealthyThreshold,
    check.expectedStatuses,
  ]);
  const probes = upstream.endpoints.map(({ host, port }) => {
    const id = endpointId({ host, port });
    return { key: `${id} ${settings}`, endpointId: id, host, port, check };
  });
  return [{ key: `${tenantId}/${upstream.id}`, tenantId, upstreamId: upstream.id, probes }];
}
