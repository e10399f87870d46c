export { createAccessLog, type AccessLog, type AccessLogOptions } from './access-log.ts';
export {
  accessRecordLine,
  compileAccessTexts,
  endpointText,
  type AccessRecord,
  type AccessTexts,
} from './access-record.ts';
export {
  createAdminServer,
  type AdminHandler,
  type AdminReply,
  type AdminRequest,
  type AdminServer,
  type AdminServerOptions,
  type Readiness,
} from './admin-server.ts';
export { openChunkWriter, type ChunkWriter } from './chunk-writer.ts';
export { describeMetrics } from './describe-metrics.ts';
export { DirectoryInUseError, lockDirectory, type DirectoryLock } from './directory-lock.ts';
export { escapeJson } from './escape-json.ts';
export { LineSink, type LineSinkOptions } from './line-sink.ts';
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type ServiceLogger,
} from './logger.ts';
export {
  METRICS,
  type MetricDefinition,
  type MetricLabel,
  type MetricLabels,
  type MetricName,
  type MetricNameOf,
  type MetricType,
} from './metric-names.ts';
export {
  createMetricsAggregate,
  type MetricsAggregate,
  type MetricsAggregateOptions,
} from './metrics-aggregate.ts';
export { createMetricsRegistry, type MetricsRegistry } from './metrics-registry.ts';
export { registerProcessMetrics, type ProcessMetricSources } from './process-metrics.ts';
export { isSecretKey, REDACTED, redactFields, redactText } from './redact.ts';
export {
  runService,
  type ProcessSettings,
  type ServiceDefinition,
  type ServiceProcess,
} from './service-process.ts';
export { BUCKETS_AT as TENANT_BUCKETS_AT, STATUS_CLASSES, TenantSlot } from './tenant-slot.ts';
export { DURATION_BOUNDS_SECONDS, DURATION_BUCKETS } from './duration-buckets.ts';
export {
  createWorkerMetrics,
  type CounterCell,
  type DurationCell,
  type GaugeCell,
  type WorkerCounterName,
  type WorkerHistogramName,
  type WorkerMetrics,
  type WorkerMetricsOptions,
  type WorkerSnapshot,
} from './worker-metrics.ts';
export { createRatioSampler, type RatioSampler } from './ratio-sampler.ts';
export type { AttemptTrace, LimiterTrace, RequestTrace } from './request-trace.ts';
export {
  createTraceContexts,
  NO_TRACE,
  type TraceContext,
  type TraceContexts,
  type TraceContextsOptions,
} from './trace-context.ts';
export { formatTraceparent, parseTraceparent, type Traceparent } from './traceparent.ts';
export {
  startTracing,
  type ActiveSpan,
  type ServerSpan,
  type ServerSpanOptions,
  type SpanAttributes,
  type Tracing,
  type TracingOptions,
} from './tracing.ts';
