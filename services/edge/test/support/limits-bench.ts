import { execFile } from 'node:child_process';
import { after } from 'node:test';
import { promisify } from 'node:util';
import {
  createRecordingOrigin,
  startRedis,
  waitFor,
  type RecordingOrigin,
  type RedisServer,
} from '@headgate/testkit';
import type { WireDocument } from '../../src/ipc/wire-document.ts';
import { hasMetrics } from './edge-metrics.ts';
import { startTestEdge, type TestEdge, type TestEdgeOptions } from './edge-process.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { endpointsAt } from './one-tenant-edge.ts';

const run = promisify(execFile);

/** An edge that uses the Redis of its bench, and a client of it. */
export interface LimitedEdge {
  readonly edge: TestEdge;
  readonly http: HttpClient;
}

/** A Redis and an origin for edges with limits; all is ended after the tests of the file. */
export interface LimitsBench {
  readonly redis: RedisServer;
  readonly origin: RecordingOrigin;
  /** For tenants: `main` is the origin. */
  readonly upstreams: { readonly main: object };
  /** Starts an edge, with two workers unless told otherwise; waits until all of them use Redis. */
  startEdge(
    documents?: readonly WireDocument[],
    options?: Omit<TestEdgeOptions, 'documents'>,
  ): Promise<LimitedEdge>;
  /**
   * Waits until the edge holds no slot and Redis has heard so: a release is told up to 20 ms later, and until then another
   * worker is refused what is free.
   */
  allReleased(edge: TestEdge): Promise<void>;
}

/** Starts Redis and the origin; registers the clean-up. */
export async function createLimitsBench(): Promise<LimitsBench> {
  const [redis, origin] = await Promise.all([startRedis(), createRecordingOrigin()]);
  const started: LimitedEdge[] = [];
  after(async () => {
    for (const { http } of started) http.close();
    await Promise.all(started.map(({ edge }) => edge.stop()));
    await Promise.all([redis.stop(), origin.close()]);
  });
  return {
    redis,
    origin,
    upstreams: { main: { endpoints: endpointsAt(origin.port) } },
    async startEdge(documents, options = {}) {
      const edge = await startTestEdge({
        workers: 2,
        ...options,
        ...(documents === undefined ? {} : { documents }),
        // Longer than in production, so that a busy machine is not taken for a lost store.
        env: {
          HEADGATE_REDIS_URL: redis.url,
          HEADGATE_REDIS_TIMEOUT_MS: '250',
          ...options.env,
        },
      });
      const limited = { edge, http: createHttpClient(edge.port) };
      started.push(limited);
      // On a busy machine a worker may have waited in vain.
      await waitFor(() => hasMetrics(edge.admin, 'headgate_limit_degraded 0'), {
        message: 'all workers to use Redis',
      });
      return limited;
    },
    async allReleased(edge) {
      const isHeard = async (): Promise<boolean> =>
        (await hasMetrics(edge.admin, 'headgate_limit_slots 0')) && !(await holdsSlots(redis));
      await waitFor(isHeard, { message: 'all slots to return' });
    },
  };
}

/** A key of slots is gone with the last of them. */
async function holdsSlots({ url }: RedisServer): Promise<boolean> {
  const { stdout } = await run('redis-cli', ['-u', url, 'KEYS', 'hg:*:c:*']);
  return stdout.trim() !== '';
}

/** A window of a minute. */
export function minuteLimit(name: string, limit: number, settings: object = {}): object {
  return { name, limit, windowMs: 60_000, ...settings };
}

/** A key that passes for one of Headgate's; `letter` tells it from others. */
export function testKey(letter: string): string {
  return `hgk_${letter.repeat(43)}`;
}
