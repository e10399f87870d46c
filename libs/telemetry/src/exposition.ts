import { AggregatorRegistry } from 'prom-client';
import { DURATION_BOUNDS_SECONDS } from './duration-buckets.ts';
import { metricDefinition, type MetricName } from './metric-names.ts';

/** One sample of a metric. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Name of the sample when it differs from the metric's, as in `…_bucket`. */
  readonly metricName?: string;
}

/** A metric with its samples, in the shape of prom-client's `getMetricsAsJSON()`. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: 'sum';
  readonly values: readonly MetricSample[];
}

/** A metric of the table with its samples. */
export function metricFamily(name: MetricName, values: readonly MetricSample[]): MetricFamily {
  const { help, type } = metricDefinition(name);
  return { name, help, type, aggregator: 'sum', values };
}

/** Label names of a metric with these values, in the order of the table. */
export function labelsOf(
  name: MetricName,
  labelValues: readonly string[],
): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  metricDefinition(name).labels.forEach((label, i) => {
    labels[label] = labelValues[i] ?? '';
  });
  return labels;
}

/**
 * Appends the samples of one duration histogram: cumulative buckets, sum and count.
 *
 * @param counts not cumulative; the buckets start at `bucketsAt`.
 */
export function pushHistogram(
  samples: MetricSample[],
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  counts: ArrayLike<number>,
  bucketsAt: number,
  sumSeconds: number,
): void {
  let cumulative = 0;
  for (let i = 0; i < DURATION_BOUNDS_SECONDS.length; i += 1) {
    cumulative += counts[bucketsAt + i] ?? 0;
    const le = DURATION_BOUNDS_SECONDS[i] ?? 0;
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative });
  }
  cumulative += counts[bucketsAt + DURATION_BOUNDS_SECONDS.length] ?? 0;
  const infinity = { ...labels, le: '+Inf' };
  samples.push({ metricName: `${name}_bucket`, labels: infinity, value: cumulative });
  samples.push({ metricName: `${name}_sum`, labels, value: sumSeconds });
  samples.push({ metricName: `${name}_count`, labels, value: cumulative });
}

/** Prometheus text (version 0.0.4) of the families; names must not repeat. */
export function renderFamilies(families: readonly object[]): Promise<string> {
  return AggregatorRegistry.aggregate([families]).metrics();
}
