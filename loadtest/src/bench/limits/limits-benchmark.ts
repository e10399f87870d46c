import type { Benchmark } from '../benchmark.ts';
import { sideBySideBenchmark } from '../side-by-side/side-by-side-benchmark.ts';
import { ACTIVE_TENANTS, CONNECTIONS, TENANTS } from '../side-by-side/settings.ts';
import { PARTS } from './parts/parts.ts';
import { API_KEY, FULL_SCHEDULES, QUICK_SCHEDULES, THROTTLED_PER_SECOND } from './settings.ts';

/** Cost of limits: Headgate and its peers, each with its own Redis. */
export const limitsBenchmark: Benchmark = sideBySideBenchmark({
  name: 'limits',
  summary: 'three limits per request: CPU of edge and Redis, commands, added latency, denials',
  sharingParts: PARTS,
  separateParts: [],
  full: FULL_SCHEDULES,
  quick: QUICK_SCHEDULES,
  headers: { 'x-api-key': API_KEY },
  describeSettings: (schedules) => ({
    ...schedules.threeWindows,
    connections: CONNECTIONS,
    tenants: TENANTS,
    activeTenants: ACTIVE_TENANTS,
    warmUpRequests: schedules.warmUpRequests,
    throttledPerSecond: THROTTLED_PER_SECOND,
  }),
});
