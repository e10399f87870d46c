import { setTimeout as sleep } from 'node:timers/promises';
import { startStopwatch, waitFor } from '@headgate/testkit';
import { request as send } from 'undici';
import { startCluster, waitForRevision, type Cluster } from '../cluster/cluster.ts';
import { startEndpointProcesses, type EndpointProcess } from '../cluster/endpoint-process.ts';
import { busiestWindow, runLoad, tally, type Load, type Outcome } from '../cluster/load.ts';
import type { Check, Say, ScenarioResult } from './scenario.ts';

/** Options; the full run holds each outage for 3 s. */
export interface OutagesOptions {
  /** How long each outage lasts under load, in ms. */
  readonly holdMs: number;
  /** Each part of the cluster is lost alone first. */
  readonly apart: boolean;
}

const REQUESTS_PER_SECOND = 200;
const TIGHT_LIMIT = 40;
const LIVE_WITHIN_MS = 1000;

/**
 * Under 200 requests/s: an endpoint dies, then config-service, health-service, NATS and Redis stop one after another
 * and all together. Nothing fails, limits hold, and afterwards a changed limit is live at once.
 */
export async function outages(options: OutagesOptions, say: Say): Promise<ScenarioResult> {
  const endpoints = await startEndpointProcesses(3);
  const cluster = await startCluster({ edges: 2 });
  const checks: Check[] = [];
  try {
    await waitForRevision(cluster, await cluster.api.apply(bundle(endpoints, TIGHT_LIMIT)));
    await untilShareIsKnown(cluster);
    checks.push(await endpointDies(cluster, endpoints, options, say));
    const parts = partsOf(cluster);
    for (const part of options.apart ? parts : []) {
      checks.push(...(await outage(cluster, [part], options, say)));
    }
    checks.push(...(await outage(cluster, parts, options, say)));
    checks.push(await changedLimitIsLive(cluster, endpoints, say));
    return { name: 'outages', checks };
  } finally {
    await cluster.stop();
    await Promise.all(endpoints.map(({ component }) => component.stop()));
  }
}

/** Something that can be taken away and brought back. */
interface Part {
  readonly name: string;
  down(): Promise<unknown>;
  up(): Promise<void>;
}

function partsOf(cluster: Cluster): Part[] {
  const { configService, healthService, nats, redis } = cluster;
  return [
    { name: 'config-service', down: () => configService.kill(), up: () => configService.start() },
    { name: 'health-service', down: () => healthService.kill(), up: () => healthService.start() },
    { name: 'NATS', down: () => nats.kill(), up: () => nats.restart() },
    { name: 'Redis', down: () => redis.kill(), up: () => redis.restart() },
  ];
}

function bundle(endpoints: readonly EndpointProcess[], tightLimit: number): object {
  const upstreams = {
    main: {
      endpoints: endpoints.map(({ port }) => ({ host: '127.0.0.1', port })),
      healthCheck: { type: 'http', path: '/', intervalMs: 500, timeoutMs: 500 },
    },
  };
  const routes = { all: { upstreamId: 'main' } };
  const tenant = (host: string, limit: number) => ({
    planId: 'standard',
    identity: { hosts: [host] },
    limits: [{ name: 'sec', limit, windowMs: 1000 }],
    upstreams,
    routes,
  });
  return {
    apiVersion: 'headgate/v1',
    plans: { standard: {} },
    tenants: {
      wide: tenant('wide.test', 100_000),
      tight: tenant('tight.test', tightLimit),
    },
  };
}

/** Each edge must know of the other before Redis goes, as any edge does that has run for some seconds. */
async function untilShareIsKnown(cluster: Cluster): Promise<void> {
  await waitFor(
    async () => {
      const { body } = await cluster.api.send('GET', '/v1/status');
      const edges = body['edges'];
      return Array.isArray(edges) && edges.length === cluster.edges.length;
    },
    { deadlineMs: 15_000, message: 'the config-service sees all edges' },
  );
  await sleep(1500); // one more heartbeat, so that the edges see each other too
}

