import type { BenchReport, LeftOut, Machine } from '../benchmark.ts';
import { formatTable } from '../text-table.ts';
import type { CandidateRow } from './row.ts';
import { STOLEN_PERCENT_MAX } from '../stolen-time.ts';
import { tableOf } from './row-table.ts';

/** The report of the benchmark `proxy` for a terminal: a table for each part. */
export function reportLines(
  report: Pick<BenchReport, 'machine' | 'quick' | 'leftOut' | 'faults'>,
  rows: readonly CandidateRow[],
): readonly string[] {
  const { machine } = report;
  const descriptions = new Map(rows.map(({ name, description }) => [name, description]));
  return [
    machineLine(machine),
    ...[...Map.groupBy(rows, ({ profile }) => profile)].flatMap(([profile, members]) => {
      const { columns, cells } = tableOf(members);
      return ['', profile, ...formatTable(columns, cells)];
    }),
    '',
    ...[...descriptions].map(([name, description]) => `${name}: ${description}`),
    ...report.leftOut.map(leftOutLine),
    ...stolenLines(rows),
    ...(report.quick ? ['', 'A quick run: too short for figures to publish.'] : []),
    ...report.faults.map((fault) => `FAULT ${fault}`),
  ];
}

/** Where it ran, in one line. */
export function machineLine({ cpu, cores, kernel, node, loadAverage }: Machine): string {
  return `${cpu}, ${cores} cores, ${kernel}, Node ${node}, load ${loadAverage}`;
}

/** How a candidate that is not measured is told. */
export function leftOutLine({ name, reason }: LeftOut): string {
  return `left out: ${name} (${reason})`;
}

/** What was disturbed although it was measured again and again. */
function stolenLines(rows: readonly CandidateRow[]): readonly string[] {
  const disturbed = rows.filter(({ stolenPercentMax }) => stolenPercentMax > STOLEN_PERCENT_MAX);
  if (disturbed.length === 0) return [];
  const names = disturbed.map(({ name, profile, stolenPercentMax }) => {
    return `${name} (${profile}, up to ${stolenPercentMax.toFixed(1)} %)`;
  });
  return ['', `The host of this machine took CPU time from rounds of: ${names.join(', ')}`];
}
