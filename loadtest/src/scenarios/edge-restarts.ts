import { setTimeout as sleep } from 'node:timers/promises';
import { request as send } from 'undici';
import {
  firstEdge,
  startCluster,
  startEndpoints,
  waitForRevision,
  type ClusterEdge,
} from '../cluster/cluster.ts';
import { runLoad, tally } from '../cluster/load.ts';
import { oneTenantBundle, timed, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run is 20 rounds of a rolling restart at 500 requests/s. */
export interface EdgeRestartsOptions {
  readonly rollingRestarts: number;
  readonly perSecond: number;
  /** An edge has to serve from its disk alone in this time; 3,000 in the full run. */
  readonly fromDiskWithinMs: number;
}

/** Edges restart one after the other under load; and one comes back from its disk alone. */
export async function edgeRestarts(
  options: EdgeRestartsOptions,
  say: Say,
): Promise<ScenarioResult> {
  const endpoints = await startEndpoints(2);
  const cluster = await startCluster({ edges: 2, sharedPort: true });
  const checks: Check[] = [];
  try {
    const ports = endpoints.map((endpoint) => endpoint.port);
    await waitForRevision(
      cluster,
      await cluster.api.apply(oneTenantBundle({ host: 'acme.test', ports })),
    );
    checks.push(await rollingRestart(cluster.edges, options, say));
    const edge = firstEdge(cluster);
    say('kill -9 an edge, start it with NATS and the config-service down');
    await cluster.edges[1]?.component.stop();
    await sleep(500); // the last good configuration is written within 100 ms
    await edge.component.kill();
    await cluster.nats.kill();
    await cluster.configService.kill();
    const [status, tookMs] = await timed(async () => {
      await edge.component.start();
      return (await get(edge)).statusCode;
    });
    checks.push({
      rule: `serves from its disk within ${options.fromDiskWithinMs} ms`,
      figure: `status ${status} after ${tookMs.toFixed(0)} ms`,
      passed: status === 200 && tookMs <= options.fromDiskWithinMs,
    });
    return { name: 'edge-restarts', checks };
  } finally {
    await cluster.stop();
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  }
}

async function rollingRestart(
  edges: readonly ClusterEdge[],
  options: EdgeRestartsOptions,
  say: Say,
): Promise<Check> {
  let ended = false;
  const { port } = firstEdge({ edges });
  const load = runLoad({
    urls: [`http://127.0.0.1:${port}`],
    host: 'acme.test',
    perSecond: options.perSecond,
    until: () => ended,
    connections: 16,
  });
  for (let round = 1; round <= options.rollingRestarts; round += 1) {
    for (const { component } of edges) {
      say(`rolling restart ${round}: ${component.name}`);
      await component.stop();
      await component.start();
    }
  }
  ended = true;
  const outcomes = await load.done;
  const failed = outcomes.filter(({ status }) => status !== 200).length;
  return {
    rule: `rolling restart of both edges, ${options.rollingRestarts} times: 0 failed requests`,
    figure: `${failed} of ${outcomes.length} failed, ${JSON.stringify(tally(outcomes))}`,
    passed: failed === 0 && outcomes.length > 0,
  };
}

async function get(edge: ClusterEdge) {
  const response = await send(`http://127.0.0.1:${edge.port}/`, { headers: { host: 'acme.test' } });
  await response.body.dump();
  return response;
}
