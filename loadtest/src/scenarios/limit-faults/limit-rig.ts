import { setTimeout as sleep } from 'node:timers/promises';
import { ShutdownStack, type Random } from '@headgate/runtime';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import { percentileOf } from '../../bench/statistics.ts';
import {
  startCluster,
  startEndpoints,
  waitForRevision,
  type Cluster,
  type ClusterEdge,
} from '../../cluster/cluster.ts';
import { busiestWindow, runLoad, tally, type Load, type Outcome } from '../../cluster/load.ts';
import { readMetric } from '../edge-metrics.ts';

/** Requests per second that `tight.test` admits, over all edges. */
export const LIMIT = 120;

const WINDOW_MS = 1000;
const EDGES = 3;
/** Of each load to each edge. */
const CONNECTIONS = 8;
/** Requests per second to a tenant that is nowhere near its limit, and to `tight.test`, over all edges. */
const WIDE_PER_SECOND = 150;
const TIGHT_PER_SECOND = LIMIT * 3;
/** Clients may say which addresses they come from. */
const EDGE_ENV = {
  HEADGATE_EDGE_ACCESS_RECORDS: 'off',
  HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.1/32',
};
/** Longest time in ms until all edges use Redis again. */
const EXACT_MS_MAX = 20_000;

/** What requests saw of a fault. */
export interface FaultRun {
  /** Answers that are neither 200 nor 429, of any tenant; what they were, for people. */
  readonly odd: number;
  readonly told: string;
  /** p99 in ms of requests before the fault, and of those from 500 ms after it until it ended. */
  readonly calmP99Ms: number;
  readonly faultP99Ms: number;
  /** Most that `tight.test` was admitted in a window: of all, while the fault lasted but for its first window, and afterwards. */
  readonly busiest: number;
  readonly busiestInFault: number;
  readonly busiestAfter: number;
  readonly admittedInFault: number;
  /** Time in ms until the last edge noticed; null if one did not. */
  readonly openedMs: number | null;
  /** Time in ms from the end of the fault until the last edge used Redis again. */
  readonly exactMs: number;
}

/** What is done, and undone. */
export interface FaultActs {
  readonly begin: () => Promise<unknown>;
  /** Default: nothing. */
  readonly end?: () => Promise<unknown>;
  /** Index of an edge whose failed requests do not count. */
  readonly killed?: number;
}

/** Three edges of real processes on one Redis, and two tenants. Whoever starts it stops it. */
export class LimitRig {
  readonly cluster: Cluster;
  readonly #random: Random;
  readonly #holdMs: number;
  readonly #shutdown: ShutdownStack;

  private constructor(cluster: Cluster, random: Random, holdMs: number, shutdown: ShutdownStack) {
    this.cluster = cluster;
    this.#random = random;
    this.#holdMs = holdMs;
    this.#shutdown = shutdown;
  }

