import { fileURLToPath } from 'node:url';
import { startProcess, waitFor } from '@headgate/testkit';
import { request } from 'undici';
import { percentileOf } from '../bench/statistics.ts';
import {
  firstEdge,
  startCluster,
  startEndpoints,
  waitForRevision,
  type Cluster,
} from '../cluster/cluster.ts';
import { runLoad, tally, type Load, type Outcome } from '../cluster/load.ts';
import { waitForPublished } from '../cluster/wait-for-published.ts';
import { endedWorkers, listeningWorkers } from './edge-metrics.ts';
import { manyTenantsBundle } from './many-tenants.ts';
import type { Check, Say, ScenarioResult } from './scenario.ts';

/** Options; the full run is one poisoned tenant among 5,000, with a timer of 60 s. */
export interface PoisonedTenantOptions {
  readonly tenants: number;
  /** How long the others are watched without poison, and at least with it, in ms. */
  readonly watchMs: number;
  /** Time from the poisoned document to the exception of its timer, in ms. */
  readonly timerMs: number;
  /** The 99th percentile of the others may rise by a tenth, or up to this. */
  readonly p99FloorMs: number;
}

const EDGE = fileURLToPath(
  new URL('../../../services/edge/test/support/scaled-edge.ts', import.meta.url),
);
const CLI = fileURLToPath(new URL('../../../services/cli/src/main.ts', import.meta.url));
const WORKERS = 2;
const CONNECTIONS = 16;
const PER_SECOND = 200;
const NEIGHBOURS = 16;
const VICTIM = 'tenant-0';
const SETTLED_WITHIN_MS = 30_000;
/** Of an edge: so many requests in a row that throw. */
const THROWS_MAX = 3;
/** Workers that all accept for so long have no timer of the withdrawn revision left. */
const CALM_MS = 1500;

/**
 * One tenant gets a revision that does not compile, one with which its requests throw, one that throws in a timer later,
 * and one with which workers throw although nothing tells whose fault it is: a real edge whose workers have these bugs.
 * All others are watched meanwhile.
 */
export async function poisonedTenant(
  options: PoisonedTenantOptions,
  say: Say,
): Promise<ScenarioResult> {
  const endpoints = await startEndpoints(1);
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    // It starts with all tenants: what an edge starts with is good, what comes later is on probation.
    startEdges: false,
    edgeEntry: EDGE,
    edgeEnv: {
      HEADGATE_EDGE_WORKERS: String(WORKERS),
      POISON_MOMENT_MS: String(options.timerMs),
    },
  });
  try {
    say(`${options.tenants} tenants`);
    const bundle = manyTenantsBundle(options.tenants, endpoints[0]?.port ?? 0);
    const revision = await cluster.api.apply(bundle);
    await waitForPublished(cluster.api, 60_000);
    await firstEdge(cluster).component.start();
    await waitForRevision(cluster, revision);
    const run = new PoisonRun(cluster, options, say);
    const { timerMs } = options;
    const checks = [
      ...(await run.refused()),
      ...(await run.throwing()),
      ...(await run.timer(timerMs)),
      ...(await run.stray(timerMs)),
    ];
    return { name: 'poisoned-tenant', checks };
  } finally {
    await cluster.stop();
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  }
}

/** The others, before and after the victim got its poison. */
interface Watched {
  readonly before: readonly Outcome[];
  readonly after: readonly Outcome[];
}

class PoisonRun {
  readonly #cluster: Cluster;
  readonly #options: PoisonedTenantOptions;
  readonly #say: Say;
  readonly #neighbours: readonly string[];
  /** The last answer to the victim that was an error. */
  #refusal = '';

