import {
  BenchmarkError,
  type Benchmark,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
} from '../benchmark.ts';
import { describeMachine } from '../machine.ts';
import { machineLine } from '../side-by-side/report-lines.ts';
import { findPrograms } from '../side-by-side/workbench.ts';
import { configTable, withRatios, type ConfigRow } from './config-row.ts';
import { measureTenants } from './measure-tenants.ts';
import * as settings from './settings.ts';

const METHOD = [
  'in effect: from the reply of the REST API until a request to each of the edges, on a kept-alive connection, is',
  `answered as changed; under ${settings.TRAFFIC_PER_SECOND} requests/s over all edges, with 40 ms between changes.`,
  `CPU ms/change: of one edge, primary and worker, at ${settings.CHANGES_PER_SECOND} changes/s without requests; the control plane’s is that of`,
  'config-service and PostgreSQL. Cold start: with an empty disk; restart: from the disk. Edges write no access records.',
];

/** What a change costs, and how soon it is in effect, however many tenants there are. */
export const configBenchmark: Benchmark = {
  name: 'config',
  summary: 'changes of the configuration: time until in effect on all edges, CPU, memory, starts',
  profiles: settings.TENANT_COUNTS.map(partOf),
  candidates: [],
  run,
};

async function run(options: BenchOptions): Promise<BenchResult> {
  const { nginx } = await findPrograms();
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const { quick, profiles, say, signal } = options;
  const schedule = quick ? settings.QUICK_SCHEDULE : settings.FULL_SCHEDULE;
  const chosen = settings.TENANT_COUNTS.filter((tenants) =>
    profiles === null
      ? !quick || tenants === settings.QUICK_TENANTS
      : profiles.includes(partOf(tenants)),
  );
  const rows: ConfigRow[] = [];
  for (const tenants of chosen) {
    signal.throwIfAborted();
    try {
      rows.push(await measureTenants(tenants, { schedule, nginx, say, signal }));
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      throw new BenchmarkError(`${partOf(tenants)} could not be measured: ${reason}`);
    }
  }
  const compared = withRatios(rows);
  const report: BenchReport = {
    bench: 'config',
    startedAt,
    quick,
    machine,
    settings: {
      ...schedule,
      edges: settings.EDGES,
      trafficPerSecond: settings.TRAFFIC_PER_SECOND,
      changesPerSecond: settings.CHANGES_PER_SECOND,
      changeGapMs: settings.CHANGE_GAP_MS,
    },
    rows: compared,
    leftOut: [],
    faults: compared.flatMap(faultsOf),
  };
  const lines = [machineLine(machine), '', ...configTable(compared), '', ...METHOD];
  return { report, lines: [...lines, ...report.faults.map((fault) => `FAULT ${fault}`)] };
}

function partOf(tenants: number): string {
  return `tenants-${tenants}`;
}

/** A change must fail no request and close no connection. */
function faultsOf(row: ConfigRow): readonly string[] {
  const { name, profile, requests, failedRequests, failures = {}, droppedConnections = 0 } = row;
  if (failedRequests === 0 && droppedConnections === 0) return [];
  const how = Object.entries(failures).map(([what, count]) => `${what}: ${count}`);
  const failed = `${failedRequests} of ${requests} requests failed (${how.join(', ')})`;
  return [`${name}: ${failed}, ${droppedConnections} connections were closed (${profile})`];
}
