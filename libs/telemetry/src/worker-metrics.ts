import { DURATION_BUCKETS, durationBucket } from './duration-buckets.ts';
import {
  metricDefinition,
  type MetricLabels,
  type MetricName,
  type MetricNameOf,
} from './metric-names.ts';
import { TenantSlot } from './tenant-slot.ts';

/** One counter series. Count with `series.value += 1`; each snapshot takes and clears it. */
export interface CounterCell {
  value: number;
}

/** One gauge series. Set it at will; each snapshot reports the present value. */
export interface GaugeCell {
  value: number;
}

/** One duration histogram series. */
export class DurationCell {
  /** Increments since the last snapshot: the buckets, then the sum in seconds. */
  readonly counts = new Float64Array(DURATION_BUCKETS + 1);
  observations = 0;

  /** Counts one duration in ms. @hot */
  record(durationMs: number): void {
    const at = durationBucket(durationMs);
    this.observations += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    if (durationMs > 0) {
      this.counts[DURATION_BUCKETS] = (this.counts[DURATION_BUCKETS] ?? 0) + durationMs / 1000;
    }
  }
}

/** Metrics of the edge that are not per tenant. */
export type WorkerCounterName = Exclude<
  MetricNameOf<'counter'>,
  'headgate_requests_total' | 'headgate_request_bytes_total' | 'headgate_response_bytes_total'
>;
/** Duration histograms of the edge that are not per tenant. */
export type WorkerHistogramName = Exclude<
  MetricNameOf<'histogram'>,
  'headgate_request_duration_seconds'
>;

/** A series in a snapshot: metric, label values in the order of the table, value. */
export type SnapshotSeries = readonly [MetricName, readonly string[], number];
/** A histogram series in a snapshot; the counts are buckets and sum. */
export type SnapshotHistogram = readonly [MetricName, readonly string[], readonly number[]];

/**
 * What a worker counted since its previous snapshot. Plain arrays: it survives JSON and structured
 * clone, so it can go through any IPC channel.
 */
export interface WorkerSnapshot {
  readonly version: 1;
  readonly counters: readonly SnapshotSeries[];
  readonly gauges: readonly SnapshotSeries[];
  readonly histograms: readonly SnapshotHistogram[];
  /** Tenants with requests since the last snapshot; counts in the layout of tenant-slot.ts. */
  readonly tenants: readonly (readonly [tenantId: string, counts: readonly number[]])[];
  /** Tenants released since the last snapshot. */
  readonly released: readonly string[];
}

/**
 * The counters of one worker process: plain numbers that the request path increments.
 *
 * Snapshots carry increments, not totals: whoever adds them up ({@link createMetricsAggregate})
 * needs no memory of workers that died, and a worker that was replaced starts at zero without any
 * counter going backwards.
 */
export interface WorkerMetrics {
  /** The tenant's slot, made on first use. Hold it in the compiled snapshot of the tenant. */
  tenantSlot(tenantId: string): TenantSlot;
  /** Ends a tenant's slot once the tenant is removed; what it counted is still reported. */
  releaseTenant(tenantId: string): void;
  /** The cell of a series; resolve it once, not per request. */
  counter<Name extends WorkerCounterName>(name: Name, labels: MetricLabels<Name>): CounterCell;
  gauge<Name extends MetricNameOf<'gauge'>>(name: Name, labels: MetricLabels<Name>): GaugeCell;
  histogram<Name extends WorkerHistogramName>(name: Name, labels: MetricLabels<Name>): DurationCell;
  /** Registers work to do right before each snapshot, such as setting gauges. */
  onSnapshot(collect: () => void): void;
  /** Takes what was counted since the last call. About 1 ms for 10,000 tenants. */
  takeSnapshot(): WorkerSnapshot;
}

/** Options of {@link createWorkerMetrics}. */
export interface WorkerMetricsOptions {
  /**
   * Series per metric; further label values share one series whose labels are all `other`.
   * Default 200.
   */
  readonly seriesMax?: number;
}

