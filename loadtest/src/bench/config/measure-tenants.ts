import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterEdge } from '../../cluster/cluster.ts';
import type { OpenLoopReport } from '../open-loop/open-loop.ts';
import { startInRealTime } from '../real-time.ts';
import { spreadOf } from '../statistics.ts';
import { Retakes } from '../stolen-time.ts';
import { tenantHost } from '../side-by-side/tenant-documents.ts';
import {
  clusterCpu,
  edgeRssBytes,
  fillCluster,
  lowerControlPlane,
  raiseRequestPath,
  startConfigCluster,
  startEdge,
  untilControlPlaneRests,
  waitForDocuments,
  type ConfigCluster,
} from './config-cluster.ts';
import { effectFigures, type ConfigRow } from './config-row.ts';
import { EdgeProbe } from './edge-probe.ts';
import { makePacedChanges } from './paced-changes.ts';
import {
  CHANGE_DEADLINE_MS,
  CHANGE_GAP_MS,
  CHANGES_PER_SECOND,
  EDGES,
  TRAFFIC_PER_SECOND,
  WARM_UP_PER_SECOND,
  type ConfigSchedule,
} from './settings.ts';
import { sumOf } from './sum-of-reports.ts';
import { changedPath, changeTenant, tenantOfChange } from './tenants.ts';
import { underTraffic, writeTrafficHosts, type Traffic, type UnderTraffic } from './traffic.ts';

/** What a measurement works with. */
export interface MeasureContext {
  readonly schedule: ConfigSchedule;
  /** Path of nginx, the backend. */
  readonly nginx: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Measures a cluster with so many tenants. @throws Error if something does not work: there is no figure then. */
export async function measureTenants(tenants: number, context: MeasureContext): Promise<ConfigRow> {
  const { nginx, say, signal } = context;
  say(`start a cluster for ${tenants.toLocaleString('en-US')} tenants`);
  const parts = await startConfigCluster(EDGES, nginx);
  try {
    const run = new TenantsRun(tenants, parts, context);
    const starts = await run.fill();
    signal.throwIfAborted();
    const traffic: Traffic = {
      ports: parts.cluster.edges.map(({ port }) => port),
      hostsFile: await writeTrafficHosts(parts.directory, tenants),
      perSecond: TRAFFIC_PER_SECOND,
      signal,
    };
    await run.warmUp(traffic);
    const followed = await run.followChanges(traffic);
    const { quiet, changing } = await run.loadWithChanges(traffic);
    const cpu = await run.cpuPerChange();
    const restartMs = await run.restart();
    return {
      name: 'headgate',
      profile: `tenants-${tenants}`,
      tenants,
      edges: EDGES,
      ...followed,
      ...cpu,
      ...starts,
      restartMs,
      ...sumOf(...run.reports),
      quietP99Ms: medianOf(quiet, ({ report }) => report.p99Ms),
      changingP99Ms: medianOf(changing, ({ report }) => report.p99Ms),
      changesPerSecondUnderLoad: medianOf(changing, ({ value }) => value),
      stolenPercentMax: Math.max(...[...quiet, ...changing].map((phase) => phase.stolenPercent)),
    };
  } finally {
    await parts.stop();
  }
}

/** Requests for a while; the value is how many changes were made per second meanwhile. */
interface TrafficPhase extends UnderTraffic<number> {
  readonly stolenPercent: number;
}

function medianOf(phases: readonly TrafficPhase[], figure: (phase: TrafficPhase) => number) {
  return spreadOf(phases.map(figure)).median;
}

/** The phases of one measurement, in order. */
class TenantsRun {
  /** Of all phases with requests so far, without the warm-up. */
  readonly reports: OpenLoopReport[] = [];
  readonly #tenants: number;
  readonly #parts: ConfigCluster;
  readonly #context: MeasureContext;
  readonly #retakes: Retakes;
  #change = 0;

