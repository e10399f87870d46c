import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Counts a request of somebody; seconds after which to ask again if there were too many, else 0. */
export type CountRequest = (request: FastifyRequest, actor: string) => Promise<number>;

/**
 * Bounds what a credential may ask for in a second, from whatever addresses. JWTs of one subject count together. The plugin
 * `@fastify/rate-limit`, which has to be registered before, counts 5,000 at a time; the one unused for longest makes room.
 */
export function boundCredentials(app: FastifyInstance, requestsPerSecondMax: number): CountRequest {
  const actors = new WeakMap<FastifyRequest, string>();
  const count = app.createRateLimit({
    max: requestsPerSecondMax,
    timeWindow: 1000,
    keyGenerator: (request) => actors.get(request) ?? '',
  });
  return async (request, actor) => {
    actors.set(request, actor);
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return 0;
    return Math.max(1, counted.ttlInSeconds);
  };
}
