import type { ProbeState } from '@headgate/health';
import type { MetricsRegistry } from '@headgate/telemetry';
import type { VerdictCounts } from './probe-registry.ts';
import type { ProbeRun } from './schedule.ts';

/** Where values that others hold are read at each scrape. */
export interface MetricSources {
  readonly countVerdicts: () => VerdictCounts;
  readonly busConnected: () => boolean;
  /** Longest delay of the event loop since the last call. */
  readonly eventLoopDelaySeconds: () => number;
  /** Total since the start. */
  readonly spansDropped: () => number;
  /** Total since the start. */
  readonly logLinesDropped: () => number;
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
  const spansDropped = registry.counter('headgate_spans_dropped_total');
  const linesDropped = registry.counter('headgate_log_lines_dropped_total');
  registerGauges(registry, sources);
  let spansSeen = 0;
  let linesSeen = 0;
  return {
    countRun({ result, durationMs, lagMs }) {
      probes.inc({ outcome: result });
      durations.observe(durationMs / 1000);
      lag.set(lagMs / 1000);
    },
    countVerdict: ({ verdict }) => transitions.inc({ state: verdict }),
    countPublication: (published) =>
      publications.inc({ outcome: published ? 'published' : 'failed' }),
    render() {
      // A counter can only be raised; the totals live with whoever drops.
      spansDropped.inc(sources.spansDropped() - spansSeen);
      linesDropped.inc(sources.logLinesDropped() - linesSeen);
      spansSeen = sources.spansDropped();
      linesSeen = sources.logLinesDropped();
      return registry.render();
    },
  };
}

function registerGauges(registry: MetricsRegistry, sources: MetricSources): void {
  registry.gauge('headgate_endpoints', (gauge) => {
    const counts = sources.countVerdicts();
    gauge.set({ state: 'unknown' }, counts.unknown);
    gauge.set({ state: 'healthy' }, counts.healthy);
    gauge.set({ state: 'unhealthy' }, counts.unhealthy);
  });
  registry.gauge('headgate_bus_connected', (gauge) => gauge.set(sources.busConnected() ? 1 : 0));
  registry.gauge('headgate_event_loop_delay_seconds', (gauge) =>
    gauge.set(sources.eventLoopDelaySeconds()),
  );
}
