import { fileURLToPath } from 'node:url';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { startNodeServer } from '../../side-by-side/node-server.ts';
import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import { redisMissing, startWithRedis } from './start-with-redis.ts';
import { writeTenantsFile } from './tenants-file.ts';

const SERVER = fileURLToPath(new URL('./servers/fastify-limits-server.ts', import.meta.url));

/** Fastify with its own plugins for limits and forwarding, the usual way to write a gateway on Node. */
export const fastify: Candidate = {
  name: 'fastify',
  description:
    'fastify + @fastify/rate-limit on Redis + @fastify/reply-from: tenant by host and API key, three fixed ' +
    'windows in one pipelined round trip; no metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: redisMissing,
  start: (context) =>
    startWithRedis(async ({ port }) => {
      const tenantsFile = await writeTenantsFile(context.directory, context.hosts);
      return startNodeServer('fastify', SERVER, context, [String(port), tenantsFile]);
    }),
};
