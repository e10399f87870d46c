import type { BenchRow } from '../benchmark.ts';
import { percentileOf } from '../statistics.ts';
import { formatTable } from '../text-table.ts';

/** What a part measured of one proxy; figures that a part does not have are absent. */
export interface ConfigRow extends BenchRow {
  /** Configured tenants, each with a host of its own. */
  readonly tenants: number;
  /** Routes of all of them, where peers are compared. */
  readonly routes?: number;
  readonly edges: number;
  /** Changes that `p50Ms` and `p99Ms` are of: from the change until it is in effect on all edges. */
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time per change of one edge, or one peer, without that of requests. */
  readonly cpuMsPerChange: number;
  /** The same of what brings the change there: config-service and its database. */
  readonly controlCpuMsPerChange?: number;
  /** `cpuMsPerChange` as a multiple of that with the fewest tenants; null if it was not measured. */
  readonly cpuRatioToFewest?: number | null;
  /** Changes per second that were made in the phase that `cpuMsPerChange` is of. */
  readonly changesPerSecond?: number;
  /** Resident memory of one edge per tenant: what it grew by from none to all of them. */
  readonly rssKiBPerTenant?: number;
  /** Resident memory of one edge, primary and worker, in MiB. */
  readonly rssMib?: number;
  /** From the start of an edge with an empty disk until it is ready: median of some starts. */
  readonly coldStartMs?: number;
  readonly coldStartMinMs?: number;
  readonly coldStartMaxMs?: number;
  /** The same with its last good configuration on disk. */
  readonly restartMs?: number;
  /** Time in which all tenants were created, in batches. */
  readonly loadSeconds?: number;
  /** p99 of requests without changes, and with many. */
  readonly quietP99Ms?: number;
  readonly changingP99Ms?: number;
  /** Changes per second that were made beside these requests. */
  readonly changesPerSecondUnderLoad?: number;
  /** CPU time that the machine's host gave to others in the most disturbed of these phases, in per cent. */
  readonly stolenPercentMax?: number;
  /** Connections of clients that were closed on them. */
  readonly droppedConnections?: number;
  /** Failed requests by what happened: a status, `lost`, `unanswered` or `no connection free`. */
  readonly failures?: Readonly<Record<string, number>>;
  /** Requests in all phases. */
  readonly requests: number;
}

interface ConfigColumn {
  readonly title: string;
  readonly value: (row: ConfigRow) => number | null | undefined;
  readonly digits?: number;
}

const COLUMNS: readonly ConfigColumn[] = [
  { title: 'tenants', value: ({ tenants }) => tenants },
  { title: 'routes', value: ({ routes }) => routes },
  { title: 'edges', value: ({ edges }) => edges },
  { title: 'changes', value: ({ changes }) => changes },
  { title: 'in effect p50 ms', value: ({ p50Ms }) => p50Ms, digits: 1 },
  { title: 'p99 ms', value: ({ p99Ms }) => p99Ms, digits: 1 },
  { title: 'max ms', value: ({ maxMs }) => maxMs, digits: 1 },
  { title: 'CPU ms/change', value: ({ cpuMsPerChange }) => cpuMsPerChange, digits: 2 },
  { title: '× fewest', value: ({ cpuRatioToFewest }) => cpuRatioToFewest, digits: 2 },
  {
    title: 'control plane’s',
    value: ({ controlCpuMsPerChange }) => controlCpuMsPerChange,
    digits: 2,
  },
  { title: 'changes/s', value: ({ changesPerSecond }) => changesPerSecond },
  { title: 'RSS KiB/tenant', value: ({ rssKiBPerTenant }) => rssKiBPerTenant, digits: 1 },
  { title: 'RSS MiB', value: ({ rssMib }) => rssMib },
  { title: 'cold start ms', value: ({ coldStartMs }) => coldStartMs },
  { title: 'min', value: ({ coldStartMinMs }) => coldStartMinMs },
  { title: 'max', value: ({ coldStartMaxMs }) => coldStartMaxMs },
  { title: 'restart ms', value: ({ restartMs }) => restartMs },
  { title: 'load s', value: ({ loadSeconds }) => loadSeconds, digits: 1 },
  { title: 'requests’ p99 ms quiet', value: ({ quietP99Ms }) => quietP99Ms, digits: 2 },
  { title: 'with changes', value: ({ changingP99Ms }) => changingP99Ms, digits: 2 },
  { title: 'at changes/s', value: (row) => row.changesPerSecondUnderLoad },
  { title: 'stolen %', value: (row) => row.stolenPercentMax, digits: 1 },
  { title: 'dropped connections', value: ({ droppedConnections }) => droppedConnections },
  { title: 'requests', value: ({ requests }) => requests },
  { title: 'failed', value: ({ failedRequests }) => failedRequests },
];

/** What a row holds of changes that took so long, each until it was in effect, in ms. */
export function effectFigures(
  tookMs: readonly number[],
): Pick<ConfigRow, 'changes' | 'p50Ms' | 'p99Ms' | 'maxMs'> {
  const sorted = tookMs.toSorted((a, b) => a - b);
  return {
    changes: sorted.length,
    p50Ms: percentileOf(sorted, 50),
    p99Ms: percentileOf(sorted, 99),
    maxMs: percentileOf(sorted, 100),
  };
}

/** Notes with each row what its CPU time is of that of the row of the same proxy with the fewest tenants. */
export function withRatios(rows: readonly ConfigRow[]): readonly ConfigRow[] {
  const fewest = rows.toSorted((a, b) => a.tenants - b.tenants)[0];
  if (fewest === undefined) return rows;
  return rows.map((row) => ({
    ...row,
    cpuRatioToFewest:
      row === fewest || fewest.cpuMsPerChange <= 0
        ? null
        : row.cpuMsPerChange / fewest.cpuMsPerChange,
  }));
}

/** A table for a terminal; a column in which no row has anything is left out. */
export function configTable(rows: readonly ConfigRow[]): readonly string[] {
  const columns = COLUMNS.filter(({ value }) => rows.some((row) => (value(row) ?? null) !== null));
  return formatTable(
    [{ title: 'proxy' }, ...columns.map(({ title }) => ({ title, align: 'right' as const }))],
    rows.map((row) => [row.name, ...columns.map((column) => textOf(column, row))]),
  );
}

function textOf({ value, digits = 0 }: ConfigColumn, row: ConfigRow): string {
  const figure = value(row) ?? null;
  if (figure === null) return '–';
  return figure.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
