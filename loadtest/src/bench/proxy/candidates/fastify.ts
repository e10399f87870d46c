import { ACTIVE_TENANTS, TENANTS } from '../settings.ts';
import type { Candidate } from './candidate.ts';
import { startNodeServer } from './node-server.ts';

/** Fastify with @fastify/reply-from, the usual way to write a gateway on Node. */
export const fastify: Candidate = {
  name: 'fastify',
  description:
    'fastify + @fastify/reply-from, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => null, // an npm package of this workspace
  start: (context) => startNodeServer('fastify-server', context),
};
