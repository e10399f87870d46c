import { mkdir } from 'node:fs/promises';
import { temporaryDirectory, waitFor } from '@headgate/testkit';
import { pinTo, pinToSide, splitCores } from '../bench/cpu-cores.ts';
import { findProgram } from '../bench/find-program.ts';
import { treeCpuUs } from '../bench/process-tree.ts';
import { startBackend } from '../bench/side-by-side/backend.ts';
import { firstEdge, startCluster, waitForRevision, type ClusterEdge } from '../cluster/cluster.ts';
import { readMetric } from './edge-metrics.ts';
import { runH2load, type H2loadReport } from './run-h2load.ts';
import { oneTenantBundle, timed, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options of {@link overload}. */
export interface OverloadOptions {
  /** Length of each phase. */
  readonly seconds: number;
  /** Connections, each with one request at a time. */
  readonly connections: number;
  /** Least goodput in the overload, as a part of the most that the edge can do. */
  readonly goodputMin: number;
}

const HOST = 'acme.test';
const WARM_SECONDS = 3;
const SHED_CPU_US_MAX = 200;
const ADMIN_WITHIN_MS = 1000;
/** Aiming at this lag, a worker sheds as soon as it is busy: so a shed reply can be weighed. */
const SHORT_LAG_MS = 2;

/** What one phase of load did, and what it cost the edge. */
interface Phase extends H2loadReport {
  /** CPU time of all processes of the edge per answer, served or shed. */
  readonly cpuUsPerAnswer: number;
  readonly levelMax: number;
  readonly adminMsMax: number;
}

/**
 * One worker gets twice the load that it can serve with as many connections: it goes on serving nearly as much. Then one
 * that is told to shed early shows what a shed reply costs.
 *
 * The edge has one core for itself; h2load and an nginx as endpoint share another.
 */
export async function overload(options: OverloadOptions, say: Say): Promise<ScenarioResult> {
  const nginx = await findProgram('nginx');
  if (nginx === null) throw new Error('the scenario needs nginx: apt-get install nginx');
  const directory = await temporaryDirectory();
  await mkdir(`${directory.path}/endpoint`);
  const endpoint = await startBackend(nginx, `${directory.path}/endpoint`);
  try {
    await pinToSide('generator', [endpoint.process.pid]);
    const usual = await withEdge(endpoint.ports, {}, async (edge) => {
      say(`the most that one worker can do with ${options.connections} connections`);
      const most = await runPhase(edge, options, 0);
      const perSecond = Math.round((2 * most.ok) / options.seconds);
      say(`${rate(most.ok, options)} served; now ${perSecond}/s, in an open loop`);
      return { most, twice: await runPhase(edge, options, perSecond), perSecond };
    });
    say('the same load on a worker that sheds early');
    const env = { HEADGATE_EDGE_OVERLOAD_LAG_MS: String(SHORT_LAG_MS) };
    const early = await withEdge(endpoint.ports, env, async (edge) => ({
      shedding: await runPhase(edge, options, usual.perSecond),
      refusing: await runPhase(edge, options, 0, 'unknown.test'),
    }));
    return { name: 'overload', checks: judge({ ...usual, ...early }, options) };
  } finally {
    await endpoint.process.stop();
    await directory.remove();
  }
}

async function withEdge<Result>(
  ports: readonly number[],
  edgeEnv: Readonly<Record<string, string>>,
  work: (edge: ClusterEdge) => Promise<Result>,
): Promise<Result> {
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    edgeEnv: { HEADGATE_EDGE_WORKERS: '1', HEADGATE_EDGE_ACCESS_RECORDS: 'off', ...edgeEnv },
  });
  try {
    const upstream = { connectionsMax: 16_384, pendingMax: 16_384 };
    const bundle = oneTenantBundle({ host: HOST, ports, upstream });
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const edge = firstEdge(cluster);
    const split = await splitCores();
    if (split !== null) await pinTo(split.others.slice(0, 1), [edge.component.process.pid]);
    return await work(edge);
  } finally {
    await cluster.stop();
  }
}

/** What the phases brought. */
interface Phases {
  readonly most: Phase;
  readonly twice: Phase;
  readonly shedding: Phase;
  /** Nothing but replies of the edge itself. */
  readonly refusing: Phase;
}

function judge(phases: Phases, options: OverloadOptions): Check[] {
  const { most, twice, shedding, refusing } = phases;
  const share = twice.ok / most.ok;
  const us = (value: number): string => `${value.toFixed(1)} µs`;
  return [
    {
      rule: 'a saturated worker sheds nothing',
      figure: `${rate(most.ok, options)} served at ${us(most.cpuUsPerAnswer)}, ${most.shed} shed, ${most.failed} failed, level ${most.levelMax}`,
      passed: most.ok > 0 && most.shed === 0 && most.failed === 0 && most.levelMax === 0,
    },
    {
      rule: `at twice the load goodput is at least ${options.goodputMin * 100} % of the most`,
      figure: `${rate(twice.ok, options)} served = ${(share * 100).toFixed(1)} %, ${twice.shed} shed, ${twice.failed} failed, level up to ${twice.levelMax}`,
      passed: share >= options.goodputMin && twice.failed === 0,
    },
    {
      rule: `a reply of the edge itself, as a shed one is, costs at most ${SHED_CPU_US_MAX} µs of CPU`,
      figure: `${us(refusing.cpuUsPerAnswer)}, at ${rate(refusing.refused, options)}`,
      passed: refusing.refused > 0 && refusing.cpuUsPerAnswer <= SHED_CPU_US_MAX,
    },
    {
      rule: `a worker that aims at a lag of ${SHORT_LAG_MS} ms sheds, and serves on`,
      figure: `${rate(shedding.shed, options)} shed beside ${rate(shedding.ok, options)} served, together ${us(shedding.cpuUsPerAnswer)} each, level up to ${shedding.levelMax}`,
      passed: shedding.shed > 0 && shedding.ok > shedding.shed,
    },
    {
      rule: `the admin listener answers within ${ADMIN_WITHIN_MS} ms`,
      figure: `slowest /readyz ${Math.max(twice.adminMsMax, shedding.adminMsMax).toFixed(0)} ms`,
      passed: Math.max(twice.adminMsMax, shedding.adminMsMax) <= ADMIN_WITHIN_MS,
    },
  ];
}

function rate(count: number, { seconds }: OverloadOptions): string {
  return `${(count / seconds).toFixed(0)}/s`;
}

/** @param perSecond of all connections together; 0: as much as the edge can do. */
async function runPhase(
  edge: ClusterEdge,
  options: OverloadOptions,
  perSecond: number,
  host = HOST,
): Promise<Phase> {
  const { connections, seconds } = options;
  const load = { port: edge.port, host, connections, perSecond };
  await runH2load({ ...load, perSecond: 0, seconds: WARM_SECONDS });
  // A worker that has stopped accepting refuses the connections of the next load.
  await waitFor(async () => (await readMetric(edge.admin, 'headgate_overload_level')) === 0, {
    message: 'the worker to be well',
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
  const cpuBefore = await treeCpuUs(pid);
  const report = await runH2load({ ...load, seconds });
  const cpuUs = (await treeCpuUs(pid)) - cpuBefore;
  clearInterval(watch);
  const answers = report.ok + report.shed + report.refused;
  return { ...report, cpuUsPerAnswer: cpuUs / answers, levelMax, adminMsMax };
}
