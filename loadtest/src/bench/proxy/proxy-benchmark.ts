import type { Benchmark } from '../benchmark.ts';
import { BODY_BYTES } from '../side-by-side/backend.ts';
import { sideBySideBenchmark } from '../side-by-side/side-by-side-benchmark.ts';
import { ACTIVE_TENANTS, CONNECTIONS, TENANTS } from '../side-by-side/settings.ts';
import { SEPARATE_PARTS, SHARING_PARTS } from './parts/parts.ts';
import * as settings from './settings.ts';

/** Cost of Headgate and its peers: CPU, throughput, latency, memory. */
export const proxyBenchmark: Benchmark = sideBySideBenchmark({
  name: 'proxy',
  summary: 'Headgate and its peers: CPU per request and MiB, requests/s, added latency, memory',
  sharingParts: SHARING_PARTS,
  separateParts: SEPARATE_PARTS,
  full: settings.FULL_SCHEDULES,
  quick: settings.QUICK_SCHEDULES,
  headers: {},
  describeSettings: (schedules) => ({
    ...schedules.small,
    connections: CONNECTIONS,
    bodyBytes: BODY_BYTES,
    tenants: TENANTS,
    activeTenants: ACTIVE_TENANTS,
    warmUpRequests: schedules.warmUpRequests,
    ratePerSecond: settings.RATE_PER_SECOND,
    bodyConnections: settings.BODY_CONNECTIONS,
    idleConnections: settings.IDLE_CONNECTIONS,
  }),
});
