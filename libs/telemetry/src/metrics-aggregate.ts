import { collectDefaultMetrics, Registry } from 'prom-client';
import { DURATION_BUCKETS } from './duration-buckets.ts';
import {
  labelsOf,
  metricFamily,
  pushHistogram,
  renderFamilies,
  type MetricFamily,
  type MetricSample,
} from './exposition.ts';
import { metricDefinition, type MetricName } from './metric-names.ts';
import { OTHER_TENANTS, TenantLabels, type TenantLabelsOptions } from './tenant-labels.ts';
import {
  BUCKETS_AT,
  BYTES_IN_AT,
  BYTES_OUT_AT,
  DURATION_SUM_AT,
  STATUS_CLASSES,
} from './tenant-slot.ts';
import type { SnapshotSeries, WorkerSnapshot } from './worker-metrics.ts';

/** The totals of an edge: adds up what its workers counted and renders them. */
export interface MetricsAggregate {
  /**
   * Adds a worker's snapshot. Each snapshot must be applied exactly once, whenever it arrives: it
   * holds increments that the worker has already forgotten.
   */
  apply(workerId: string | number, snapshot: WorkerSnapshot): void;
  /** A worker ended: its gauges go, its counts stay. */
  removeWorker(workerId: string | number): void;
  /** Prometheus text, with the process metrics of this (the primary) process. */
  render(): Promise<string>;
}

/** Options of {@link createMetricsAggregate}. */
export interface MetricsAggregateOptions extends TenantLabelsOptions {
  /** Add `process_…` and `nodejs_…` of this process. Default true. */
  readonly processMetrics?: boolean;
}

interface SeriesTotal {
  readonly name: MetricName;
  readonly labelValues: readonly string[];
  value: number;
}

interface HistogramTotal {
  readonly name: MetricName;
  readonly labelValues: readonly string[];
  readonly counts: Float64Array;
}

/** Creates the aggregate of a primary process. Memory: the bounded series plus one row per active tenant. */
export function createMetricsAggregate(options: MetricsAggregateOptions): MetricsAggregate {
  const tenants = new TenantLabels(options);
  const counters = new Map<string, SeriesTotal>();
  const histograms = new Map<string, HistogramTotal>();
  const gaugesByWorker = new Map<string | number, readonly SnapshotSeries[]>();
  const processRegistry = new Registry();
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: processRegistry });
  return {
    apply(workerId, snapshot) {
      for (const [tenantId, counts] of snapshot.tenants) tenants.add(tenantId, counts);
      for (const tenantId of snapshot.released) tenants.release(tenantId);
      for (const series of snapshot.counters) addCounter(counters, series);
      for (const [name, labelValues, counts] of snapshot.histograms) {
        addHistogram(histograms, name, labelValues, counts);
      }
      gaugesByWorker.set(workerId, snapshot.gauges);
    },
    removeWorker: (workerId) => void gaugesByWorker.delete(workerId),
    async render() {
      tenants.settle();
      const families = [
        ...tenantFamilies(tenants),
        ...seriesFamilies([...counters.values(), ...mergeGauges(gaugesByWorker.values())]),
        ...histogramFamilies(histograms.values()),
      ];
      return renderFamilies([...families, ...(await processRegistry.getMetricsAsJSON())]);
    },
  };
}

function keyOf(name: MetricName, labelValues: readonly string[]): string {
  return `${name}\n${labelValues.join('\n')}`;
}

function addCounter(totals: Map<string, SeriesTotal>, series: SnapshotSeries): void {
  const [name, labelValues, increment] = series;
  const key = keyOf(name, labelValues);
  const total = totals.get(key);
  if (total === undefined) totals.set(key, { name, labelValues, value: increment });
  else total.value += increment;
}

function addHistogram(
  totals: Map<string, HistogramTotal>,
  name: MetricName,
  labelValues: readonly string[],
  increments: readonly number[],
): void {
  const key = keyOf(name, labelValues);
  let total = totals.get(key);
  if (total === undefined) {
    total = { name, labelValues, counts: new Float64Array(DURATION_BUCKETS + 1) };
    totals.set(key, total);
  }
  const { counts } = total;
  for (let i = 0; i < counts.length; i += 1) counts[i] = (counts[i] ?? 0) + (increments[i] ?? 0);
}

function mergeGauges(workers: Iterable<readonly SnapshotSeries[]>): SeriesTotal[] {
  const merged = new Map<string, SeriesTotal>();
  for (const gauges of workers) {
    for (const [name, labelValues, value] of gauges) {
      const key = keyOf(name, labelValues);
      const present = merged.get(key);
      if (present === undefined) merged.set(key, { name, labelValues, value });
      else present.value = mergeValues(name, present.value, value);
    }
  }
  return [...merged.values()];
}

function mergeValues(name: MetricName, left: number, right: number): number {
  const { merge } = metricDefinition(name);
  if (merge === 'max') return Math.max(left, right);
  if (merge === 'min') return Math.min(left, right);
  return left + right;
}

function tenantFamilies(tenants: TenantLabels): MetricFamily[] {
  const requests: MetricSample[] = [];
  const durations: MetricSample[] = [];
  const bytesIn: MetricSample[] = [];
  const bytesOut: MetricSample[] = [];
  const labelled = tenants.labelled();
  const rows = [...labelled, { tenantId: OTHER_TENANTS, totals: tenants.other }];
  for (const { tenantId: tenant, totals } of rows) {
    STATUS_CLASSES.forEach((statusClass, i) => {
      const value = totals[i] ?? 0;
      if (value > 0) requests.push({ labels: { tenant, status_class: statusClass }, value });
    });
    const sum = totals[DURATION_SUM_AT] ?? 0;
    pushHistogram(
      durations,
      'headgate_request_duration_seconds',
      { tenant },
      totals,
      BUCKETS_AT,
      sum,
    );
    bytesIn.push({ labels: { tenant }, value: totals[BYTES_IN_AT] ?? 0 });
    bytesOut.push({ labels: { tenant }, value: totals[BYTES_OUT_AT] ?? 0 });
  }
  return [
    metricFamily('headgate_requests_total', requests),
    metricFamily('headgate_request_duration_seconds', durations),
    metricFamily('headgate_request_bytes_total', bytesIn),
    metricFamily('headgate_response_bytes_total', bytesOut),
    metricFamily('headgate_tenant_labels', [{ labels: {}, value: labelled.length }]),
  ];
}

function seriesFamilies(all: readonly SeriesTotal[]): MetricFamily[] {
  const samples = new Map<MetricName, MetricSample[]>();
  for (const { name, labelValues, value } of all) {
    const sample = { labels: labelsOf(name, labelValues), value };
    const list = samples.get(name);
    if (list === undefined) samples.set(name, [sample]);
    else list.push(sample);
  }
  return [...samples].map(([name, values]) => metricFamily(name, values));
}

function histogramFamilies(all: Iterable<HistogramTotal>): MetricFamily[] {
  const samples = new Map<MetricName, MetricSample[]>();
  for (const { name, labelValues, counts } of all) {
    const list = samples.get(name) ?? [];
    samples.set(name, list);
    const sum = counts[DURATION_BUCKETS] ?? 0;
    pushHistogram(list, name, labelsOf(name, labelValues), counts, 0, sum);
  }
  return [...samples].map(([name, values]) => metricFamily(name, values));
}
