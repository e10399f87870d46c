import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory, waitFor } from '@headgate/testkit';
import { startCluster, type Cluster, type ClusterEdge } from '../../cluster/cluster.ts';
import { waitForPublished } from '../../cluster/wait-for-published.ts';
import { UNBOUNDED_RATES } from '../../cluster/unbounded-rates.ts';
import { lowerPriority } from '../low-priority.ts';
import { processTree, treeRssBytes, treesCpuMs } from '../process-tree.ts';
import { raiseToRealTime } from '../real-time.ts';
import { startBackend, type Backend } from '../side-by-side/backend.ts';
import { buildShippedEdge } from './shipped-edge.ts';
import { loadTenants } from './tenants.ts';

/** A cluster on PostgreSQL with a backend, whose edges are those of the images and do not run yet. */
export interface ConfigCluster {
  readonly cluster: Cluster;
  readonly backend: Backend;
  /** A directory of its own, for the files of load generators. */
  readonly directory: string;
  stop(): Promise<void>;
}

/** CPU time used so far, in ms. */
export interface ClusterCpu {
  readonly edgesMs: number;
  /** Config-service and PostgreSQL. */
  readonly controlMs: number;
}

const SYNC_DEADLINE_MS = 120_000;

const REST_DEADLINE_MS = 30_000;
const REST_LOOK_MS = 1000;
/** Of a core: what heartbeats and looks at the outbox take is less. */
const REST_SHARE = 0.1;

/** Starts everything but the edges. @param nginx path of nginx, the backend */
export async function startConfigCluster(edges: number, nginx: string): Promise<ConfigCluster> {
  const directory = await temporaryDirectory('bench-config');
  const backendDirectory = join(directory.path, 'backend');
  await mkdir(backendDirectory);
  const backend = await startBackend(nginx, backendDirectory);
  const cluster = await startCluster({
    edges,
    startEdges: false,
    healthService: false,
    edgeEntry: await buildShippedEdge(join(directory.path, 'edge')),
    database: 'postgres',
    configEnv: UNBOUNDED_RATES,
    // Their lines would go through a pipe to this process, which measures. `bench -- proxy` shows what records cost.
    edgeEnv: {
      HEADGATE_EDGE_ACCESS_RECORDS: 'off',
      HEADGATE_EDGE_DRAIN_MS: '500',
      // As long as the peers': most connections of a load generator wait for their first request.
      HEADGATE_EDGE_HEADER_TIMEOUT_MS: '3600000',
      HEADGATE_EDGE_KEEP_ALIVE_MS: '3600000',
    },
  });
  return {
    cluster,
    backend,
    directory: directory.path,
    async stop() {
      await cluster.stop();
      await backend.process.stop();
      await directory.remove();
    },
  };
}

/** Creates tenants and says how far it is; resolves when all are published, with the seconds that it took. */
export async function fillCluster(
  { cluster, backend }: Pick<ConfigCluster, 'cluster' | 'backend'>,
  tenants: number,
  say: (line: string) => void,
): Promise<number> {
  const startMs = performance.now();
  let saidMs = startMs;
  const onProgress = (loaded: number): void => {
    if (performance.now() - saidMs < 5000 || loaded === tenants) return;
    saidMs = performance.now();
    say(`${loaded.toLocaleString('en-US')} of ${tenants.toLocaleString('en-US')} tenants`);
  };
  await loadTenants(cluster.api, { count: tenants, endpointPorts: backend.ports, onProgress });
  await waitForPublished(cluster.api, SYNC_DEADLINE_MS);
  return (performance.now() - startMs) / 1000;
}

/** Starts an edge; resolves with the ms until it was ready. @param fromDisk false: its disk is emptied before */
export async function startEdge(edge: ClusterEdge, fromDisk: boolean): Promise<number> {
  if (!fromDisk) await rm(edge.dataDirectory, { recursive: true, force: true });
  const startMs = performance.now();
  await edge.component.start();
  return performance.now() - startMs;
}

/** Waits until an edge holds so many documents. */
export async function waitForDocuments(edge: ClusterEdge, documents: number): Promise<void> {
  await waitFor(async () => (await describeEdge(edge)).total === documents, {
    message: `${edge.component.name} to hold ${documents} documents`,
    deadlineMs: SYNC_DEADLINE_MS,
    intervalMs: 50,
  });
}

async function describeEdge({ admin }: ClusterEdge): Promise<{ readonly total: number }> {
  return (await (await fetch(`${admin}/config`)).json()) as { total: number }; // of our own edge
}

/** CPU time of the cluster so far. */
export async function clusterCpu(cluster: Cluster): Promise<ClusterCpu> {
  return {
    edgesMs: await treesCpuMs(cluster.edges.map(({ component }) => component.process.pid)),
    controlMs: await treesCpuMs(controlPids(cluster)),
  };
}

/**
 * Waits until the control plane does next to nothing: after 100,000 writes in a minute PostgreSQL tidies up for some seconds, on
 * what here are the cores of the edges.
 *
 * @returns for the report, if it does not come to rest in time; else null.
 */
export async function untilControlPlaneRests(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<string | null> {
  const untilMs = performance.now() + REST_DEADLINE_MS;
  let beforeMs = await treesCpuMs(controlPids(cluster));
  while (performance.now() < untilMs) {
    await sleep(REST_LOOK_MS, undefined, { signal });
    const nowMs = await treesCpuMs(controlPids(cluster));
    if (nowMs - beforeMs < REST_LOOK_MS * REST_SHARE) return null;
    beforeMs = nowMs;
  }
  return 'the control plane did not come to rest before the cold start';
}

/** The processes that bring changes to edges: config-service and PostgreSQL. */
export function controlPids({ configService, postgres }: Cluster): readonly number[] {
  return [configService.process.pid, ...(postgres === null ? [] : [postgres.pid])];
}

/**
 * In a real cluster the control plane has a machine of its own. Here, on the cores of the edges, it would take time from
 * them while it writes, and what they take would be the doing of the machine's scheduler: from now on they go first.
 * To be called when the pool of the config-service has its connections: backends that PostgreSQL starts later are in sessions
 * of usual priority.
 *
 * @returns for the report, if the system refused; else null.
 */
export async function lowerControlPlane(cluster: Cluster): Promise<string | null> {
  const refused = await lowerPriority(controlPids(cluster));
  return refused === 0
    ? null
    : `${refused} processes of the control plane could not be put at low priority`;
}

/**
 * Workers and the backend go before everything else on this machine, the primaries of the edges included. What a worker does
 * itself for a change is what its requests then wait for, and not whom the scheduler let run on its core at the time.
 *
 * @returns whether the system allows it.
 */
export async function raiseRequestPath({ cluster, backend }: ConfigCluster): Promise<boolean> {
  const edges = cluster.edges.map(({ component }) => component.process.pid);
  const trees = await Promise.all([...edges, backend.process.pid].map(processTree));
  const primaries = new Set(edges);
  return (await raiseToRealTime(trees.flat().filter((pid) => !primaries.has(pid)))) === 0;
}

/** Mean resident memory of an edge, primary and worker, in bytes. */
export async function edgeRssBytes(edges: readonly ClusterEdge[]): Promise<number> {
  const all = await Promise.all(edges.map(({ component }) => treeRssBytes(component.process.pid)));
  return all.reduce((sum, bytes) => sum + bytes, 0) / all.length;
}
