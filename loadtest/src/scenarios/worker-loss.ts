import { acceptedConnections, waitFor } from '@headgate/testkit';
import { processTree } from '../bench/process-tree.ts';
import {
  firstEdge,
  startCluster,
  startEndpoints,
  waitForRevision,
  type ClusterEdge,
} from '../cluster/cluster.ts';
import { runLoad, tally, type Load } from '../cluster/load.ts';
import { listeningWorkers, readMetric } from './edge-metrics.ts';
import { oneTenantBundle, timed, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run is three workers under 500 requests/s. */
export interface WorkerLossOptions {
  readonly workers: number;
  readonly perSecond: number;
  /** Keep-alive connections of the load; each belongs to one worker. */
  readonly connections: number;
}

const REPLACED_WITHIN_MS = 10_000;
/** A request that has waited so long was with the stopped worker, not on a busy machine; the primary notices after 5 s. */
const SLOW_MS = 3000;

/** A worker is killed, another one stops answering: only its own connections suffer, and it is replaced. */
export async function workerLoss(options: WorkerLossOptions, say: Say): Promise<ScenarioResult> {
  const endpoints = await startEndpoints(1);
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    edgeEnv: { HEADGATE_EDGE_WORKERS: String(options.workers) },
  });
  try {
    const ports = endpoints.map((endpoint) => endpoint.port);
    const bundle = oneTenantBundle({ host: 'acme.test', ports });
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const edge = firstEdge(cluster);
    const checks = [
      ...(await lose('SIGKILL', 'killed', edge, options, say)),
      // It would be stopped for ever; the primary takes it for blocked after five seconds.
      ...(await lose('SIGSTOP', 'blocked', edge, options, say)),
    ];
    return { name: 'worker-loss', checks };
  } finally {
    await cluster.stop();
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  }
}

async function lose(
  signal: 'SIGKILL' | 'SIGSTOP',
  cause: string,
  edge: ClusterEdge,
  options: WorkerLossOptions,
  say: Say,
): Promise<Check[]> {
  const { workers } = options;
  await waitFor(async () => (await listeningWorkers(edge.admin)) === workers, {
    message: 'all workers to accept',
    deadlineMs: 20_000,
  });
  const primary = edge.component.process.pid;
  // The oldest, so that the second victim does not stand in for the first: that would be a crash loop (ADR 11).
  const [victim] = (await workersOf(primary)).toSorted((a, b) => a - b);
  if (victim === undefined) throw new Error('the edge has no worker');
  say(`${signal} to one of ${workers} workers under ${options.perSecond} requests/s`);
  let ended = false;
  const load = startLoad(edge, options, () => ended);
  await waitFor(() => load.outcomes.length >= options.perSecond, {
    message: 'a second of load',
    deadlineMs: 20_000,
  });
  const sentBefore = performance.now();
  const owned = await acceptedConnections(victim, edge.port);
  process.kill(victim, signal);
  const [, tookMs] = await timed(() => replaced(edge, primary, victim, workers));
  const sinceMs = performance.now();
  await waitFor(() => load.outcomes.some(({ sentMs }) => sentMs > sinceMs + 1000), {
    message: 'a second of load after the replacement',
    deadlineMs: 20_000,
  });
  ended = true;
  const outcomes = await load.done;
  const failed = outcomes.filter(({ status }) => status !== 200);
  const later = failed.filter(({ sentMs }) => sentMs > sinceMs);
  const slow = outcomes.filter(
    ({ status, sentMs, receivedMs }) =>
      status === 200 && sentMs > sentBefore && receivedMs - sentMs > SLOW_MS,
  );
  const restarts = await readMetric(edge.admin, 'headgate_worker_restarts_total', `"${cause}"`);
  const suffered = new Set([...failed, ...slow].map(({ connection }) => connection));
  return [
    {
      rule: `${signal}: replaced within ${REPLACED_WITHIN_MS} ms and counted`,
      figure: `after ${tookMs.toFixed(0)} ms, ${restarts} ${cause}`,
      passed: tookMs <= REPLACED_WITHIN_MS && restarts === 1,
    },
    {
      rule: `${signal}: only connections of that worker suffer, and nobody once it is replaced`,
      figure:
        `it had ${owned} of ${options.connections} connections, ${suffered.size} suffered: ` +
        `${failed.length} failed and ${slow.length} late of ${outcomes.length} requests, ` +
        `${later.length} failed later, ${JSON.stringify(tally(outcomes))}`,
      passed:
        suffered.size <= owned && owned > 0 && owned < options.connections && later.length === 0,
    },
  ];
}

function startLoad(edge: ClusterEdge, options: WorkerLossOptions, until: () => boolean): Load {
  return runLoad({
    urls: [`http://127.0.0.1:${edge.port}`],
    host: 'acme.test',
    perSecond: options.perSecond,
    connections: options.connections,
    until,
  });
}

/** Waits until all workers accept and none of them is the victim. */
async function replaced(
  edge: ClusterEdge,
  primary: number,
  victim: number,
  workers: number,
): Promise<void> {
  await waitFor(
    async () => {
      if ((await workersOf(primary)).includes(victim)) return false;
      return (await listeningWorkers(edge.admin)) === workers;
    },
    { message: 'a worker in its place', deadlineMs: 3 * REPLACED_WITHIN_MS },
  );
}

/** The processes that a primary has started. */
async function workersOf(primary: number): Promise<number[]> {
  return (await processTree(primary)).filter((pid) => pid !== primary);
}
