import { startRedis, type RedisServer } from '@headgate/testkit';
import { findProgram } from '../../find-program.ts';
import type { RunningCandidate } from '../../side-by-side/candidate.ts';

/** Why a candidate that needs Redis cannot run here, or null. */
export async function redisMissing(): Promise<string | null> {
  return (await findProgram('redis-server')) === null ? 'redis-server is not installed' : null;
}

/**
 * Starts a candidate with a Redis of its own, whose CPU time counts as the candidate's.
 *
 * @param start starts the candidate itself
 */
export async function startWithRedis(
  start: (redis: RedisServer) => Promise<RunningCandidate>,
): Promise<RunningCandidate> {
  const redis = await startRedis();
  try {
    const running = await start(redis);
    return {
      ...running,
      redis: { port: redis.port, pid: redis.pid },
      stop: async () => {
        try {
          await running.stop();
        } finally {
          await redis.stop();
        }
      },
    };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}
