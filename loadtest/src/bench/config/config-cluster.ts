import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory, waitFor } from '@headgate/testkit';
import { startCluster, type Cluster, type ClusterEdge } from '../../cluster/cluster.ts';
import { treeCpuUs, treeRssBytes } from '../process-tree.ts';
import { startBackend, type Backend } from '../side-by-side/backend.ts';
import { loadTenants } from './tenants.ts';

/** A cluster on PostgreSQL with a backend, whose edges do not run yet. */
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
    database: 'postgres',
    // One client makes all changes.
    configEnv: { HEADGATE_CONFIG_REQUESTS_PER_SECOND: '1000000' },
    // Their lines would go through a pipe to this process, which measures. `bench -- proxy` shows what records cost.
    edgeEnv: { HEADGATE_EDGE_ACCESS_RECORDS: 'off', HEADGATE_EDGE_DRAIN_MS: '500' },
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
  await loadTenants(cluster.api, tenants, backend.ports, (loaded) => {
    if (performance.now() - saidMs < 5000 || loaded === tenants) return;
    saidMs = performance.now();
    say(`${loaded.toLocaleString('en-US')} of ${tenants.toLocaleString('en-US')} tenants`);
  });
  await waitFor(
    async () => {
      const { body } = await cluster.api.send('GET', '/v1/status');
      return (body['outbox'] as { readonly pending: number }).pending === 0; // of our own service
    },
    { message: 'all tenants to be published', deadlineMs: SYNC_DEADLINE_MS, intervalMs: 50 },
  );
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
export async function clusterCpu({ edges, configService, postgres }: Cluster): Promise<ClusterCpu> {
  const usedMs = async (pids: readonly number[]): Promise<number> => {
    const used = await Promise.all(pids.map(treeCpuUs));
    return used.reduce((sum, us) => sum + us, 0) / 1000;
  };
  const control = [configService.process.pid, ...(postgres === null ? [] : [postgres.pid])];
  return {
    edgesMs: await usedMs(edges.map(({ component }) => component.process.pid)),
    controlMs: await usedMs(control),
  };
}

/** Mean resident memory of an edge, primary and worker, in bytes. */
export async function edgeRssBytes(edges: readonly ClusterEdge[]): Promise<number> {
  const all = await Promise.all(edges.map(({ component }) => treeRssBytes(component.process.pid)));
  return all.reduce((sum, bytes) => sum + bytes, 0) / all.length;
}
