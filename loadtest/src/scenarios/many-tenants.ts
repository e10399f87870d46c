import { request as send } from 'undici';
import { treeRssBytes } from '../bench/process-tree.ts';
import { firstEdge, startCluster, startEndpoints, waitForRevision } from '../cluster/cluster.ts';
import { timed, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run has 10,000 tenants. */
export interface ManyTenantsOptions {
  readonly tenants: number;
}

/** Thousands of tenants applied in one bundle: all are served, and the edge tells what they cost. */
export async function manyTenants(options: ManyTenantsOptions, say: Say): Promise<ScenarioResult> {
  const endpoints = await startEndpoints(1);
  const cluster = await startCluster({ edges: 1, healthService: false });
  try {
    const edge = firstEdge(cluster);
    const before = await treeRssBytes(edge.component.process.pid);
    const bundle = manyTenantsBundle(options.tenants, endpoints[0]?.port ?? 0);
    say(`applying ${options.tenants} tenants`);
    const [revision, applyMs] = await timed(() => cluster.api.apply(bundle));
    const [, convergeMs] = await timed(() => waitForRevision(cluster, revision, 60_000));
    const after = await treeRssBytes(edge.component.process.pid);
    say('restarting the edge from its disk');
    await edge.component.stop();
    const [, restartMs] = await timed(() => edge.component.start());
    const restarted = await treeRssBytes(edge.component.process.pid);
    const samples = [0, Math.floor(options.tenants / 2), options.tenants - 1];
    const statuses: number[] = [];
    for (const index of samples) {
      const url = `http://127.0.0.1:${edge.port}/`;
      const response = await send(url, { headers: { host: `tenant-${index}.test` } });
      await response.body.dump();
      statuses.push(response.statusCode);
    }
    const config = (await (await fetch(`${edge.admin}/config`)).json()) as { total: number }; // of our own edge
    const mebibytes = (bytes: number) => (bytes / 1_048_576).toFixed(0);
    return {
      name: 'many-tenants',
      checks: [
        {
          rule: `the edge holds ${options.tenants} tenants and their plan, and serves them`,
          figure:
            `${config.total} documents, statuses ${statuses.join(', ')}; apply ${applyMs.toFixed(0)} ms, ` +
            `live after another ${convergeMs.toFixed(0)} ms, restart to ready ${restartMs.toFixed(0)} ms; RSS ` +
            `${mebibytes(before)} MiB empty, ${mebibytes(after)} MiB after, ${mebibytes(restarted)} MiB restarted`,
          passed:
            config.total === options.tenants + 1 && statuses.every((status) => status === 200),
        },
      ],
    };
  } finally {
    await cluster.stop();
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  }
}

/** Tenants with a host `tenant-<number>.test`, a limit that no scenario reaches by chance, and a route, on one plan. */
export function manyTenantsBundle(count: number, port: number): object {
  const tenants: Record<string, object> = {};
  for (let index = 0; index < count; index += 1) {
    tenants[`tenant-${index}`] = {
      planId: 'standard',
      identity: { hosts: [`tenant-${index}.test`] },
      upstreams: { main: { endpoints: [{ host: '127.0.0.1', port }] } },
      routes: { all: { upstreamId: 'main' } },
    };
  }
  return {
    apiVersion: 'headgate/v1',
    plans: { standard: { limits: [{ name: 'sec', limit: 100, windowMs: 1000 }] } },
    tenants,
  };
}
