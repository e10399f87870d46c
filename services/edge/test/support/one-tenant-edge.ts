import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
  type TestEdgeOptions,
  type TestTenant,
} from './edge-process.ts';
import { HOST } from './plain-messages.ts';

/** Endpoints of an upstream: those ports of 127.0.0.1. */
export function endpointsAt(...ports: readonly number[]): { host: string; port: number }[] {
  return ports.map((port) => ({ host: '127.0.0.1', port }));
}

/** A route of all paths below `prefix`. */
export function routeTo(upstreamId: string, prefix: string, settings: object = {}): object {
  return { match: { path: { prefix } }, upstreamId, ...settings };
}

/** Starts an edge whose only tenant, `a`, has these upstreams and routes on the host `a.test`. */
export function startOneTenantEdge(
  { upstreams, routes }: Pick<TestTenant, 'upstreams' | 'routes'>,
  options: Omit<TestEdgeOptions, 'documents'> = {},
): Promise<TestEdge> {
  const tenant = tenantDocument({ id: 'a', hosts: [HOST], upstreams, routes });
  return startTestEdge({ ...options, documents: [planDocument(), tenant] });
}
