import type { Clock } from '@headgate/runtime';
import {
  registerProcessMetrics,
  type MetricsRegistry,
  type ProcessMetricSources,
} from '@headgate/telemetry';
import type { AnsweredRequest } from './http/observe-requests.ts';
import type { LimitWatch } from './limits/limit-watch.ts';
import type { LimitEventKind } from './limits/near-state.ts';
import type { LimitExcess } from './limits/self-audit.ts';
import type { PublisherObserver } from './publish/publisher.ts';
import type { Convergence } from './resources/api-context.ts';
import type { ClusterView } from './status/cluster-view.ts';
import type { Store } from './store/store.ts';

/** What the metrics are taken from. */
export interface MetricSources extends ProcessMetricSources {
  readonly store: Store;
  readonly view: ClusterView;
  readonly watch: Pick<LimitWatch, 'size' | 'stuck'>;
  readonly clock: Clock;
}

/** Where the parts of the service count. */
export interface ConfigServiceMetrics {
  countRequest(request: AnsweredRequest): void;
  /** Adds counting to what happens in the publisher. */
  readonly publisher: Pick<PublisherObserver, 'onPublished' | 'onDelivered' | 'onFailure'>;
  /** Edges together admitted more than a limit allows. */
  countExcess(cause: LimitExcess['cause']): void;
  /** A limit is near, or reached. */
  countLimitEvent(event: LimitEventKind): void;
  /** Prometheus text. */
  render(): Promise<string>;
  /** The same waits, measured. */
  measureConvergence(convergence: Convergence): Convergence;
}

/** Makes the metrics of the config-service; the names stand in the table of @headgate/telemetry. */
export function createMetrics(
  registry: MetricsRegistry,
  sources: MetricSources,
): ConfigServiceMetrics {
  registerProcessMetrics(registry, sources);
  collectAtScrape(registry, sources);
  const requests = registry.histogram('headgate_http_request_duration_seconds');
  const writes = registry.counter('headgate_config_writes_total');
  const storeErrors = registry.counter('headgate_store_errors_total');
  const delays = registry.histogram('headgate_publish_duration_seconds');
  const excesses = registry.counter('headgate_limit_excess_total');
  const limitEvents = registry.counter('headgate_limit_events_total');
  const published = registry.counter('headgate_published_documents_total');
  const convergences = registry.histogram('headgate_convergence_duration_seconds');
  return {
    render: () => registry.render(),
    countExcess: (cause) => excesses.inc({ cause }),
    countLimitEvent: (event) => limitEvents.inc({ event }),
    countRequest({ method, route, tag, status, durationMs }) {
      const status_class = `${Math.floor(status / 100)}xx`;
      requests.observe({ method, route, status_class }, durationMs / 1000);
      if (status === 503) storeErrors.inc();
      if (method === 'PUT' || method === 'POST' || method === 'DELETE') {
        writes.inc({ kind: tag, outcome: outcomeOf(status) });
      }
    },
    publisher: {
      onPublished: () => published.inc({ outcome: 'published' }),
      onDelivered: (delaysMs) => delaysMs.forEach((ms) => delays.observe(ms / 1000)),
      onFailure: () => published.inc({ outcome: 'failed' }),
    },
    measureConvergence: (convergence) => ({
      async wait(documents, timeoutMs) {
        const startedMs = sources.clock.monotonicMs();
        const converged = await convergence.wait(documents, timeoutMs);
        if (converged) convergences.observe((sources.clock.monotonicMs() - startedMs) / 1000);
        return converged;
      },
    }),
  };
}

function outcomeOf(status: number): 'committed' | 'rejected' | 'failed' {
  if (status < 400) return 'committed';
  return status < 500 ? 'rejected' : 'failed';
}

function collectAtScrape(registry: MetricsRegistry, sources: MetricSources): void {
  const { store, view, watch, clock } = sources;
  registry.gauge('headgate_limits_watched', (gauge) => gauge.set(watch.size));
  registry.gauge('headgate_limit_counters_stuck', (gauge) => gauge.set(watch.stuck));
  registry.gauge('headgate_live_edges', (gauge) =>
    gauge.set(view.edges().filter(({ live }) => live).length),
  );
  registry.gauge('headgate_config_drift', async (gauge) => {
    // While the store is away what was last known stays, as below.
    const known = await store.declaration.state().catch(() => undefined);
    if (known !== undefined) gauge.set(known === null || known.driftedAt === null ? 0 : 1);
  });
  const expiring = registry.gauge('headgate_certificates_expiring');
  registry.gauge('headgate_certificate_expiry_seconds', async (gauge) => {
    const nowMs = clock.nowMs();
    const expiry = await store.certificateExpiry(nowMs).catch(() => null);
    if (expiry === null) return;
    gauge.set(expiry.soonestMs === null ? Infinity : (expiry.soonestMs - nowMs) / 1000);
    for (const { days, count } of expiry.within) expiring.set({ within: `${days}d` }, count);
  });
  const age = registry.gauge('headgate_outbox_age_seconds');
  registry.gauge('headgate_outbox_pending', async (gauge) => {
    const figures = await store.figures().catch(() => null);
    // While the store is away the last known figures stay.
    if (figures === null) return;
    gauge.set(figures.pending);
    const since = figures.oldestPending;
    age.set(since === null ? 0 : Math.max(0, clock.nowMs() - since.getTime()) / 1000);
  });
}
