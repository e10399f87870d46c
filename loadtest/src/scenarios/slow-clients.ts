import { setTimeout as wait } from 'node:timers/promises';
import { percentileOf } from '../bench/statistics.ts';
import { firstEdge, startCluster, waitForRevision, type ClusterEdge } from '../cluster/cluster.ts';
import { startEndpointProcesses } from '../cluster/endpoint-process.ts';
import { runLoad, tally, type Outcome } from '../cluster/load.ts';
import { readMetric } from './edge-metrics.ts';
import type { Check, Say, ScenarioResult } from './scenario.ts';
import {
  attackAndTime,
  connectSeconds,
  runSlowHttpTest,
  type SlowAttack,
} from './slow-attackers.ts';

/** Options; the full run is 4,000 connections against the default times. */
export interface SlowClientsOptions {
  /** Connections of each attack. */
  readonly connections: number;
  /** Requests per second of the good clients. */
  readonly perSecond: number;
  readonly baselineSeconds: number;
  /** Before the first baseline, for the edge to be compiled. */
  readonly warmUpSeconds: number;
  readonly headerTimeoutMs: number;
  readonly bodyStallMs: number;
  readonly writeStallMs: number;
  /** A p99 up to this passes whatever it was before: a difference that the scheduler of a busy machine makes. */
  readonly p99FloorMs: number;
}

/** Connections of our own per attack, whose end is timed. */
const TIMED = 20;
/** What a cut may come late. */
const LATE_MS = 2000;

const CUT_CAUSES: Readonly<Record<SlowAttack, string>> = {
  head: 'head_timeout',
  body: 'body_rate',
  read: 'write_rate',
};

/** Slow heads, slow bodies and slow readers against one edge, while the clients of another tenant go on. */
export async function slowClients(options: SlowClientsOptions, say: Say): Promise<ScenarioResult> {
  // In a process of its own: with the attackers' requests it would hold up the good clients in this one.
  const [endpoint, other] = await startEndpointProcesses(2);
  if (endpoint === undefined || other === undefined) throw new Error('no endpoint');
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    edgeEnv: {
      HEADGATE_EDGE_HEADER_TIMEOUT_MS: String(options.headerTimeoutMs),
      HEADGATE_EDGE_BODY_STALL_MS: String(options.bodyStallMs),
      HEADGATE_EDGE_WRITE_STALL_MS: String(options.writeStallMs),
      // What the kernel has taken of an answer does not wait in the edge: such readers are idle connections.
      HEADGATE_EDGE_KEEP_ALIVE_MS: String(options.writeStallMs),
    },
  });
  try {
    const bundle = twoTenants(endpoint.port, options.connections + TIMED);
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const edge = firstEdge(cluster);
    await goodClients(edge, options.perSecond, wait(options.warmUpSeconds * 1000));
    const elsewhere = await attackElsewhere(edge, other.port, options, say);
    const checks: Check[] = [];
    for (const attack of ['head', 'body', 'read'] as const) {
      const reference = attack === 'head' ? elsewhere : ''; // that of its own kind alone
      checks.push(...(await underAttack(attack, edge, reference, options, say)));
    }
    return { name: 'slow-clients', checks };
  } finally {
    await cluster.stop();
    await Promise.all([endpoint.component.stop(), other.component.stop()]);
  }
}

/**
 * What the good clients notice while slowhttptest sends slow heads to a server that is none of theirs: it takes a
 * core, and part of the difference that an attack makes is that. For the report; '' without slowhttptest.
 */
async function attackElsewhere(
  edge: ClusterEdge,
  port: number,
  { connections, perSecond, baselineSeconds }: SlowClientsOptions,
  say: Say,
): Promise<string> {
  const seconds = connectSeconds(connections) + baselineSeconds;
  say(`slow head to another server: ${connections} connections for ${seconds} s`);
  const attack = runSlowHttpTest('head', { port, connections, seconds }, say);
  const { outcomes } = await goodClients(edge, perSecond, attack);
  return (await attack)
    ? `, ${p99(outcomes).toFixed(1)} ms while another server got slow heads`
    : '';
}

