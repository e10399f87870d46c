import process from 'node:process';
import type { ELDHistogram } from 'node:perf_hooks';
import type { Limiter, LimiterStats } from '@headgate/limiting';
import type {
  AccessLog,
  CounterCell,
  ServiceLogger,
  Tracing,
  WorkerMetrics,
} from '@headgate/telemetry';
import type { DownstreamStats } from '../downstream/downstream-deps.ts';
import type { Listener } from '../downstream/listener.ts';
import type { TlsStats } from '../tls/tls-stats.ts';
import type { Recorder } from '../stages/record.ts';
import type { ConnectionBudget } from '../upstream/connection-budget.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { WorkerTls } from './open-tls.ts';
import type { OverloadLadder } from './overload-ladder.ts';

/** What is read when metrics are taken. */
export interface WorkerSources {
  readonly metrics: WorkerMetrics;
  readonly limiter: Limiter;
  readonly listener: Listener;
  readonly tls: Pick<WorkerTls, 'contexts' | 'stats'>;
  readonly recorder: Recorder;
  readonly upstreams: UpstreamRegistry;
  readonly budget: ConnectionBudget;
  readonly accessLog: AccessLog;
  readonly log: ServiceLogger;
  readonly tracing: Tracing;
  readonly loopDelay: ELDHistogram;
  readonly ladder: OverloadLadder;
}

/** Limiter counts as decisions by outcome and source. */
const DECISIONS: readonly (readonly [keyof LimiterStats, string, string])[] = [
  ['admittedByStore', 'admitted', 'store'],
  ['deniedByStore', 'denied', 'store'],
  ['admittedByLease', 'admitted', 'lease'],
  ['deniedByDenyCache', 'denied', 'deny_cache'],
  ['admittedByShare', 'admitted', 'share'],
  ['deniedByShare', 'denied', 'share'],
  ['unavailableByShare', 'unavailable', 'share'],
  ['admittedByOpen', 'admitted', 'open'],
  ['unavailableByClosed', 'unavailable', 'closed'],
  ['unavailableByOverflow', 'unavailable', 'store'],
];

/** Limiter counts that are metrics of their own. */
const LIMITER_TOTALS = [
  ['headgate_limit_slots_missing_total', (stats: LimiterStats) => stats.slotsLapsed],
  ['headgate_limit_clock_steps_total', (stats: LimiterStats) => stats.storeClockSteps],
  ['headgate_limit_degraded_seconds_total', (stats: LimiterStats) => stats.degradedMs / 1000],
  ['headgate_limit_record_evictions_total', (stats: LimiterStats) => stats.denyCacheEvictions],
  ['headgate_limit_replayed_rules_total', (stats: LimiterStats) => stats.replayedRules],
  ['headgate_limit_leases_total', (stats: LimiterStats) => stats.leases],
  ['headgate_limit_batches_total', (stats: LimiterStats) => stats.batches],
  ['headgate_limit_batch_units_total', (stats: LimiterStats) => stats.batchedUnits],
] as const;

/** What became of leases. */
const LEASES: readonly (readonly [keyof LimiterStats, string])[] = [
  ['leasedCost', 'granted'],
  ['leaseUsedCost', 'used'],
  ['leaseReturnedCost', 'returned'],
  ['refundedCost', 'refunded'],
];

/** Connections that were cut or ended by the edge, by cause. */
const CUTS: readonly (readonly [keyof DownstreamStats, string])[] = [
  ['cutHead', 'head_timeout'],
  ['cutBody', 'body_rate'],
  ['cutWrite', 'write_rate'],
  ['endedRequests', 'requests_max'],
  ['endedOverload', 'overload'],
];

/** What became of TLS handshakes. */
const HANDSHAKES: readonly (readonly [keyof TlsStats, string])[] = [
  ['ok', 'ok'],
  ['unknownName', 'unknown_name'],
  ['unusable', 'unusable'],
  ['failed', 'failed'],
  ['closed', 'closed'],
  ['timeout', 'timeout'],
  ['refused', 'refused'],
];

/** Connections that were not accepted, by cause. */
const REFUSALS: readonly (readonly [keyof DownstreamStats, string])[] = [
  ['refusedTotal', 'connections_max'],
  ['refusedAddress', 'address_max'],
];

/** Pauses of accepting, by cause. */
const PAUSES: readonly (readonly [keyof DownstreamStats, string])[] = [
  ['pausedFds', 'open_files'],
  ['pausedOverload', 'overload'],
];

