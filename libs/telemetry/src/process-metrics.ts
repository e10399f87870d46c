import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ServiceLogger } from './logger.ts';
import type { MetricNameOf } from './metric-names.ts';
import type { MetricsRegistry } from './metrics-registry.ts';
import type { Tracing } from './tracing.ts';

/** What the metrics of a process are read from, at each scrape. */
export interface ProcessMetricSources {
  readonly bus: { readonly connected: boolean };
  readonly tracing: Pick<Tracing, 'droppedSpans'>;
  readonly output: Pick<ServiceLogger, 'droppedLines'>;
}

/**
 * Adds the metrics that every control-plane process exports: event loop delay, connection to NATS,
 * dropped spans and log lines. Call it once per registry.
 */
export function registerProcessMetrics(
  registry: MetricsRegistry,
  { bus, tracing, output }: ProcessMetricSources,
): void {
  const loopDelay = monitorEventLoopDelay();
  loopDelay.enable();
  registry.gauge('headgate_event_loop_delay_seconds', (gauge) => {
    gauge.set(loopDelay.max / 1e9);
    loopDelay.reset();
  });
  registry.gauge('headgate_bus_connected', (gauge) => gauge.set(bus.connected ? 1 : 0));
  followTotal(registry, 'headgate_spans_dropped_total', () => tracing.droppedSpans());
  followTotal(registry, 'headgate_log_lines_dropped_total', () => output.droppedLines());
}

/** A counter can only be raised; the totals live with whoever drops. */
function followTotal(
  registry: MetricsRegistry,
  name: MetricNameOf<'counter'>,
  total: () => number,
): void {
  let seen = 0;
  registry.counter(name, (counter) => {
    const now = total();
    counter.inc(now - seen);
    seen = now;
  });
}
