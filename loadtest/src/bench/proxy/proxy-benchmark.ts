import { ShutdownStack } from '@headgate/runtime';
import {
  BenchmarkError,
  type Benchmark,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
  type LeftOut,
} from '../benchmark.ts';
import { describeMachine } from '../machine.ts';
import { BODY_BYTES } from './backend.ts';
import type { Part, PartContext } from './parts/part.ts';
import { SEPARATE_PARTS, SHARING_PARTS } from './parts/parts.ts';
import { reportLines } from './report-lines.ts';
import { failureFaults, type ProxyRow } from './row.ts';
import { chooseParts, type ChosenPart } from './choose-parts.ts';
import * as constants from './settings.ts';
import { shareCandidates } from './shared-candidates.ts';
import { findPrograms, openWorkbench, type Workbench } from './workbench.ts';

const PARTS: readonly Part[] = [...SHARING_PARTS, ...SEPARATE_PARTS];

/** Parts that cannot be measured yet. */
const NOT_MEASURED: readonly LeftOut[] = [
  { name: 'tls', reason: 'an edge does not terminate TLS yet' },
];

/** Requests to `headgate` after which a trace must have been exported, at 1 %. */
const TRACED_REQUESTS = 10_000;

/** Cost of Headgate and its peers: CPU, throughput, latency, memory. */
export const proxyBenchmark: Benchmark = {
  name: 'proxy',
  summary: 'Headgate and its peers: CPU per request and MiB, requests/s, added latency, memory',
  profiles: PARTS.map(({ name }) => name),
  candidates: [...new Set(PARTS.flatMap(({ candidates }) => candidates.map(({ name }) => name)))],
  run,
};

async function run(options: BenchOptions): Promise<BenchResult> {
  const chosen = chooseParts(PARTS, options);
  if (chosen.parts.length === 0) {
    throw new BenchmarkError('none of these candidates takes part in any of these parts');
  }
  const programs = await findPrograms();
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const shutdown = new ShutdownStack();
  try {
    const { quick, say, signal } = options;
    const schedules = quick ? constants.QUICK_SCHEDULES : constants.FULL_SCHEDULES;
    const { warmUpRequests } = schedules;
    const bench = await openWorkbench(programs, { say, signal, warmUpRequests }, shutdown);
    const onFailure = bench.fleet.noteFailure.bind(bench.fleet);
    const context = { bench, schedules, quick, say, signal, onFailure };
    const rows = await runParts(chosen.parts, context);
    const report: BenchReport = {
      bench: 'proxy',
      startedAt,
      quick,
      machine,
      settings: describeSettings(schedules),
      rows,
      leftOut: [...bench.fleet.leftOut, ...chosen.leftOut, ...NOT_MEASURED],
      faults: findFaults(rows, bench),
    };
    return { report, lines: reportLines(report, rows) };
  } finally {
    for (const { name, error } of await shutdown.close()) {
      options.say(`could not end ${name}: ${String(error)}`);
    }
  }
}

async function runParts(
  parts: readonly ChosenPart[],
  context: Omit<PartContext, 'candidates' | 'shared'>,
): Promise<readonly ProxyRow[]> {
  const { bench, say } = context;
  const shared = shareCandidates(bench, context);
  const rows: ProxyRow[] = [];
  for (const { part, candidates } of parts) {
    // Processes that nobody measures any more only disturb the others.
    if (SEPARATE_PARTS.includes(part)) await shared.stop();
    say(`part ${part.name}`);
    rows.push(...(await part.run({ ...context, candidates, shared })));
  }
  await shared.stop();
  return rows;
}

function describeSettings(schedules: constants.PartSchedules): BenchReport['settings'] {
  return {
    ...schedules.small,
    connections: constants.PROXY_CONNECTIONS,
    bodyBytes: BODY_BYTES,
    tenants: constants.TENANTS,
    activeTenants: constants.ACTIVE_TENANTS,
    warmUpRequests: schedules.warmUpRequests,
    ratePerSecond: constants.RATE_PER_SECOND,
    bodyConnections: constants.BODY_CONNECTIONS,
    idleConnections: constants.IDLE_CONNECTIONS,
  };
}

function findFaults(rows: readonly ProxyRow[], { fleet, sink }: Workbench): readonly string[] {
  const faults = [...failureFaults(rows), ...fleet.faults];
  const traced = rows.filter(({ name }) => name === 'headgate');
  const requests = traced.reduce((sum, row) => sum + row.requests, 0);
  if (requests >= TRACED_REQUESTS && sink.exports() === 0) {
    faults.push('headgate: no trace was exported');
  }
  return faults;
}