/** Exports what others count already: read at each scrape, not on the request path. */
export function exportWorkerMetrics(sources: WorkerSources): void {
  const { metrics, limiter, listener, tls, budget, accessLog, log, tracing } = sources;
  const totals: (readonly [CounterCell, () => number])[] = [
    ...DECISIONS.map(([field, outcome, source]) => {
      const cell = metrics.counter('headgate_limit_decisions_total', { outcome, source });
      return [cell, () => limiter.stats[field]] as const;
    }),
    ...LIMITER_TOTALS.map(([name, read]) => {
      return [metrics.counter(name, {}), () => read(limiter.stats)] as const;
    }),
    ...LEASES.map(([field, outcome]) => {
      const cell = metrics.counter('headgate_limit_lease_cost_total', { outcome });
      return [cell, () => limiter.stats[field]] as const;
    }),
    [
      metrics.counter('headgate_limit_store_errors_total', { cause: 'timeout' }),
      () => limiter.stats.storeTimeouts,
    ],
    [
      metrics.counter('headgate_limit_store_errors_total', { cause: 'other' }),
      () => limiter.stats.storeErrors - limiter.stats.storeTimeouts,
    ],
    [
      metrics.counter('headgate_downstream_connections_total', { outcome: 'accepted' }),
      () => listener.stats.accepted,
    ],
    [
      metrics.counter('headgate_downstream_connections_total', { outcome: 'refused' }),
      () => listener.stats.refusedTotal + listener.stats.refusedAddress,
    ],
    ...REFUSALS.map(([field, cause]) => {
      const cell = metrics.counter('headgate_downstream_refused_total', { cause });
      return [cell, () => listener.stats[field]] as const;
    }),
    ...CUTS.map(([field, cause]) => {
      const cell = metrics.counter('headgate_downstream_cut_total', { cause });
      return [cell, () => listener.stats[field]] as const;
    }),
    ...HANDSHAKES.map(([field, result]) => {
      const cell = metrics.counter('headgate_tls_handshakes_total', { result });
      return [cell, () => tls.stats[field]] as const;
    }),
    ...PAUSES.map(([field, cause]) => {
      const cell = metrics.counter('headgate_accept_pauses_total', { cause });
      return [cell, () => listener.stats[field]] as const;
    }),
    [metrics.counter('headgate_upstream_evictions_total', {}), () => budget.evicted],
    [
      metrics.counter('headgate_access_records_dropped_total', {}),
      () => accessLog.droppedRecords(),
    ],
    [metrics.counter('headgate_log_lines_dropped_total', {}), () => log.droppedLines()],
    [metrics.counter('headgate_spans_dropped_total', {}), () => tracing.droppedSpans()],
  ];
  const reported = totals.map(() => 0);
  metrics.onSnapshot(() => {
    totals.forEach(([cell, read], index) => {
      const total = read();
      cell.value += total - (reported[index] ?? 0);
      reported[index] = total;
    });
  });
  exportGauges(sources);
}

function exportGauges(sources: WorkerSources): void {
  const { metrics, limiter, listener, recorder, upstreams, loopDelay, ladder } = sources;
  const { tls } = sources;
  const handshakes = metrics.gauge('headgate_tls_handshakes', {});
  const opened = metrics.gauge('headgate_tls_contexts', {});
  const active = metrics.gauge('headgate_active_requests', {});
  const downstream = metrics.gauge('headgate_downstream_connections', {});
  const degraded = metrics.gauge('headgate_limit_degraded', {});
  const slots = metrics.gauge('headgate_limit_slots', {});
  const idle = metrics.gauge('headgate_upstream_connections', { state: 'idle' });
  const busy = metrics.gauge('headgate_upstream_connections', { state: 'active' });
  const pending = metrics.gauge('headgate_upstream_pending', {});
  const delay = metrics.gauge('headgate_event_loop_delay_seconds', {});
  const memory = metrics.gauge('headgate_worker_memory_bytes', {});
  const level = metrics.gauge('headgate_overload_level', {});
  const shedShare = metrics.gauge('headgate_overload_shed_share', {});
  const accepting = metrics.gauge('headgate_accepting', {});
  const workers = metrics.gauge('headgate_workers', {});
  metrics.onSnapshot(() => {
    const connections = upstreams.countConnections();
    active.value = recorder.activeRequests;
    downstream.value = listener.openConnections;
    slots.value = limiter.stats.slotsHeld;
    degraded.value = limiter.degraded ? 1 : 0;
    idle.value = connections.idle;
    pending.value = connections.waiting;
    busy.value = connections.open - connections.idle;
    delay.value = loopDelay.max / 1e9;
    loopDelay.reset();
    memory.value = process.memoryUsage.rss();
    level.value = ladder.level;
    shedShare.value = ladder.shedShare;
    accepting.value = listener.accepting ? 1 : 0;
    handshakes.value = tls.stats.open;
    opened.value = tls.contexts === null ? 0 : tls.contexts.size;
    workers.value = 1;
  });
}