async function underAttack(
  attack: SlowAttack,
  edge: ClusterEdge,
  reference: string,
  options: SlowClientsOptions,
  say: Say,
): Promise<Check[]> {
  const limitMs = {
    head: options.headerTimeoutMs,
    body: options.bodyStallMs,
    read: options.writeStallMs,
  }[attack];
  const seconds = Math.ceil((limitMs + LATE_MS) / 1000) + connectSeconds(options.connections);
  say(`${options.baselineSeconds} s of good clients alone`);
  const alone = await goodClients(edge, options.perSecond, wait(options.baselineSeconds * 1000));
  say(`slow ${attack}: ${options.connections} connections for ${seconds} s`);
  const cutBefore = await readMetric(
    edge.admin,
    'headgate_downstream_cut_total',
    CUT_CAUSES[attack],
  );
  const { port } = edge;
  const attacks = Promise.all([
    runSlowHttpTest(attack, { port, connections: options.connections, seconds }, say),
    attackAndTime(attack, port, TIMED, limitMs + 3 * LATE_MS),
  ]);
  const { outcomes: good, connectionsMost } = await goodClients(edge, options.perSecond, attacks);
  const [, lived] = await attacks;
  const cut =
    (await readMetric(edge.admin, 'headgate_downstream_cut_total', CUT_CAUSES[attack])) - cutBefore;
  const longestMs = Math.max(...lived);
  const failed = good.filter(({ status }) => status !== 200).length;
  const [calmMs, attackedMs] = [p99(alone.outcomes), p99(good)];
  return [
    {
      rule: `slow ${attack}: every request of the good clients succeeds`,
      figure: `${failed} of ${good.length} failed, ${JSON.stringify(tally(good))}`,
      passed: failed === 0 && good.length > 0,
    },
    {
      rule: `slow ${attack}: p99 of the good clients at most doubles`,
      figure: `${calmMs.toFixed(1)} ms alone${reference}, ${attackedMs.toFixed(1)} ms under attack`,
      passed: attackedMs <= Math.max(2 * calmMs, options.p99FloorMs),
    },
    {
      rule: `slow ${attack}: attackers are cut within ${limitMs} ms and ${LATE_MS} ms`,
      figure: `longest of ${lived.length} timed: ${longestMs.toFixed(0)} ms; ${cut} cut, at most ${connectionsMost} connections at once`,
      passed: longestMs <= limitMs + LATE_MS && cut >= TIMED,
    },
  ];
}

/** Good clients from an address of their own until `end` is settled, and most connections that the edge had meanwhile. */
async function goodClients(
  edge: ClusterEdge,
  perSecond: number,
  end: Promise<unknown>,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly connectionsMost: number }> {
  let ended = false;
  void end.finally(() => (ended = true));
  const load = runLoad({
    urls: [`http://127.0.0.1:${edge.port}`],
    host: 'good.test',
    localAddress: '127.0.0.2',
    perSecond,
    until: () => ended,
    connections: 16,
  });
  let connectionsMost = 0;
  // With and without an attack: a scrape takes the edge's time, too.
  const watch = setInterval(() => {
    void readMetric(edge.admin, 'headgate_downstream_connections').then(
      (open) => (connectionsMost = Math.max(connectionsMost, open)),
    );
  }, 1000);
  const outcomes = await load.done;
  clearInterval(watch);
  return { outcomes, connectionsMost };
}

function twoTenants(port: number, connectionsMax: number): object {
  const tenant = (identity: object) => ({
    planId: 'standard',
    identity,
    upstreams: { main: { endpoints: [{ host: '127.0.0.1', port }], connectionsMax } },
    routes: { all: { upstreamId: 'main' } },
  });
  return {
    apiVersion: 'headgate/v1',
    plans: { standard: { limits: [] } },
    tenants: {
      good: tenant({ hosts: ['good.test'] }),
      // slowhttptest names the address as the host.
      attacked: tenant({ pathPrefixes: ['/attacked'] }),
    },
  };
}

function p99(outcomes: readonly Outcome[]): number {
  const sorted = outcomes
    .map(({ sentMs, receivedMs }) => receivedMs - sentMs)
    .sort((a, b) => a - b);
  return sorted.length === 0 ? Infinity : percentileOf(sorted, 99);
}
