import { ShutdownStack } from '@headgate/runtime';
import {
  BenchmarkError,
  type Benchmark,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
} from '../benchmark.ts';
import { describeMachine } from '../machine.ts';
import { chooseParts, type ChosenPart } from './choose-parts.ts';
import type { Part, PartContext } from './part.ts';
import { reportLines } from './report-lines.ts';
import { failureFaults, type CandidateRow } from './row.ts';
import { shareCandidates } from './shared-candidates.ts';
import { findPrograms, openWorkbench, type Workbench } from './workbench.ts';

/** Requests to `headgate` after which a trace must have been exported, at 1 %. */
const TRACED_REQUESTS = 10_000;

/** A benchmark that sends the same requests through several proxies. */
export interface SideBySide<Schedules extends Pick<Workbench, 'warmUpRequests'>> extends Pick<
  Benchmark,
  'name' | 'summary'
> {
  /** Parts that use the same running candidates, in the order in which they run. */
  readonly sharingParts: readonly Part<Schedules>[];
  /** Parts that start processes of their own, after the others are stopped. */
  readonly separateParts: readonly Part<Schedules>[];
  readonly full: Schedules;
  readonly quick: Schedules;
  /** Further header fields of all requests, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly describeSettings: (schedules: Schedules) => BenchReport['settings'];
}

/** Makes what `npm run bench` runs. */
export function sideBySideBenchmark<Schedules extends Pick<Workbench, 'warmUpRequests'>>(
  spec: SideBySide<Schedules>,
): Benchmark {
  const parts = [...spec.sharingParts, ...spec.separateParts];
  const candidates = parts.flatMap((part) => part.candidates.map(({ name }) => name));
  return {
    name: spec.name,
    summary: spec.summary,
    profiles: parts.map(({ name }) => name),
    candidates: [...new Set(candidates)],
    run: (options) => runSideBySide(spec, parts, options),
  };
}

async function runSideBySide<Schedules extends Pick<Workbench, 'warmUpRequests'>>(
  spec: SideBySide<Schedules>,
  parts: readonly Part<Schedules>[],
  options: BenchOptions,
): Promise<BenchResult> {
  const chosen = chooseParts(parts, options);
  if (chosen.parts.length === 0) {
    throw new BenchmarkError('none of these candidates takes part in any of these parts');
  }
  const programs = await findPrograms();
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const shutdown = new ShutdownStack();
  try {
    const { quick, say, signal } = options;
    const schedules = quick ? spec.quick : spec.full;
    const { warmUpRequests } = schedules;
    const { headers } = spec;
    const bench = await openWorkbench(programs, { say, signal, warmUpRequests, headers }, shutdown);
    const onFailure = bench.fleet.noteFailure.bind(bench.fleet);
    const context = { bench, schedules, quick, say, signal, onFailure, retakes: !quick };
    const rows = await runParts(chosen.parts, spec.separateParts, context);
    const report: BenchReport = {
      bench: spec.name,
      startedAt,
      quick,
      machine,
      settings: spec.describeSettings(schedules),
      rows,
      leftOut: [...bench.fleet.leftOut, ...chosen.leftOut],
      faults: findFaults(rows, bench),
    };
    return { report, lines: reportLines(report, rows) };
  } finally {
    for (const { name, error } of await shutdown.close()) {
      options.say(`could not end ${name}: ${String(error)}`);
    }
  }
}

async function runParts<Schedules>(
  chosen: readonly ChosenPart<Part<Schedules>>[],
  separate: readonly Part<Schedules>[],
  context: Omit<PartContext<Schedules>, 'candidates' | 'shared'>,
): Promise<readonly CandidateRow[]> {
  const { bench, say } = context;
  const shared = shareCandidates(bench, context);
  const rows: CandidateRow[] = [];
  for (const { part, candidates } of chosen) {
    // Processes that nobody measures any more only disturb the others.
    if (separate.includes(part)) await shared.stop();
    say(`part ${part.name}`);
    rows.push(...(await part.run({ ...context, candidates, shared })));
  }
  await shared.stop();
  return rows;
}

function findFaults(rows: readonly CandidateRow[], { fleet, sink }: Workbench): readonly string[] {
  const faults = [...failureFaults(rows), ...fleet.faults];
  const traced = rows.filter(({ name }) => name === 'headgate');
  const requests = traced.reduce((sum, row) => sum + row.requests, 0);
  if (requests >= TRACED_REQUESTS && sink.exports() === 0) {
    faults.push('headgate: no trace was exported');
  }
  return faults;
}
