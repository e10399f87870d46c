import { TENANTS } from '../settings.ts';
import type { Candidate } from './candidate.ts';
import { startEdge } from './start-edge.ts';

/** Headgate as it is run: the standard profile. */
export const headgate: Candidate = {
  name: 'headgate',
  profile:
    'standard: 10,000 tenants by host, route match, P2C over 3 endpoints, metrics per tenant, ' +
    'access record per request to a file, traceparent, 1 % of traces exported; no limits',
  hosts: 'all',
  missing: async () => null,
  start: (context) =>
    startEdge(
      {
        name: 'headgate',
        tenants: TENANTS,
        output: `${context.directory}/access.log`,
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: context.otlpUrl,
          OTEL_TRACES_SAMPLER_ARG: '0.01',
        },
      },
      context,
    ),
};