interface Series<Cell> {
  readonly name: MetricName;
  readonly labelValues: readonly string[];
  readonly cell: Cell;
}

/** Creates the counters of one worker. */
export function createWorkerMetrics(options: WorkerMetricsOptions = {}): WorkerMetrics {
  const seriesMax = options.seriesMax ?? 200;
  const counters = createSeriesTable<CounterCell>(seriesMax, () => ({ value: 0 }));
  const gauges = createSeriesTable<GaugeCell>(seriesMax, () => ({ value: 0 }));
  const histograms = createSeriesTable(seriesMax, () => new DurationCell());
  const tenants = new Map<string, TenantSlot>();
  const releasing: TenantSlot[] = [];
  const collectors: (() => void)[] = [];
  return {
    tenantSlot(tenantId) {
      let slot = tenants.get(tenantId);
      if (slot === undefined) {
        slot = new TenantSlot(tenantId);
        tenants.set(tenantId, slot);
      }
      return slot;
    },
    releaseTenant(tenantId) {
      const slot = tenants.get(tenantId);
      if (slot === undefined) return;
      tenants.delete(tenantId);
      slot.released = true;
      releasing.push(slot);
    },
    counter: (name, labels) => counters.cell(name, labels),
    gauge: (name, labels) => gauges.cell(name, labels),
    histogram: (name, labels) => histograms.cell(name, labels),
    onSnapshot: (collect) => void collectors.push(collect),
    takeSnapshot() {
      for (const collect of collectors) collect();
      const released = releasing.splice(0);
      return {
        version: 1,
        counters: takeCounters(counters.all),
        gauges: gauges.all.map(({ name, labelValues, cell }) => [name, labelValues, cell.value]),
        histograms: takeHistograms(histograms.all),
        tenants: takeTenants([...released, ...tenants.values()]),
        released: released.map((slot) => slot.tenantId),
      };
    },
  };
}

function createSeriesTable<Cell>(seriesMax: number, create: () => Cell) {
  const all: Series<Cell>[] = [];
  const byKey = new Map<string, Cell>();
  const countByName = new Map<MetricName, number>();
  function add(name: MetricName, labelValues: readonly string[]): Cell {
    const key = `${name}\n${labelValues.join('\n')}`;
    let cell = byKey.get(key);
    if (cell === undefined) {
      cell = create();
      byKey.set(key, cell);
      all.push({ name, labelValues, cell });
      countByName.set(name, (countByName.get(name) ?? 0) + 1);
    }
    return cell;
  }
  return {
    all,
    cell(name: MetricName, labels: Readonly<Record<string, string>>): Cell {
      const names = metricDefinition(name).labels;
      const labelValues = names.map((label) => labels[label] ?? '');
      const known = byKey.get(`${name}\n${labelValues.join('\n')}`);
      if (known !== undefined) return known;
      const full = (countByName.get(name) ?? 0) >= seriesMax - 1;
      return add(name, full && names.length > 0 ? names.map(() => 'other') : labelValues);
    },
  };
}

function takeCounters(all: readonly Series<CounterCell>[]): SnapshotSeries[] {
  return all.map(({ name, labelValues, cell }) => {
    const increment = cell.value;
    cell.value = 0;
    return [name, labelValues, increment];
  });
}

function takeHistograms(all: readonly Series<DurationCell>[]): SnapshotHistogram[] {
  return all.map(({ name, labelValues, cell }) => {
    const counts = Array.from(cell.counts);
    cell.counts.fill(0);
    cell.observations = 0;
    return [name, labelValues, counts];
  });
}

function takeTenants(slots: readonly TenantSlot[]): [string, number[]][] {
  const taken: [string, number[]][] = [];
  for (const slot of slots) {
    if (slot.requests === 0) continue;
    taken.push([slot.tenantId, Array.from(slot.counts)]);
    slot.counts.fill(0);
    slot.requests = 0;
  }
  return taken;
}
