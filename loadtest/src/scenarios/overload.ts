import { fileURLToPath } from 'node:url';
import { freePort, startProcess, type StartedProcess } from '@headgate/testkit';
import { treeCpuUs } from '../bench/process-tree.ts';
import { startCluster, waitForRevision, type ClusterEdge } from '../cluster/cluster.ts';
import type { OpenLoopCounts } from '../cluster/open-loop-main.ts';
import { readMetric } from './edge-metrics.ts';
import { oneTenantBundle, timed, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run is 10 s at the most that the edge can do and 15 s at twice that. */
export interface OverloadOptions {
  readonly seconds: number;
  /** Most connections of the overload; each carries one request at a time. */
  readonly connections: number;
  /** Chunks of an answer: they make a request cost the edge far more than endpoint and generator. */
  readonly chunks: number;
  /** Least goodput in the overload, as a part of the most that the edge can do. */
  readonly goodputMin: number;
}

const GENERATOR = fileURLToPath(new URL('../cluster/open-loop-main.ts', import.meta.url));
const ENDPOINT = fileURLToPath(new URL('../cluster/plain-endpoint-main.ts', import.meta.url));

/** Clients give up after this time; an answer after it is worth nothing. */
const TIMEOUT_MS = 1000;
const WARM_SECONDS = 4;
/** Connections that saturate one worker, but do not overload it. */
const SATURATING = 64;
const SHED_CPU_US_MAX = 200;
const ADMIN_WITHIN_MS = 1000;

/** What one phase of load did, and what it cost the edge. */
interface Phase extends OpenLoopCounts {
  /** CPU time of all processes of the edge, per second of load. */
  readonly cpuUsPerSecond: number;
  readonly levelMax: number;
  readonly adminMsMax: number;
}

/** One worker gets twice the load that it can serve: it goes on serving nearly as much, and sheds the rest cheaply. */
export async function overload(options: OverloadOptions, say: Say): Promise<ScenarioResult> {
  const port = await freePort();
  const endpoint = await startProcess({
    name: 'endpoint',
    command: process.execPath,
    args: [ENDPOINT, String(port), String(options.chunks)],
    readyWhen: /listening/,
  });
  const cluster = await startCluster({ edges: 1, healthService: false });
  try {
    const upstream = { connectionsMax: 16_384, pendingMax: 16_384 };
    const bundle = oneTenantBundle({ host: 'acme.test', ports: [port], upstream });
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const [edge] = cluster.edges;
    if (edge === undefined) throw new Error('the cluster has no edge');
    say(`the most that one worker can do: ${SATURATING} connections, closed loop`);
    const most = await runPhase(edge, options, SATURATING, 0);
    const perSecond = Math.round((2 * most.ok) / options.seconds);
    say(`${most.ok / options.seconds} requests/s; now ${perSecond} requests/s, open loop`);
    const twice = await runPhase(edge, options, options.connections, perSecond);
    return { name: 'overload', checks: judge(most, twice, options) };
  } finally {
    await cluster.stop();
    await endpoint.stop();
  }
}

function judge(most: Phase, twice: Phase, options: OverloadOptions): Check[] {
  const { seconds, goodputMin } = options;
  const share = twice.ok / most.ok;
  const servedUs = (most.cpuUsPerSecond * seconds) / most.ok;
  const shedUs = Math.max(0, twice.cpuUsPerSecond * seconds - twice.ok * servedUs) / twice.shed;
  const rate = (count: number): string => `${(count / seconds).toFixed(0)}/s`;
  const cores = ({ cpuUsPerSecond }: Phase): string => `${(cpuUsPerSecond / 1e6).toFixed(2)} cores`;
  return [
    {
      rule: `a saturated worker sheds nothing`,
      figure: `${rate(most.ok)} served with ${cores(most)}, ${most.shed} shed, ${most.failed} failed, level ${most.levelMax}`,
      passed: most.ok > 0 && most.shed === 0 && most.failed === 0 && most.levelMax === 0,
    },
    {
      rule: `at twice the load goodput is at least ${goodputMin * 100} % of the most`,
      figure:
        `${rate(twice.ok)} served within ${TIMEOUT_MS} ms = ${(share * 100).toFixed(1)} %, ` +
        `with ${cores(twice)}, ${rate(twice.shed)} shed, ${rate(twice.failed)} failed, level up to ${twice.levelMax}`,
      passed: share >= goodputMin,
    },
    {
      rule: `a shed reply costs at most ${SHED_CPU_US_MAX} µs of CPU`,
      figure:
        twice.shed === 0
          ? 'nothing was shed: all connections together fit into the time that clients wait'
          : `${shedUs.toFixed(1)} µs; a served request ${servedUs.toFixed(1)} µs`,
      passed: twice.shed === 0 || shedUs <= SHED_CPU_US_MAX,
    },
    {
      rule: `the admin listener answers within ${ADMIN_WITHIN_MS} ms`,
      figure: `slowest /readyz ${twice.adminMsMax.toFixed(0)} ms`,
      passed: twice.adminMsMax <= ADMIN_WITHIN_MS,
    },
  ];
}

async function runPhase(
  edge: ClusterEdge,
  options: OverloadOptions,
  connections: number,
  perSecond: number,
): Promise<Phase> {
  const generator = await startProcess({
    name: 'generator',
    command: process.execPath,
    args: [
      GENERATOR,
      JSON.stringify({
        port: edge.port,
        host: 'acme.test',
        connections,
        perSecond,
        seconds: options.seconds,
        warmSeconds: WARM_SECONDS,
        timeoutMs: TIMEOUT_MS,
      }),
    ],
    readyWhen: /started/,
    readyTimeoutMs: 30_000,
  });
  let levelMax = 0;
  let adminMsMax = 0;
  const watch = setInterval(() => {
    void readMetric(edge.admin, 'headgate_overload_level').then(
      (level) => (levelMax = Math.max(levelMax, level)),
    );
    void timed(async () => (await fetch(`${edge.admin}/readyz`)).text()).then(
      ([, tookMs]) => (adminMsMax = Math.max(adminMsMax, tookMs)),
    );
  }, 500);
  const { pid } = edge.component.process;
  await new Promise((resolve) => setTimeout(resolve, WARM_SECONDS * 1000));
  const [cpuBefore, fromMs] = [await treeCpuUs(pid), performance.now()];
  await ended(generator, options.seconds * 1000 + 30_000);
  const cpuUs = (await treeCpuUs(pid)) - cpuBefore;
  const cpuUsPerSecond = (cpuUs * 1000) / (performance.now() - fromMs);
  clearInterval(watch);
  const line = generator.stdout().at(-1) ?? '{}';
  const counts = JSON.parse(line) as OpenLoopCounts; // printed by our generator
  return { ...counts, cpuUsPerSecond, levelMax, adminMsMax };
}

async function ended(generator: StartedProcess, deadlineMs: number): Promise<void> {
  const timer = setTimeout(() => generator.kill('SIGKILL'), deadlineMs);
  const exit = await generator.exited;
  clearTimeout(timer);
  if (exit.code !== 0) throw new Error(`the generator failed: ${generator.stderr().join('\n')}`);
}
