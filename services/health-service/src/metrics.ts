import type { ProbeState } from '@headgate/health';
import {
  registerProcessMetrics,
  type MetricsRegistry,
  type ProcessMetricSources,
} from '@headgate/telemetry';
import type { VerdictCounts } from './probe-registry.ts';
import type { ProbeRun } from './schedule.ts';

/** Where values that others hold are read at each scrape. */
export interface MetricSources extends ProcessMetricSources {
  readonly countVerdicts: () => VerdictCounts;
}

/** What the service counts while it runs. */
export interface HealthMetrics {
  countRun(run: ProbeRun): void;
  countVerdict(state: ProbeState): void;
  countPublication(published: boolean): void;
  /** Prometheus text. */
  render(): Promise<string>;
}

/** Creates the metrics of the health-service. */
export function createHealthMetrics(
  registry: MetricsRegistry,
  sources: MetricSources,
): HealthMetrics {
  const probes = registry.counter('headgate_probes_total');
  const durations = registry.histogram('headgate_probe_duration_seconds');
  const lag = registry.gauge('headgate_probe_lag_seconds');
  const transitions = registry.counter('headgate_endpoint_transitions_total');
  const publications = registry.counter('headgate_health_published_total');
  registerProcessMetrics(registry, sources);
  registry.gauge('headgate_endpoints', (gauge) => {
    const counts = sources.countVerdicts();
    gauge.set({ state: 'unknown' }, counts.unknown);
    gauge.set({ state: 'healthy' }, counts.healthy);
    gauge.set({ state: 'unhealthy' }, counts.unhealthy);
  });
  return {
    countRun({ result, durationMs, lagMs }) {
      probes.inc({ outcome: result });
      durations.observe(durationMs / 1000);
      lag.set(lagMs / 1000);
    },
    countVerdict: ({ verdict }) => transitions.inc({ state: verdict }),
    countPublication: (published) =>
      publications.inc({ outcome: published ? 'published' : 'failed' }),
    render: () => registry.render(),
  };
}
