import type { Settings } from '../environment.ts';
import type { WorkerSettings } from '../ipc/messages.ts';

/** What a worker is told of an edge. */
export interface WorkerSettingsSource {
  readonly version: string;
  readonly settings: Settings;
  /** Variables for OpenTelemetry's exporter. */
  readonly tracing: Readonly<Record<string, string>>;
}

/** The settings of the worker with this index. */
export function workerSettings(
  { version, settings, tracing }: WorkerSettingsSource,
  workerIndex: number,
): WorkerSettings {
  return {
    nodeId: settings.nodeId,
    ring: settings.ring,
    workerIndex,
    version,
    listen: settings.listen,
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