  constructor(tenants: number, parts: ConfigCluster, context: MeasureContext) {
    this.#tenants = tenants;
    this.#parts = parts;
    this.#context = context;
    const { retakesMax } = context.schedule;
    this.#retakes = new Retakes(retakesMax, { say: context.say });
  }

  /** Creates the tenants and starts the edges, the first one alone, without and then with tenants. */
  async fill() {
    const { say, signal } = this.#context;
    const { edges } = this.#parts.cluster;
    const first = edges.slice(0, 1);
    const [edge] = first;
    if (edge === undefined) throw new Error('the cluster has no edge');
    await startEdge(edge, false);
    const emptyBytes = await edgeRssBytes(first);
    await edge.component.stop();
    signal.throwIfAborted();
    const loadSeconds = await fillCluster(this.#parts, this.#tenants, say);
    const unrest = await untilControlPlaneRests(this.#parts.cluster, signal);
    if (unrest !== null) say(unrest);
    const coldStartsMs = await this.#startCold(edge);
    await this.#waitForAll(first);
    const rssBytes = await edgeRssBytes(first);
    const starts = coldStartsMs.map((ms) => ms.toFixed(0)).join(', ');
    say(`loaded in ${loadSeconds.toFixed(1)} s; cold starts ${starts} ms`);
    const coldStart = spreadOf(coldStartsMs);
    const others = edges.slice(1);
    await Promise.all(others.map((other) => startEdge(other, false)));
    await this.#waitForAll(others);
    return {
      loadSeconds,
      coldStartMs: coldStart.median,
      coldStartMinMs: coldStart.min,
      coldStartMaxMs: coldStart.max,
      rssMib: rssBytes / 1_048_576,
      rssKiBPerTenant: (rssBytes - emptyBytes) / 1024 / this.#tenants,
    };
  }

  /** Starts an edge with an empty disk, again and again; it runs afterwards. */
  async #startCold(edge: ClusterEdge): Promise<readonly number[]> {
    const { schedule, signal } = this.#context;
    const startsMs: number[] = [];
    while (startsMs.length < schedule.coldStarts) {
      signal.throwIfAborted();
      if (startsMs.length > 0) await edge.component.stop();
      startsMs.push(await startEdge(edge, false));
    }
    return startsMs;
  }

  async warmUp(traffic: Traffic): Promise<void> {
    const { warmUpChanges } = this.#context.schedule;
    const seconds = warmUpChanges / CHANGES_PER_SECOND;
    const manyRequests = { ...traffic, perSecond: WARM_UP_PER_SECOND };
    await underTraffic(manyRequests, seconds, () => this.#makeChanges(warmUpChanges));
  }

  /** Changes one after the other, each followed until every edge answers as it says. */
  async followChanges(traffic: Traffic) {
    const { followedChanges: count } = this.#context.schedule;
    const { edges } = this.#parts.cluster;
    const probes = await Promise.all(edges.map(({ port }) => EdgeProbe.open(port)));
    const seconds = (count * CHANGE_GAP_MS) / 1000;
    const follow = async (): Promise<readonly number[]> => {
      const all: number[] = [];
      const startMs = performance.now();
      for (let index = 0; index < count; index += 1) {
        this.#context.signal.throwIfAborted();
        await sleep(Math.max(0, startMs + index * CHANGE_GAP_MS - performance.now()));
        all.push(await this.#followChange(probes));
      }
      return all;
    };
    const taken = await this.#retakes.measure('in effect', () =>
      this.#underTraffic(traffic, seconds, follow),
    );
    const { value: tookMs } = taken.value;
    for (const probe of probes) probe.close();
    const figures = effectFigures(tookMs);
    this.#context.say(`in effect on all edges: p99 ${figures.p99Ms.toFixed(1)} ms`);
    return figures;
  }

  /** Requests without changes, and with many, in turn. The control plane makes them in what time the edges leave it. */
  async loadWithChanges(usual: Traffic) {
    const { trafficSeconds: seconds, trafficRounds: rounds } = this.#context.schedule;
    const traffic = await this.#putFirst(usual);
    const phases = { quiet: 0, changing: seconds * CHANGES_PER_SECOND };
    const measured = { quiet: [] as TrafficPhase[], changing: [] as TrafficPhase[] };
    for (let round = 0; round < rounds; round += 1) {
      for (const phase of ['quiet', 'changing'] as const) {
        const { value, stolenPercent } = await this.#retakes.measure(phase, () =>
          this.#underTraffic(traffic, seconds, () => this.#makeChanges(phases[phase])),
        );
        measured[phase].push({ ...value, stolenPercent });
        this.#context.say(`${phase}: p99 ${value.report.p99Ms.toFixed(2)} ms`);
      }
    }
    return measured;
  }

  /** From now on requests go before all else; where the system refuses that, the control plane comes last at least. */
  async #putFirst(traffic: Traffic): Promise<Traffic> {
    if (await raiseRequestPath(this.#parts)) return { ...traffic, startBy: startInRealTime() };
    const refusal = await lowerControlPlane(this.#parts.cluster);
    this.#context.say('real-time priority was refused: requests wait for what runs beside them');
    if (refusal !== null) this.#context.say(refusal);
    return traffic;
  }

  /** Every report counts for what has failed, also those of phases that are taken again. */
  async #underTraffic<Value>(traffic: Traffic, seconds: number, work: () => Promise<Value>) {
    const loaded = await underTraffic(traffic, seconds, work);
    this.reports.push(loaded.report);
    return loaded;
  }

  /** CPU time without requests: what an edge uses anyway is taken off. */
  async cpuPerChange() {
    const { idleSeconds, cpuSeconds } = this.#context.schedule;
    const { cluster } = this.#parts;
    const changes = cpuSeconds * CHANGES_PER_SECOND;
    const startMs = performance.now();
    const start = await clusterCpu(cluster);
    await sleep(idleSeconds * 1000);
    const before = await clusterCpu(cluster);
    const beforeMs = performance.now();
    const changesPerSecond = await this.#makeChanges(changes);
    await sleep(500); // the writing to disk follows
    const after = await clusterCpu(cluster);
    const times = (performance.now() - beforeMs) / (beforeMs - startMs);
    const own = (key: keyof typeof start): number =>
      (after[key] - before[key] - (before[key] - start[key]) * times) / changes;
    return {
      cpuMsPerChange: own('edgesMs') / EDGES,
      controlCpuMsPerChange: own('controlMs'),
      changesPerSecond,
    };
  }

  /** Stops an edge and starts it from its disk. */
  async restart(): Promise<number> {
    const edge = this.#parts.cluster.edges.at(-1);
    if (edge === undefined) throw new Error('the cluster has no edge');
    await edge.component.stop();
    const restartMs = await startEdge(edge, true);
    await this.#waitForAll([edge]);
    return restartMs;
  }

  async #waitForAll(edges: readonly ClusterEdge[]): Promise<void> {
    for (const edge of edges) await waitForDocuments(edge, this.#tenants + 1); // and a plan
  }

  #makeChanges(count: number): Promise<number> {
    const change = async (): Promise<void> => void (await this.#makeChange());
    const { signal } = this.#context;
    return makePacedChanges({ perSecond: CHANGES_PER_SECOND, count, change, signal });
  }

  async #makeChange(): Promise<{ readonly tenant: number; readonly change: number }> {
    this.#change += 1;
    const change = this.#change;
    const tenant = tenantOfChange(change, this.#tenants);
    await changeTenant(this.#parts.cluster.api, tenant, change);
    return { tenant, change };
  }

  /** Time in ms from the reply of the config-service until the last edge answers as changed. */
  async #followChange(probes: readonly EdgeProbe[]): Promise<number> {
    const { tenant, change } = await this.#makeChange();
    const repliedMs = performance.now();
    const path = changedPath(change);
    const atMs = await Promise.all(
      probes.map((probe) => probe.untilOk(tenantHost(tenant), path, CHANGE_DEADLINE_MS)),
    );
    return Math.max(...atMs) - repliedMs;
  }
}
