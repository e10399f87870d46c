import { readFileSync } from 'node:fs';
import rateLimit from '@fastify/rate-limit';
import replyFrom from '@fastify/reply-from';
import Fastify, { type FastifyRequest } from 'fastify';
import { Redis } from 'ioredis';
import { IDLE_TIMEOUT_MS, readServerArguments } from '../../../side-by-side/server-arguments.ts';
import { API_KEY } from '../../settings.ts';

// The candidate `fastify` of the benchmark `limits`: checks the API key and three windows, and forwards.

interface Tenant {
  readonly id: string;
  /** Limits per second, per minute, and per second of the key. */
  readonly limits: readonly number[];
  readonly keys: ReadonlySet<string>;
}

const { port, connections, backends, rest } = readServerArguments(process.argv.slice(2));
const [redisPort = '', tenantsFile = ''] = rest;
const tenants = readTenants(tenantsFile);

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
await app.register(rateLimit, {
  global: false,
  // Commands of one turn of the event loop go out in one write.
  redis: new Redis({ host: '127.0.0.1', port: Number(redisPort), enableAutoPipelining: true }),
});
await app.register(replyFrom, {
  undici: { connections, pipelining: 1 },
  disableRequestLogging: true,
});
const windows = [
  createWindow(0, 1000, (tenant) => `${tenant.id}:second`),
  createWindow(1, 60_000, (tenant) => `${tenant.id}:minute`),
  createWindow(2, 1000, (tenant) => `${tenant.id}:key:main:second`),
];

app.addHook('onRequest', async (request, reply) => {
  const tenant = tenantOf(request);
  const key = request.headers['x-api-key'];
  if (tenant === undefined) return reply.code(404).send();
  if (typeof key !== 'string' || !tenant.keys.has(key)) return reply.code(401).send();
  const states = await Promise.all(windows.map((check) => check(request)));
  let tightest = { max: Infinity, remaining: Infinity };
  for (const state of states) {
    if (state.isAllowed) continue; // of an allow list, which there is none of
    if (state.isExceeded) {
      return reply.code(429).header('retry-after', state.ttlInSeconds).send();
    }
    if (state.remaining < tightest.remaining) tightest = state;
  }
  reply.header('x-ratelimit-limit', tightest.max);
  reply.header('x-ratelimit-remaining', tightest.remaining);
});

let next = 0;
app.all('/*', (request, reply) => {
  next = (next + 1) % backends.length;
  return reply.from(`${backends[next]}${request.raw.url}`);
});
await app.listen({ host: '127.0.0.1', port });

function createWindow(index: number, timeWindow: number, name: (tenant: Tenant) => string) {
  return app.createRateLimit({
    timeWindow,
    max: (request: FastifyRequest) => tenantOf(request)?.limits[index] ?? 0,
    keyGenerator: (request: FastifyRequest) => {
      const tenant = tenantOf(request);
      return tenant === undefined ? '' : name(tenant);
    },
  });
}

function tenantOf(request: FastifyRequest): Tenant | undefined {
  return tenants.get(request.headers.host ?? '');
}

function readTenants(path: string): ReadonlyMap<string, Tenant> {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const keys = new Set([API_KEY]);
  return new Map(
    lines.map((line, index) => {
      const [host = '', ...limits] = line.split(' ');
      return [host, { id: `tenant-${index}`, limits: limits.map(Number), keys }];
    }),
  );
}
