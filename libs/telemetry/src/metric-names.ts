/** Kinds of metrics. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** One row of the table of metrics. */
export interface MetricDefinition {
  readonly type: MetricType;
  /** One sentence for people. */
  readonly help: string;
  /** Unit of the value; `1` counts things. */
  readonly unit: 'seconds' | 'bytes' | '1' | 'boolean';
  readonly labels: readonly string[];
  /** Which service exports it. */
  readonly service: 'edge' | 'config-service' | 'health-service' | 'all';
  /** Gauges only: how the values of an edge's workers become one. Default `sum`. */
  readonly merge?: 'sum' | 'max' | 'min';
  /** Histograms only: upper bounds in the metric's unit. Default {@link DEFAULT_BUCKETS}. */
  readonly buckets?: readonly number[];
}

/** Bounds of control-plane histograms, in seconds. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

interface RowOptions {
  readonly unit?: MetricDefinition['unit'];
  readonly merge?: 'sum' | 'max' | 'min';
  readonly buckets?: readonly number[];
}

function row<const Type extends MetricType, const Label extends string>(
  service: MetricDefinition['service'],
  type: Type,
  labels: readonly Label[],
  help: string,
  options: RowOptions = {},
) {
  const unit = options.unit ?? (type === 'histogram' ? ('seconds' as const) : ('1' as const));
  return Object.freeze({ ...options, service, type, labels, help, unit });
}

/**
 * Every metric of Headgate, in one place. A metric that is not here cannot be made. The reference
 * page `docs/reference/metrics.md` is generated from this table.
 *
 * Labels hold values from closed sets only; `tenant` is one of the busiest tenants or `other`.
 */