  /**
   * @param holdMs how long each fault lasts
   * @param edgeEnv further settings of the edges: another Redis than the cluster's own, say
   */
  static async start(
    seed: number,
    holdMs: number,
    edgeEnv: Readonly<Record<string, string>> = {},
  ): Promise<LimitRig> {
    const shutdown = new ShutdownStack();
    try {
      const [endpoint] = await startEndpoints(1);
      shutdown.push('endpoint', async () => endpoint?.close());
      const cluster = await startCluster({
        ...{ edges: EDGES, healthService: false },
        edgeEnv: { ...EDGE_ENV, ...edgeEnv },
      });
      shutdown.push('cluster', () => cluster.stop());
      const rig = new LimitRig(cluster, createSeededRandom(seed), holdMs, shutdown);
      await waitForRevision(cluster, await cluster.api.apply(bundle(endpoint?.port ?? 0)));
      await rig.untilExact();
      await rig.#untilShareIsKnown();
      return rig;
    } catch (error) {
      await shutdown.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#shutdown.close();
  }

  /** Waits until all edges count in Redis. */
  async untilExact(): Promise<void> {
    await Promise.all(
      this.cluster.edges.map(({ admin, component }) =>
        waitFor(async () => (await readMetric(admin, 'headgate_limit_degraded')) === 0, {
          message: `${component.name} to use Redis`,
          deadlineMs: EXACT_MS_MAX,
        }),
      ),
    );
  }

  /** Has a fault happen at a moment that the seed decides, under requests to all edges. */
  async underFault({ begin, end, killed }: FaultActs): Promise<FaultRun> {
    let isOver = false;
    const until = (): boolean => isOver;
    const loads = [
      this.#load('wide.test', WIDE_PER_SECOND, until),
      this.#load('tight.test', TIGHT_PER_SECOND, until),
    ] as const;
    try {
      await sleep(2 * WINDOW_MS + this.#random.next() * WINDOW_MS);
      const fromMs = performance.now();
      const fromWall = Date.now();
      await begin();
      await sleep(this.#holdMs);
      const toMs = performance.now();
      await end?.();
      await this.untilExact();
      const exactMs = performance.now() - toMs;
      await sleep(2 * WINDOW_MS);
      isOver = true;
      const [wide, tight] = await Promise.all(loads.map(({ done }) => done));
      return {
        ...latencies(wide ?? [], fromMs, toMs),
        ...admissions(tight ?? [], fromMs, toMs, toMs + exactMs),
        ...oddOnes([...(wide ?? []), ...(tight ?? [])], killed),
        openedMs: openedMs(this.cluster.edges, fromWall),
        exactMs,
      };
    } finally {
      isOver = true;
    }
  }

  #load(host: string, perSecond: number, until: () => boolean): Load {
    const urls = this.cluster.edges.map(({ port }) => `http://127.0.0.1:${port}`);
    return runLoad({ urls, host, perSecond, until, connections: CONNECTIONS });
  }

  /** Each edge must know of the others before Redis goes, as any edge does that has run for some seconds. */
  async #untilShareIsKnown(): Promise<void> {
    await waitFor(
      async () => {
        const { body } = await this.cluster.api.send('GET', '/v1/status');
        return Array.isArray(body['edges']) && body['edges'].length === EDGES;
      },
      { deadlineMs: 15_000, message: 'the config-service to see all edges' },
    );
    await sleep(1500); // one more heartbeat, so that the edges see each other too
  }
}

function bundle(port: number): object {
  const tenant = (host: string, limit: number) => ({
    planId: 'standard',
    identity: { hosts: [host] },
    limits: [{ name: 'sec', limit, windowMs: WINDOW_MS }],
    upstreams: { main: { endpoints: [{ host: '127.0.0.1', port }] } },
    routes: { all: { upstreamId: 'main' } },
  });
  return {
    apiVersion: 'headgate/v1',
    plans: { standard: {} },
    tenants: {
      wide: tenant('wide.test', 100_000),
      tight: tenant('tight.test', LIMIT),
      once: {
        ...tenant('once.test', 1000),
        limits: [{ name: 'hour', limit: 1000, windowMs: 3_600_000 }],
      },
    },
  };
}

function latencies(
  outcomes: readonly Outcome[],
  fromMs: number,
  toMs: number,
): Pick<FaultRun, 'calmP99Ms' | 'faultP99Ms'> {
  const p99 = (from: number, to: number): number => {
    const times = outcomes
      .filter(({ sentMs }) => sentMs >= from && sentMs < to)
      .map(({ sentMs, receivedMs }) => receivedMs - sentMs);
    return percentileOf(
      times.sort((a, b) => a - b),
      99,
    );
  };
  return { calmP99Ms: p99(fromMs - WINDOW_MS, fromMs), faultP99Ms: p99(fromMs + 500, toMs) };
}

function admissions(
  outcomes: readonly Outcome[],
  fromMs: number,
  toMs: number,
  exactAtMs: number,
): Pick<FaultRun, 'busiest' | 'busiestInFault' | 'busiestAfter' | 'admittedInFault'> {
  const admitted = outcomes.filter(({ status }) => status === 200);
  const inFault = admitted.filter(
    ({ sentMs, receivedMs }) => sentMs > fromMs + WINDOW_MS && receivedMs < toMs,
  );
  const after = admitted.filter(({ sentMs }) => sentMs > exactAtMs + WINDOW_MS / 2);
  return {
    busiest: busiestWindow(admitted, WINDOW_MS),
    busiestInFault: busiestWindow(inFault, WINDOW_MS),
    busiestAfter: busiestWindow(after, WINDOW_MS),
    admittedInFault: inFault.length,
  };
}

function oddOnes(
  outcomes: readonly Outcome[],
  killed: number | undefined,
): Pick<FaultRun, 'odd' | 'told'> {
  const odd = outcomes.filter(
    ({ status, connection }) =>
      status !== 200 && status !== 429 && Math.floor(connection / CONNECTIONS) !== killed,
  );
  const kinds = odd.length === 0 ? '' : ` ${JSON.stringify(tally(odd))}`;
  return { odd: odd.length, told: `${odd.length} of ${outcomes.length} failed${kinds}` };
}

/** By the log lines of the edges; null if one has none. */
function openedMs(edges: readonly ClusterEdge[], fromWall: number): number | null {
  let slowest = 0;
  for (const { component } of edges) {
    const times = component.process
      .stdout()
      .filter((line) => line.includes('"type":"store_lost"'))
      .map((line) => wallMs(line))
      .filter((time) => time >= fromWall);
    if (times.length === 0) return null;
    slowest = Math.max(slowest, Math.min(...times) - fromWall);
  }
  return slowest;
}

function wallMs(line: string): number {
  const { time } = JSON.parse(line) as { time: number | string }; // written by our own edge
  return typeof time === 'number' ? time : Date.parse(time);
}
