import { ACTIVE_TENANTS, TENANTS } from '../settings.ts';
import type { Candidate } from './candidate.ts';
import { startNodeServer } from './node-server.ts';

/** The leanest proxy from Node's own HTTP server and undici's dispatch interface. */
export const nodeHttpUndici: Candidate = {
  name: 'node-http-undici',
  description:
    'node:http + undici, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => null, // an npm package of this workspace
  start: (context) => startNodeServer('node-http-undici-server', context),
};
