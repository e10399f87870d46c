import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';

/** Options of {@link createBoundedSpanProcessor}. */
export interface BoundedSpanProcessorOptions {
  readonly exporter: SpanExporter;
  /** Spans that may wait. */
  readonly queueMax: number;
  readonly batchDelayMs: number;
}

/** A span processor that counts what it loses. */
export interface BoundedSpanProcessor extends SpanProcessor {
  /** Spans lost so far because the queue was full or an export failed. */
  droppedSpans(): number;
}

const EXPORT_TIMEOUT_MS = 5000;
/** An edge's requests wait for the whole batch, some 20 us for a span. */
const BATCH_MAX = 64;
/** `ExportResultCode.SUCCESS` of @opentelemetry/core, which is not a dependency of its own here. */
const EXPORT_SUCCEEDED = 0;

/**
 * OpenTelemetry's batch processor, with the bound on the outside: the SDK drops spans without a
 * count that others can read.
 */
export function createBoundedSpanProcessor(
  options: BoundedSpanProcessorOptions,
): BoundedSpanProcessor {
  const { exporter, queueMax } = options;
  let queued = 0;
  let dropped = 0;
  const batches = new BatchSpanProcessor({
    exporter: {
      export(spans, onResult) {
        queued -= spans.length;
        exporter.export(spans, (result) => {
          if (Number(result.code) !== EXPORT_SUCCEEDED) dropped += spans.length;
          onResult(result);
        });
      },
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: queueMax,
    maxExportBatchSize: Math.min(BATCH_MAX, queueMax),
    scheduledDelayMillis: options.batchDelayMs,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
  return {
    onStart: (span, parent) => batches.onStart(span, parent),
    onEnd(span: ReadableSpan) {
      if ((span.spanContext().traceFlags & 1) === 0) return;
      if (queued >= queueMax) {
        dropped += 1;
        return;
      }
      queued += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
    droppedSpans: () => dropped,
  };
}
