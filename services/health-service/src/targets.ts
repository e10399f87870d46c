import {
  describeFaults,
  endpointId,
  TenantDocument,
  UpstreamDocument,
  type HealthCheck,
  type TenantId,
  type SharedUpstreamId,
  type UpstreamId,
  type UpstreamSpec,
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
  /** `tenant/upstream`, of a shared one `/upstream`; ids hold no slash. */
  readonly key: string;
  /** Null: a shared upstream. */
  readonly tenantId: TenantId | null;
  readonly upstreamId: UpstreamId | SharedUpstreamId;
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
  const parsed = readBody(TenantDocument, body);
  if (!parsed.ok) return parsed;
  const { tenant, upstreams } = parsed.data;
  if (tenant.id !== tenantId)
    return { ok: false, reason: 'tenant.id: is not that of the document' };
  if (tenant.status === 'suspended') return { ok: true, upstreams: [] };
  return { ok: true, upstreams: upstreams.flatMap((upstream) => toTarget(tenant.id, upstream)) };
}

/** Reads the body of a shared upstream's document, as {@link readTargets} does. */
export function readSharedTargets(upstreamId: string, body: string): TargetReading {
  const parsed = readBody(UpstreamDocument, body);
  if (!parsed.ok) return parsed;
  const { upstream } = parsed.data;
  if (upstream.id !== upstreamId) {
    return { ok: false, reason: 'upstream.id: is not that of the document' };
  }
  return { ok: true, upstreams: toTarget(null, upstream) };
}

type Parsed<Document> =
  { readonly ok: true; readonly data: Document } | { readonly ok: false; readonly reason: string };

interface Schema<Document> {
  safeParse(
    input: unknown,
  ):
    | { readonly success: true; readonly data: Document }
    | { readonly success: false; readonly error: Parameters<typeof describeFaults>[0] };
}

function readBody<Document>(schema: Schema<Document>, body: string): Parsed<Document> {
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    return { ok: false, reason: 'the body is not JSON' };
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, data: parsed.data };
  const faults = describeFaults(parsed.error, input).slice(0, FAULTS_SHOWN_MAX);
  return { ok: false, reason: faults.map(({ path, rule }) => `${path}: ${rule}`).join('; ') };
}

function toTarget(
  tenantId: TenantId | null,
  upstream: UpstreamSpec & { readonly id: UpstreamId | SharedUpstreamId },
): UpstreamTarget[] {
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
  return [{ key: `${tenantId ?? ''}/${upstream.id}`, tenantId, upstreamId: upstream.id, probes }];
}
