import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  DEFAULT_BUCKETS,
  metricDefinition,
  type MetricLabel,
  type MetricName,
  type MetricNameOf,
} from './metric-names.ts';

/** The prom-client metrics of a control-plane process; only metrics of the table can be made. */
export interface MetricsRegistry {
  /** The counter of that name; made on first use. `collect` then raises it at each scrape. */
  counter<Name extends MetricNameOf<'counter'>>(
    name: Name,
    collect?: (counter: Counter<MetricLabel<Name>>) => void | Promise<void>,
  ): Counter<MetricLabel<Name>>;
  /**
   * The gauge of that name; made on first use. `collect` then gives its value at each scrape and
   * must not throw.
   */
  gauge<Name extends MetricNameOf<'gauge'>>(
    name: Name,
    collect?: (gauge: Gauge<MetricLabel<Name>>) => void | Promise<void>,
  ): Gauge<MetricLabel<Name>>;
  /** The histogram of that name; made on first use. */
  histogram<Name extends MetricNameOf<'histogram'>>(name: Name): Histogram<MetricLabel<Name>>;
  /** Prometheus text. */
  render(): Promise<string>;
}

/**
 * Creates the registry of a process, with `process_…` and `nodejs_…` metrics and the label
 * `service` on everything. Not for the edge's request path: see {@link createWorkerMetrics}.
 */
export function createMetricsRegistry(service: string): MetricsRegistry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const made = new Map<MetricName, Counter | Gauge | Histogram>();

  /** The table's name decides the class, so the cast back to it is proven. */
  function once<Metric extends Counter | Gauge | Histogram>(
    name: MetricName,
    create: () => Metric,
  ): Metric {
    const present = made.get(name);
    if (present !== undefined) return present as Metric;
    const metric = create();
    made.set(name, metric);
    return metric;
  }

  return {
    counter: <Name extends MetricNameOf<'counter'>>(
      name: Name,
      collect?: (counter: Counter<MetricLabel<Name>>) => void | Promise<void>,
    ) => once(name, () => createCounter(configuration<Name>(registry, name), collect)),
    gauge: <Name extends MetricNameOf<'gauge'>>(
      name: Name,
      collect?: (gauge: Gauge<MetricLabel<Name>>) => void | Promise<void>,
    ) => once(name, () => createGauge(configuration<Name>(registry, name), collect)),
    histogram: <Name extends MetricNameOf<'histogram'>>(name: Name) =>
      once(name, () => {
        const buckets = [...(metricDefinition(name).buckets ?? DEFAULT_BUCKETS)];
        return new Histogram<MetricLabel<Name>>({
          ...configuration<Name>(registry, name),
          buckets,
        });
      }),
    render: () => registry.metrics(),
  };
}

interface Configuration<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  registers: Registry[];
}

function configuration<Name extends MetricName>(
  registry: Registry,
  name: Name,
): Configuration<MetricLabel<Name>> {
  const { help, labels } = metricDefinition(name);
  // The labels of the row of `name` are what MetricLabel<Name> is derived from.
  const labelNames = labels as readonly MetricLabel<Name>[];
  return { name, help, labelNames, registers: [registry] };
}

function createCounter<Label extends string>(
  options: Configuration<Label>,
  collect: ((counter: Counter<Label>) => void | Promise<void>) | undefined,
): Counter<Label> {
  if (collect === undefined) return new Counter<Label>(options);
  return new Counter<Label>({
    ...options,
    collect(this: Counter<Label>) {
      return collect(this);
    },
  });
}

function createGauge<Label extends string>(
  options: Configuration<Label>,
  collect: ((gauge: Gauge<Label>) => void | Promise<void>) | undefined,
): Gauge<Label> {
  if (collect === undefined) return new Gauge<Label>(options);
  return new Gauge<Label>({
    ...options,
    collect(this: Gauge<Label>) {
      return collect(this);
    },
  });
}
