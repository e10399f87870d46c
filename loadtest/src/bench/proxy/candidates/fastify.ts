import { fileURLToPath } from 'node:url';
import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { startNodeServer } from '../../side-by-side/node-server.ts';

const SERVER = fileURLToPath(new URL('./servers/fastify-server.ts', import.meta.url));

/** Fastify with @fastify/reply-from, the usual way to write a gateway on Node. */
export const fastify: Candidate = {
  name: 'fastify',
  description:
    'fastify + @fastify/reply-from, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => null, // an npm package of this workspace
  start: (context) => startNodeServer('fastify', SERVER, context),
};