async function endpointDies(
  cluster: Cluster,
  endpoints: readonly EndpointProcess[],
  options: OutagesOptions,
  say: Say,
): Promise<Check> {
  say('kill -9 one of three endpoints');
  let ended = false;
  const load = loadOn(cluster, 'wide.test', REQUESTS_PER_SECOND, () => ended);
  await sleep(options.holdMs / 3);
  await endpoints[0]?.component.kill();
  await sleep(options.holdMs);
  await endpoints[0]?.component.start();
  await sleep(options.holdMs / 3);
  ended = true;
  return allSucceeded('kill -9 one of three endpoints: 0 failed GETs', load);
}

async function outage(
  cluster: Cluster,
  parts: readonly Part[],
  options: OutagesOptions,
  say: Say,
): Promise<Check[]> {
  const name = parts.length === 1 ? (parts[0]?.name ?? '') : 'all of them together';
  say(`down: ${name}`);
  let ended = false;
  const wide = loadOn(cluster, 'wide.test', REQUESTS_PER_SECOND, () => ended);
  const tight = loadOn(cluster, 'tight.test', TIGHT_LIMIT * 3, () => ended);
  await sleep(options.holdMs / 3);
  const downMs = performance.now();
  for (const part of parts) await part.down();
  await sleep(options.holdMs);
  // The window that spans the switch may see both sides' allowance (limits.md); from there on the limit holds.
  const settledMs = downMs + 1000;
  const isSettled = ({ status, sentMs }: Outcome): boolean => status === 200 && sentMs > settledMs;
  // On a machine that is held up it may take longer; if none passes, that is told below.
  const passes = waitFor(() => tight.outcomes.some(isSettled), { message: 'a request to pass' });
  await passes.catch(() => undefined);
  const upMs = performance.now();
  await Promise.all(parts.map((part) => part.up()));
  await sleep(options.holdMs / 3);
  ended = true;
  const succeeded = await allSucceeded(`${name} down: 0 failed requests`, wide);
  const outcomes = await tight.done;
  const settled = outcomes.filter((outcome) => isSettled(outcome) && outcome.receivedMs < upMs);
  const busiest = busiestWindow(settled, 1000);
  const counts = tally(outcomes);
  const odd = outcomes.filter(({ status }) => status !== 200 && status !== 429).length;
  return [
    succeeded,
    {
      rule: `${name} down: the limit of ${TIGHT_LIMIT}/s holds and lets requests pass, no errors`,
      figure: `busiest window ${busiest}, ${settled.length} admitted, ${JSON.stringify(counts)}`,
      passed: busiest <= TIGHT_LIMIT && settled.length > 0 && odd === 0,
    },
  ];
}

async function changedLimitIsLive(
  cluster: Cluster,
  endpoints: readonly EndpointProcess[],
  say: Say,
): Promise<Check> {
  say('a changed limit');
  const raised = TIGHT_LIMIT * 2;
  const revision = await cluster.api.apply(bundle(endpoints, raised));
  const stopwatch = startStopwatch();
  const liveMs = await Promise.all(
    cluster.edges.map(async ({ port }) => {
      await waitFor(
        async () => {
          const response = await send(`http://127.0.0.1:${port}/`, {
            headers: { host: 'tight.test' },
          });
          await response.body.dump();
          return String(response.headers['ratelimit-policy']).includes(`q=${raised};`);
        },
        { deadlineMs: 10_000, intervalMs: 5, message: `revision ${revision} is enforced` },
      );
      return stopwatch.elapsedMs();
    }),
  );
  stopwatch.stop();
  const slowest = Math.max(...liveMs);
  return {
    rule: `after all are back: a changed limit is live on both edges within ${LIVE_WITHIN_MS} ms`,
    figure: `${slowest.toFixed(0)} ms`,
    passed: slowest <= LIVE_WITHIN_MS,
  };
}

function loadOn(cluster: Cluster, host: string, perSecond: number, until: () => boolean): Load {
  const urls = cluster.edges.map((edge) => `http://127.0.0.1:${edge.port}`);
  return runLoad({ urls, host, perSecond, until });
}

async function allSucceeded(rule: string, load: Load): Promise<Check> {
  const outcomes = await load.done;
  const failed = outcomes.filter(({ status }) => status !== 200).length;
  const figure = `${failed} of ${outcomes.length} failed, ${JSON.stringify(tally(outcomes))}`;
  return { rule, figure, passed: failed === 0 && outcomes.length > 0 };
}
