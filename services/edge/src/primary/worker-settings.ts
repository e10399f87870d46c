import type { Settings } from '../environment.ts';
import type { TlsWorkerSettings, WorkerSettings } from '../ipc/messages.ts';

/** What a worker is told of an edge. */
export interface WorkerSettingsSource {
  readonly version: string;
  readonly settings: Settings;
  /** Of the listener with TLS; null for none. */
  readonly defaultCertificate: TlsWorkerSettings['defaultCertificate'];
  /** Variables for OpenTelemetry's exporter. */
  readonly tracing: Readonly<Record<string, string>>;
}

/** The settings of the worker with this index. */
export function workerSettings(
  { version, settings, defaultCertificate, tracing }: WorkerSettingsSource,
  workerIndex: number,
): WorkerSettings {
  return {
    nodeId: settings.nodeId,
    ring: settings.ring,
    workerIndex,
    version,
    listen: settings.listen,
    tls: tlsSettings(settings, defaultCertificate),
    proxyProtocol: settings.proxyProtocol,
    allowedAddresses: settings.allowedAddresses,
    trustedProxies: settings.trustedProxies,
    accessRecords: settings.accessRecords,
    tenantHeader: settings.tenantHeader,
    clients: settings.clients,
    overloadLagMs: settings.overloadLagMs,
    redis: settings.redis,
    redisTimeoutMs: settings.redisTimeoutMs,
    leases: settings.leases,
    limitHeaders: settings.limitHeaders,
    logLevel: settings.logLevel,
    tracing,
  };
}

function tlsSettings(
  { tls }: Settings,
  defaultCertificate: TlsWorkerSettings['defaultCertificate'],
): TlsWorkerSettings | null {
  if (tls === null) return null;
  const { files: _, ...settings } = tls;
  return { ...settings, defaultCertificate };
}
