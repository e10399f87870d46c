import type { Candidate } from '../../side-by-side/candidate.ts';
import { startEdge } from '../../side-by-side/start-edge.ts';

/** Headgate with as little to do as it can be told. */
export const headgateBare: Candidate = {
  name: 'headgate-bare',
  description:
    '1 tenant, route match, P2C over 3 endpoints, metrics per tenant; access records and ' +
    'tracing are off',
  tenants: 1,
  activeTenants: 1,
  missing: async () => null,
  start: (context) =>
    startEdge(
      {
        name: 'headgate-bare',
        tenants: 1,
        output: '/dev/null',
        env: { HEADGATE_EDGE_ACCESS_RECORDS: 'off' },
      },
      context,
    ),
};
