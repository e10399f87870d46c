import { formatTable } from '../bench/text-table.ts';
import type { TargetSummary } from './finding.ts';

/** The table at the end of a run, and below it what each target counted. */
export function formatSummaries(summaries: readonly TargetSummary[]): readonly string[] {
  const table = formatTable(
    [
      { title: 'target' },
      { title: 'inputs', align: 'right' },
      { title: 'seconds', align: 'right' },
      { title: 'crashes', align: 'right' },
      { title: 'hangs', align: 'right' },
      { title: 'differences', align: 'right' },
      { title: 'violations', align: 'right' },
    ],
    summaries.map((summary) => [
      summary.target,
      String(summary.inputs),
      summary.seconds.toFixed(1),
      ...(['crash', 'hang', 'difference', 'violation'] as const).map((kind) =>
        String(summary.findings.filter((finding) => finding.kind === kind).length),
      ),
    ]),
  );
  const details = summaries.flatMap(({ target, counts }) => [
    '',
    `${target}:`,
    ...Object.entries(counts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, count]) => `  ${what}: ${count}`),
  ]);
  return [...table, ...details];
}
