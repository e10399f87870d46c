import type { ShutdownStack } from '@headgate/runtime';
import { startNats, startRedis } from '@headgate/testkit';
import { findProgram } from '../find-program.ts';

/**
 * Starts what every edge is connected to: NATS and Redis, which have nothing to do here. One that is not installed is left
 * out; an edge then tries to reach it again and again, which is part of what it costs.
 *
 * @returns variables by which an edge finds them
 */
export async function startEdgeServices(
  shutdown: ShutdownStack,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {};
  if ((await findProgram('nats-server')) !== null) {
    const nats = await startNats();
    shutdown.push('NATS', async () => void (await nats.stop()));
    env['HEADGATE_NATS_URL'] = nats.url;
  }
  if ((await findProgram('redis-server')) !== null) {
    const redis = await startRedis();
    shutdown.push('Redis', async () => void (await redis.stop()));
    env['HEADGATE_REDIS_URL'] = redis.url;
  }
  return env;
}
