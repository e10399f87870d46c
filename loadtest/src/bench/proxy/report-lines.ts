import type { BenchReport, LeftOut } from '../benchmark.ts';
import { formatTable, type Column } from '../text-table.ts';
import type { ProxyRow } from './measurement.ts';

const COLUMNS: readonly Column[] = [
  { title: 'proxy' },
  { title: 'CPU µs/request', align: 'right' },
  { title: 'min–max', align: 'right' },
  { title: '× headgate', align: 'right' },
  { title: 'requests/s', align: 'right' },
  { title: 'p50 ms', align: 'right' },
  { title: 'p99 ms', align: 'right' },
  { title: 'failed', align: 'right' },
];

/** The report of the benchmark `proxy` for a terminal. */
export function reportLines(
  report: Pick<BenchReport, 'machine' | 'quick' | 'leftOut' | 'faults'>,
  rows: readonly ProxyRow[],
): readonly string[] {
  const { machine } = report;
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}, load ${machine.loadAverage}`,
    '',
    ...formatTable(COLUMNS, rows.map(cells)),
    '',
    ...rows.map((row) => `${row.name}: ${row.profile}`),
    ...report.leftOut.map(leftOutLine),
    ...(report.quick ? ['', 'A quick run: too short for figures to publish.'] : []),
    ...report.faults.map((fault) => `FAULT ${fault}`),
  ];
}

/** How a candidate that is not measured is told. */
export function leftOutLine({ name, reason }: LeftOut): string {
  return `left out: ${name} (${reason})`;
}

function cells(row: ProxyRow): readonly string[] {
  return [
    row.name,
    row.cpuUsPerRequest.toFixed(1),
    `${row.cpuUsPerRequestMin.toFixed(1)}–${row.cpuUsPerRequestMax.toFixed(1)}`,
    row.ratioToHeadgate === null ? '–' : row.ratioToHeadgate.toFixed(2),
    Math.round(row.rps).toLocaleString('en-US'),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    String(row.failedRequests),
  ];
}
