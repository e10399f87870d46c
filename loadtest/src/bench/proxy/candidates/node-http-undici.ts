import { fileURLToPath } from 'node:url';
import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { startNodeServer } from '../../side-by-side/node-server.ts';

const SERVER = fileURLToPath(new URL('./servers/node-http-undici-server.ts', import.meta.url));

/** The leanest proxy from Node's own HTTP server and undici's dispatch interface. */
export const nodeHttpUndici: Candidate = {
  name: 'node-http-undici',
  description:
    'node:http + undici, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => null, // an npm package of this workspace
  start: (context) => startNodeServer('node-http-undici', SERVER, context),
};