export const METRICS = Object.freeze({
  // Requests (edge)
  headgate_requests_total: row(
    'edge',
    'counter',
    ['tenant', 'status_class'],
    'Finished requests; status_class none means that the client left before a status was sent',
  ),
  headgate_request_duration_seconds: row(
    'edge',
    'histogram',
    ['tenant'],
    'Time from the first byte of a request to the last byte of its reply',
  ),
  headgate_request_bytes_total: row(
    'edge',
    'counter',
    ['tenant'],
    'Request body bytes read from clients',
    { unit: 'bytes' },
  ),
  headgate_response_bytes_total: row(
    'edge',
    'counter',
    ['tenant'],
    'Response body bytes sent to clients',
    { unit: 'bytes' },
  ),
  headgate_local_replies_total: row(
    'edge',
    'counter',
    ['code'],
    'Replies made by the edge itself, by error code',
  ),
  headgate_tenant_labels: row('edge', 'gauge', [], 'Tenants that have a label of their own'),
  // Connections and attempts (edge)
  headgate_upstream_attempts_total: row(
    'edge',
    'counter',
    ['outcome'],
    'Attempts to get a reply from an endpoint, by outcome',
  ),
  headgate_upstream_attempt_duration_seconds: row(
    'edge',
    'histogram',
    [],
    'Time from picking an endpoint to the end of its reply',
  ),
  headgate_upstream_connections: row(
    'edge',
    'gauge',
    ['state'],
    'Connections to endpoints, by state (active, idle, connecting)',
  ),
  headgate_upstream_evictions_total: row(
    'edge',
    'counter',
    [],
    'Idle connections to endpoints that were closed because a worker had as many as its open files allow',
  ),
  headgate_upstream_pending: row(
    'edge',
    'gauge',
    [],
    'Requests that wait for a connection to an endpoint',
  ),
  headgate_downstream_connections: row('edge', 'gauge', [], 'Open connections of clients'),
  headgate_downstream_connections_total: row(
    'edge',
    'counter',
    ['outcome'],
    'Connections of clients: accepted or refused',
  ),
  headgate_downstream_refused_total: row(
    'edge',
    'counter',
    ['cause'],
    'Connections closed as soon as they came, by cause (connections_max, address_max)',
  ),
  headgate_downstream_cut_total: row(
    'edge',
    'counter',
    ['cause'],
    'Connections that the edge ended, by cause (head_timeout, body_rate, write_rate, requests_max, overload)',
  ),
  headgate_accept_pauses_total: row(
    'edge',
    'counter',
    ['cause'],
    'Times that a worker stopped accepting connections for a while, by cause (open_files, overload)',
  ),
  headgate_tls_handshakes_total: row(
    'edge',
    'counter',
    ['result'],
    'TLS handshakes that ended, by result (ok, unknown_name, unusable: the certificate cannot be opened, failed, closed by the client, timeout, refused: too many at once)',
  ),
  headgate_tls_handshakes: row('edge', 'gauge', [], 'TLS handshakes under way'),
  headgate_tls_contexts: row(
    'edge',
    'gauge',
    [],
    'Certificates that workers keep ready; each worker counts its own',
  ),
  headgate_accepting: row('edge', 'gauge', [], 'Workers that accept connections at the moment'),
  headgate_overload_level: row(
    'edge',
    'gauge',
    [],
    'Overload: 0 none, 1 lets connections go, 2 sheds requests, 3 stops accepting; the worst worker',
    { merge: 'max' },
  ),
  headgate_overload_shed_share: row(
    'edge',
    'gauge',
    [],
    'Part of the new requests that is shed with 503; the worst worker',
    { merge: 'max' },
  ),
  headgate_active_requests: row('edge', 'gauge', [], 'Requests being handled'),
  headgate_jwks_fetches_total: row(
    'edge',
    'counter',
    ['outcome'],
    'Fetches of the keys of JWT issuers, by outcome: ok or failed',
  ),
  headgate_outlier_ejections_total: row(
    'edge',
    'counter',
    ['cause'],
    'Endpoints taken out of rotation because of failures that the edge saw',
  ),
  // Limits (edge)
  headgate_limit_decisions_total: row(
    'edge',
    'counter',
    ['outcome', 'source'],
    'Limiter verdicts, one for each pool and one for all other limits of a request, by outcome (admitted, denied, unavailable) and source (store, lease, deny_cache, share, open, closed)',
  ),
  headgate_limit_denials_total: row(
    'edge',
    'counter',
    ['level', 'kind'],
    'Requests that a limit refused, by its level (tenant, key, route, consumer, pool, platform) and kind',
  ),
  headgate_limit_shadow_denials_total: row(
    'edge',
    'counter',
    ['level', 'kind'],
    'Requests that a limit in shadow would have refused, by its level (tenant, key, route, consumer) and kind',
  ),
  headgate_limit_degraded: row(
    'edge',
    'gauge',
    [],
    '1 while limits are enforced by local share because the store is unreachable',
    { unit: 'boolean', merge: 'max' },
  ),
  headgate_limit_degraded_seconds_total: row(
    'edge',
    'counter',
    [],
    'Time without the limit store, also until it is first used, summed over workers and, with Redis Cluster, parts; behind by up to a second',
    { unit: 'seconds' },
  ),
  headgate_limit_record_evictions_total: row(
    'edge',
    'counter',
    [],
    'Local records of limits (denials, own recent usage) dropped to make room; such a limit starts afresh when Redis is lost',
  ),
  headgate_limit_replayed_rules_total: row(
    'edge',
    'counter',
    [],
    'Usages of limits that workers told Redis after a loss',
  ),
  headgate_limit_slots: row(
    'edge',
    'gauge',
    [],
    'Slots of concurrency limits that requests in flight hold',
  ),
  headgate_limit_slots_missing_total: row(
    'edge',
    'counter',
    [],
    'Held slots that Redis did not count when they were renewed: lapsed, lost, or admitted without it',
  ),
  headgate_limit_clock_steps_total: row(
    'edge',
    'counter',
    [],
    'Steps of the clock of Redis by more than a second, as seen against the monotonic clock of a worker; one forward lets windows forget',
  ),
  headgate_limit_batches_total: row('edge', 'counter', [], 'Batches sent to the limit store'),
  headgate_limit_batch_units_total: row(
    'edge',
    'counter',
    [],
    'Decisions carried by those batches; divided by batches: the mean batch size',
  ),
  headgate_limit_leases_total: row(
    'edge',
    'counter',
    [],
    'Parts of windows that Redis granted in advance',
  ),
  headgate_limit_lease_cost_total: row(
    'edge',
    'counter',
    ['outcome'],
    'Cost of leases: granted, used by requests, returned; of limits that tenants share also what was refunded, as another limit refused; what is neither used nor returned has lapsed',
  ),
  headgate_limit_store_errors_total: row(
    'edge',
    'counter',
    ['cause'],
    'Failed calls of the limit store, by cause',
  ),
  headgate_limit_duration_seconds: row(
    'edge',
    'histogram',
    [],
    'Time a request waited for the limiter',
  ),
  // Configuration (edge)
  headgate_config_documents: row(
    'edge',
    'gauge',
    ['state'],
    'Tenant and plan documents held, by state (active, quarantined)',
    { merge: 'max' },
  ),
  headgate_config_revision: row(
    'edge',
    'gauge',
    [],
    'Highest revision applied; of several workers the one furthest behind',
    { merge: 'min' },
  ),
  headgate_config_age_seconds: row(
    'edge',
    'gauge',
    [],
    'Time since the last proof that the configuration is current',
    { unit: 'seconds', merge: 'max' },
  ),
  headgate_config_rejected_documents: row(
    'edge',
    'gauge',
    [],
    'Documents whose newest revision cannot be used; the last good one serves',
    { merge: 'max' },
  ),
  headgate_config_updates_total: row(
    'edge',
    'counter',
    ['outcome'],
    'Documents received, by outcome (applied, rejected, stale)',
  ),
  // The process (edge)
  headgate_access_records_dropped_total: row(
    'edge',
    'counter',
    [],
    'Access records lost because the output was blocked or failed',
  ),
  headgate_event_loop_delay_seconds: row(
    'all',
    'gauge',
    [],
    'Longest event loop delay since the last scrape; of several workers the longest',
    { unit: 'seconds', merge: 'max' },
  ),
  headgate_workers: row('edge', 'gauge', [], 'Workers that answered the last scrape'),
  headgate_worker_restarts_total: row(
    'edge',
    'counter',
    ['cause'],
    'Workers that ended and were replaced, by cause (exited, killed, blocked, failed)',
  ),
  headgate_revision_faults_total: row(
    'edge',
    'counter',
    [],
    'Reports of workers that a revision threw: three requests in a row, or once outside of requests',
  ),
  headgate_worker_memory_bytes: row('edge', 'gauge', [], 'Resident memory of all workers', {
    unit: 'bytes',
  }),
  headgate_draining: row('edge', 'gauge', [], '1 while the edge drains', {
    unit: 'boolean',
    merge: 'max',
  }),
  // Everywhere
  headgate_log_lines_dropped_total: row(
    'all',
    'counter',
    [],
    'Log lines lost because the output was blocked or failed',
  ),
  headgate_bus_connected: row('all', 'gauge', [], '1 while connected to NATS', {
    unit: 'boolean',
    merge: 'min',
  }),
  headgate_spans_dropped_total: row(
    'all',
    'counter',
    [],
    'Sampled spans that were not exported because the queue was full',
  ),
  // config-service
  headgate_http_request_duration_seconds: row(
    'config-service',
    'histogram',
    ['method', 'route', 'status_class'],
    'Time to answer a management request, by route template',
  ),
  headgate_config_writes_total: row(
    'config-service',
    'counter',
    ['kind', 'outcome'],
    'Writes of resources, by kind and outcome (committed, rejected, failed)',
  ),
  headgate_outbox_pending: row(
    'config-service',
    'gauge',
    [],
    'Committed documents that are not published yet',
  ),
  headgate_outbox_age_seconds: row(
    'config-service',
    'gauge',
    [],
    'Age of the oldest document that is not published yet',
    { unit: 'seconds' },
  ),
  headgate_publish_duration_seconds: row(
    'config-service',
    'histogram',
    [],
    'Time from commit to publication of a document',
  ),
  headgate_published_documents_total: row(
    'config-service',
    'counter',
    ['outcome'],
    'Publications of documents, by outcome (published, failed)',
  ),
  headgate_convergence_duration_seconds: row(
    'config-service',
    'histogram',
    [],
    'Time from commit until every live edge acknowledged the revision',
  ),
  headgate_live_edges: row('config-service', 'gauge', [], 'Edges that are present on the bus'),
  headgate_store_errors_total: row(
    'config-service',
    'counter',
    [],
    'Failed calls of the configuration store',
  ),
  headgate_limit_excess_total: row(
    'config-service',
    'counter',
    ['cause'],
    'Times that edges together admitted more than a limit allows, by cause (store_lost, unexplained)',
  ),
  headgate_limit_events_total: row(
    'config-service',
    'counter',
    ['event'],
    'Times that a limit was used to 80 % (near) or began to refuse (reached), not of limits per consumer; each replica counts all',
  ),
  headgate_certificate_expiry_seconds: row(
    'config-service',
    'gauge',
    [],
    'Time until the first certificate of all tenants expires, below 0 if one has; +Inf without any',
    { unit: 'seconds' },
  ),
  headgate_certificates_expiring: row(
    'config-service',
    'gauge',
    ['within'],
    'Certificates that expire within so many days (1d, 7d, 14d, 30d), those that have included',
  ),
  headgate_config_drift: row(
    'config-service',
    'gauge',
    [],
    '1 while the configuration differs from what was declared, else 0',
  ),
  headgate_limit_counters_stuck: row(
    'config-service',
    'gauge',
    [],
    'Limits that admit requests while what is left of them never falls',
  ),
  headgate_limits_watched: row(
    'config-service',
    'gauge',
    [],
    'Limits and consumers of which edges reported lately',
  ),
  // health-service
  headgate_probes_total: row(
    'health-service',
    'counter',
    ['outcome'],
    'Probes, by outcome (success, failure, timeout)',
  ),
  headgate_probe_duration_seconds: row(
    'health-service',
    'histogram',
    [],
    'Time of a probe from connect to verdict',
  ),
  headgate_endpoints: row(
    'health-service',
    'gauge',
    ['state'],
    'Endpoints probed by this replica, by state',
  ),
  headgate_endpoint_transitions_total: row(
    'health-service',
    'counter',
    ['state'],
    'Changes of state of endpoints, by the new state',
  ),
  headgate_probe_lag_seconds: row(
    'health-service',
    'gauge',
    [],
    'How late the latest probe started, against its schedule',
    { unit: 'seconds' },
  ),
  headgate_health_published_total: row(
    'health-service',
    'counter',
    ['outcome'],
    'Publications of health states, by outcome (published, failed)',
  ),
} satisfies Record<string, MetricDefinition>);

type Table = typeof METRICS;

/** Name of a metric of the table. */
export type MetricName = keyof Table;

/** Names of the metrics of one type. */
export type MetricNameOf<Type extends MetricType> = {
  [Name in MetricName]: Table[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** Names of the labels of a metric. */
export type MetricLabel<Name extends MetricName> = Table[Name]['labels'][number];

/** Label values of one series: every label of the metric, exactly. */
export type MetricLabels<Name extends MetricName> = Readonly<Record<MetricLabel<Name>, string>>;

/** The row of a metric. */
export function metricDefinition(name: MetricName): MetricDefinition {
  return METRICS[name];
}
