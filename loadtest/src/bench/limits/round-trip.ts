import { Redis } from 'ioredis';
import { percentileOf } from '../statistics.ts';

const PINGS = 2000;
/** Thrown away: the connection is new and the code is not compiled yet. */
const FIRST_PINGS = 500;

/** Median time of a PING, one after the other, by the client that an edge uses, in ms. */
export async function roundTripP50Ms(port: number): Promise<number> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null });
  const timesMs: number[] = [];
  try {
    await redis.connect();
    for (let count = 0; count < FIRST_PINGS + PINGS; count += 1) {
      const startMs = performance.now();
      await redis.ping();
      timesMs.push(performance.now() - startMs);
    }
  } finally {
    redis.disconnect();
  }
  const counted = timesMs.slice(FIRST_PINGS).sort((a, b) => a - b);
  return percentileOf(counted, 50);
}
