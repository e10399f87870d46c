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
import type { StormSchedule } from './storm/measure-storm.ts';
import { runStorm, STORM_ENTRANTS, type StormResult } from './storm/run-storm.ts';

const METHOD = [
  'in effect: from the reply of the REST API until a request to each of the edges, on a kept-alive connection, is',
  `answered as changed; under ${settings.TRAFFIC_PER_SECOND} requests/s over all edges, with 40 ms between changes.`,
  `CPU ms/change: of one edge, primary and worker, at ${settings.CHANGES_PER_SECOND} changes/s without requests; the control plane’s is that of`,
  'config-service and PostgreSQL. Cold start: with an empty disk, once the control plane rests, median of 5 (quick: 1);',
  'restart: from the disk. Edges are those of the images, compiled, and write no access records.',
];

const STORM_METHOD = [
  'storm: the same routes and changes, one per second, for each proxy in turn under the same requests; in effect: from',
  'the start of the change until a request on a new connection is answered as changed. HAProxy reads two maps, nginx its',
  'configuration, again for each change. CPU ms/change: what it used in the storm less what the requests alone use.',
];
const STORM = 'storm';

/** What a change costs, and how soon it is in effect, however many tenants there are. */
export const configBenchmark: Benchmark = {
  name: 'config',
  summary: 'changes of the configuration: time until in effect on all edges, CPU, memory, starts',
  profiles: [...settings.TENANT_COUNTS.map(partOf), STORM],
  candidates: [],
  run,
};

async function run(options: BenchOptions): Promise<BenchResult> {
  const { nginx } = await findPrograms();
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const compared = withRatios(await measureAllTenants(options, nginx));
  const storm = await measureStorms(options, nginx);
  const report: BenchReport = {
    bench: 'config',
    startedAt,
    quick: options.quick,
    machine,
    settings: {
      ...scheduleOf(options),
      edges: settings.EDGES,
      trafficPerSecond: settings.TRAFFIC_PER_SECOND,
      changesPerSecond: settings.CHANGES_PER_SECOND,
      changeGapMs: settings.CHANGE_GAP_MS,
      stormSeconds: stormOf(options).seconds,
      stormTrafficPerSecond: settings.STORM_TRAFFIC_PER_SECOND,
    },
    rows: [...compared, ...storm.rows],
    leftOut: storm.leftOut,
    // That a reload of a peer closes connections is what the storm is there to tell.
    faults: [...compared, ...storm.rows.filter(({ name }) => name === 'headgate')].flatMap(
      faultsOf,
    ),
  };
  const lines = [
    machineLine(machine),
    ...(compared.length === 0 ? [] : ['', ...configTable(compared), '', ...METHOD]),
    ...(storm.rows.length === 0 ? [] : ['', ...configTable(storm.rows), '', ...STORM_METHOD]),
    ...storm.leftOut.map(({ name, reason }) => `left out: ${name}, ${reason}`),
    ...report.faults.map((fault) => `FAULT ${fault}`),
  ];
  return { report, lines };
}

const scheduleOf = ({ quick }: BenchOptions): settings.ConfigSchedule =>
  quick ? settings.QUICK_SCHEDULE : settings.FULL_SCHEDULE;

const stormOf = ({ quick }: BenchOptions): StormSchedule =>
  quick ? settings.QUICK_STORM : settings.FULL_STORM;

async function measureAllTenants(options: BenchOptions, nginx: string): Promise<ConfigRow[]> {
  const { quick, profiles, say, signal } = options;
  const chosen = settings.TENANT_COUNTS.filter((tenants) =>
    profiles === null
      ? !quick || tenants === settings.QUICK_TENANTS
      : profiles.includes(partOf(tenants)),
  );
  const rows: ConfigRow[] = [];
  for (const tenants of chosen) {
    const context = { schedule: scheduleOf(options), nginx, say, signal };
    rows.push(await measured(partOf(tenants), signal, () => measureTenants(tenants, context)));
  }
  return rows;
}

/** A quick run has a storm only if it is asked for. */
async function measureStorms(options: BenchOptions, nginx: string): Promise<StormResult> {
  const { quick, profiles, say, signal } = options;
  const isChosen = profiles === null ? !quick : profiles.includes(STORM);
  if (!isChosen) return { rows: [], leftOut: [] };
  return measured(STORM, signal, () =>
    runStorm({
      entrants: STORM_ENTRANTS,
      schedule: stormOf(options),
      tenants: settings.STORM_TENANTS,
      trafficPerSecond: settings.STORM_TRAFFIC_PER_SECOND,
      nginx,
      say,
      signal,
    }),
  );
}

async function measured<Found>(
  part: string,
  signal: AbortSignal,
  measure: () => Promise<Found>,
): Promise<Found> {
  signal.throwIfAborted();
  try {
    return await measure();
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new BenchmarkError(`${part} could not be measured: ${reason}`);
  }
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