  constructor(cluster: Cluster, options: PoisonedTenantOptions, say: Say) {
    this.#cluster = cluster;
    this.#options = options;
    this.#say = say;
    const stride = Math.floor((options.tenants - 1) / NEIGHBOURS);
    this.#neighbours = Array.from(
      { length: NEIGHBOURS },
      (_, index) => `tenant-${1 + index * stride}.test`,
    );
  }

  async refused(): Promise<readonly Check[]> {
    const rule = 'a revision that does not compile';
    let told = '';
    let own = 0;
    const watched = await this.#watch('poison-refused', async () => {
      told = await this.#told('does not compile');
      own = await this.#ownStatus();
    });
    return [
      this.#othersUnchanged(rule, watched),
      this.#othersAsFast(rule, watched),
      {
        rule: `${rule}: the one before it serves, and headgate status tells why`,
        figure: `${own}; ${told}`,
        passed: own === 200 && told !== '',
      },
    ];
  }

  async throwing(): Promise<readonly Check[]> {
    const rule = 'requests that throw';
    const own = new Map<number, number>();
    let told = '';
    let last = 0;
    const watched = await this.#watch('poison-request', async () => {
      const isBack = async (): Promise<boolean> => {
        const status = await this.#ownStatus();
        own.set(status, (own.get(status) ?? 0) + 1);
        return status === 200 && (own.get(500) ?? 0) >= THROWS_MAX;
      };
      await waitFor(isBack, {
        message: 'the revision before the one whose requests throw',
        deadlineMs: SETTLED_WITHIN_MS,
      });
      told = await this.#told('requests in a row threw');
      last = await this.#settledStatus();
    });
    const ended = await endedWorkers(firstEdge(this.#cluster).admin);
    const thrown = own.get(500) ?? 0;
    const others = [...own.keys()].filter((status) => status !== 500 && status !== 200);
    return [
      this.#othersUnchanged(rule, watched),
      this.#othersAsFast(rule, watched),
      {
        rule: `${rule}: a 500 each, until after ${THROWS_MAX} in a row in one worker the revision before it serves; no worker ends, and headgate status tells why`,
        figure: `own answers ${JSON.stringify(Object.fromEntries(own))}, then ${last}; ${ended} workers ended; ${told}`,
        passed:
          thrown >= THROWS_MAX &&
          thrown <= WORKERS * THROWS_MAX &&
          others.length === 0 &&
          last === 200 &&
          ended === 0 &&
          told !== '',
      },
    ];
  }

  /** A timer that the compilation of the revision began: the edge knows whose it is. */
  async timer(timerMs: number): Promise<readonly Check[]> {
    const rule = `a timer that throws after ${timerMs} ms`;
    const { watched, told, own, ended } = await this.#watchTimer(
      'poison-throw',
      'threw outside of requests',
    );
    return [
      this.#othersUnchanged(rule, watched),
      this.#othersAsFast(rule, watched),
      {
        rule: `${rule}: no worker ends, the revision before it serves, and headgate status tells why`,
        figure: `${ended} workers ended; ${own}; ${told}`,
        passed: ended === 0 && own === 200 && told !== '',
      },
    ];
  }

  /** A timer that nothing ties to the revision, in all workers at the same time, and in those that replace them. */
  async stray(timerMs: number): Promise<readonly Check[]> {
    const rule = `a timer that is nobody's and throws after ${timerMs} ms`;
    const { watched, told, own, ended } = await this.#watchTimer('poison-stray', 'workers ended');
    return [
      this.#othersUnchanged(rule, watched),
      this.#othersAsFast(rule, watched),
      {
        rule: `${rule}: workers are replaced one by one, the revision before it serves, and headgate status tells why`,
        figure: `${ended} workers replaced; ${own}; ${told}`,
        passed: ended >= WORKERS && own === 200 && told !== '',
      },
    ];
  }

  async #watchTimer(
    poison: string,
    words: string,
  ): Promise<{ watched: Watched; told: string; own: number; ended: number }> {
    const edge = firstEdge(this.#cluster);
    const before = await endedWorkers(edge.admin);
    let told = '';
    let own = 0;
    const watched = await this.#watch(poison, async () => {
      told = await this.#told(words);
      await this.#calm();
      own = await this.#settledStatus();
    });
    const ended = (await endedWorkers(edge.admin)) - before;
    return { watched, told, own: edge.component.running ? own : 0, ended };
  }

  /** The status of the victim once it is 200 on many new connections, so on all workers; else the last one. */
  async #settledStatus(): Promise<number> {
    let last = 0;
    const isServed = async (): Promise<boolean> => {
      for (let count = 0; count < 8 * WORKERS; count += 1) {
        last = await this.#ownStatus();
        if (last !== 200) return false;
      }
      return true;
    };
    const limits = { message: 'the revision before', deadlineMs: SETTLED_WITHIN_MS / 3 };
    await waitFor(isServed, limits).catch(() => undefined); // the status tells
    if (last >= 400) this.#say(`the victim still gets ${this.#refusal}`);
    return last;
  }

  /** Resolves when all workers have accepted for a while. */
  async #calm(): Promise<void> {
    const { admin } = firstEdge(this.#cluster);
    let ended = -1;
    let sinceMs = 0;
    await waitFor(
      async () => {
        const [nowEnded, listening] = [await endedWorkers(admin), await listeningWorkers(admin)];
        if (nowEnded !== ended || listening !== WORKERS) sinceMs = performance.now();
        ended = nowEnded;
        return performance.now() - sinceMs >= CALM_MS;
      },
      { message: 'all workers to be back', deadlineMs: SETTLED_WITHIN_MS, intervalMs: 50 },
    );
  }

  /** Poisons the victim under load of the others, does `work`, and heals it. */
  async #watch(poison: string, work: () => Promise<void>): Promise<Watched> {
    this.#say(poison);
    const { api, edges } = this.#cluster;
    const { watchMs } = this.#options;
    let ended = false;
    const load = runLoad({
      urls: edges.map(({ port }) => `http://127.0.0.1:${port}`),
      host: this.#neighbours,
      perSecond: PER_SECOND,
      connections: CONNECTIONS,
      until: () => ended,
    });
    try {
      await lasts(load, performance.now() + watchMs);
      const poisonedMs = performance.now();
      const path = `/v1/tenants/${VICTIM}/routes/${poison}`;
      await api.put(path, { upstreamId: 'main', match: { path: { prefix: '/poison' } } });
      await work();
      await lasts(load, Math.max(poisonedMs + watchMs, performance.now() + watchMs / 2));
      const { status } = await api.send('DELETE', path);
      if (status >= 300) throw new Error(`DELETE ${path} was answered with ${status}`);
      ended = true;
      const outcomes = await load.done;
      await this.#healed();
      return {
        before: outcomes.filter(({ sentMs }) => sentMs < poisonedMs),
        after: outcomes.filter(({ sentMs }) => sentMs >= poisonedMs),
      };
    } finally {
      ended = true;
    }
  }

  #othersUnchanged(rule: string, { before, after }: Watched): Check {
    const failed = [...before, ...after].filter(({ status }) => status !== 200).length;
    return {
      rule: `${rule}: the answers to others are unchanged`,
      figure: `${failed} failed; before ${JSON.stringify(tally(before))}, after ${JSON.stringify(tally(after))}`,
      passed: failed === 0 && before.length > 0 && after.length > 0,
    };
  }

  #othersAsFast(rule: string, { before, after }: Watched): Check {
    const [beforeMs, afterMs] = [p99Of(before), p99Of(after)];
    const floorMs = this.#options.p99FloorMs;
    return {
      rule: `${rule}: p99 of others +10 % at most, or ${floorMs} ms`,
      figure: `${beforeMs.toFixed(1)} ms before, ${afterMs.toFixed(1)} ms after`,
      passed: afterMs <= Math.max(beforeMs * 1.1, floorMs),
    };
  }

  /** The line in which `headgate status` tells of the victim, once an edge says these words of it. */
  async #told(words: string): Promise<string> {
    const { api } = this.#cluster;
    await waitFor(
      async () => {
        const { body } = await api.send('GET', '/v1/status');
        const told = JSON.stringify(body['edges']);
        return told.includes(`"tenant.${VICTIM}"`) && told.includes(words);
      },
      {
        message: `an edge to say of ${VICTIM}: ${words}`,
        deadlineMs: SETTLED_WITHIN_MS + 3 * this.#options.timerMs,
        intervalMs: 100,
      },
    );
    const command = await startProcess({
      name: 'headgate',
      command: process.execPath,
      args: [CLI, 'status'],
      env: api.environment,
    });
    await command.exited;
    return command.stdout().find((line) => line.includes(`tenant.${VICTIM} revision`)) ?? '';
  }

  /** The status of a request to the victim on a connection of its own; 0 without an answer. */
  async #ownStatus(): Promise<number> {
    try {
      const { port } = firstEdge(this.#cluster);
      const answer = await request(`http://127.0.0.1:${port}/`, {
        headers: { host: `${VICTIM}.test` },
        reset: true,
      });
      const body = await answer.body.text();
      if (answer.statusCode >= 400) this.#refusal = body;
      return answer.statusCode;
    } catch {
      return 0;
    }
  }

  async #healed(): Promise<void> {
    await waitFor(async () => (await this.#ownStatus()) === 200, {
      message: 'the tenant to be served without its poison',
      deadlineMs: SETTLED_WITHIN_MS,
    });
  }
}

/** Resolves when a request that was sent after `untilMs` is answered. */
async function lasts(load: Load, untilMs: number): Promise<void> {
  await waitFor(() => load.outcomes.some(({ sentMs }) => sentMs >= untilMs), {
    message: 'the load to last',
    deadlineMs: untilMs - performance.now() + SETTLED_WITHIN_MS,
    intervalMs: 50,
  });
}

function p99Of(outcomes: readonly Outcome[]): number {
  const tookMs = outcomes
    .filter(({ status }) => status === 200)
    .map(({ sentMs, receivedMs }) => receivedMs - sentMs);
  return percentileOf(
    tookMs.toSorted((a, b) => a - b),
    99,
  );
}
