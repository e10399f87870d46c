import { ACTIVE_TENANTS, MANY_ACTIVE_TENANTS, TENANTS } from '../settings.ts';
import type { Candidate } from './candidate.ts';
import { startEdge } from './start-edge.ts';

const STANDARD =
  'tenant by host, route match, P2C over 3 endpoints, metrics per tenant, access record per ' +
  'request to a file, traceparent, 1 % of traces exported; no limits';

/** Headgate as it is run: the standard profile. */
export const headgate = standardEdge('headgate', TENANTS, ACTIVE_TENANTS);

/** The same, with requests that go to many tenants. */
export const headgateManyActive = standardEdge(
  'headgate-1000-active',
  TENANTS,
  MANY_ACTIVE_TENANTS,
);

/** An edge that does everything of the standard profile. */
export function standardEdge(name: string, tenants: number, activeTenants: number): Candidate {
  const count = (value: number): string => value.toLocaleString('en-US');
  return {
    name,
    description: `standard: ${count(tenants)} tenants, ${count(activeTenants)} active; ${STANDARD}`,
    tenants,
    activeTenants,
    missing: async () => null,
    start: (context) =>
      startEdge(
        {
          name,
          tenants,
          output: `${context.directory}/access.log`,
          env: {
            OTEL_EXPORTER_OTLP_ENDPOINT: context.otlpUrl,
            OTEL_TRACES_SAMPLER_ARG: '0.01',
          },
        },
        context,
      ),
  };
}
