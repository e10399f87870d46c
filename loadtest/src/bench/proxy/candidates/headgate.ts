import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import { MANY_ACTIVE_TENANTS } from '../settings.ts';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { standardProfile, startEdge } from '../../side-by-side/start-edge.ts';

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
    start: (context) => startEdge(standardProfile(name, tenants, context), context),
  };
}
