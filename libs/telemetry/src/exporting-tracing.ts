import {
  context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_NAMESPACE,
  ATTR_SERVICE_VERSION,
  ATTR_URL_PATH,
} from '@opentelemetry/semantic-conventions';
import { createBoundedSpanProcessor } from './bounded-span-processor.ts';
import { buildRequestSpans } from './request-spans.ts';
import type { TraceContexts } from './trace-context.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type {
  ActiveSpan,
  ServerSpan,
  ServerSpanOptions,
  SpanAttributes,
  Tracing,
  TracingOptions,
} from './tracing.ts';

/** What {@link startTracing} read from the environment. */
export interface ExportSettings {
  readonly url: string;
  readonly ratio: number;
  readonly contexts: TraceContexts;
}

const EXPORT_TIMEOUT_MS = 5000;
const ERROR_INTERVAL_MS = 10_000;

/** Tracing that exports over OTLP/HTTP. Loads the OpenTelemetry SDK; see {@link startTracing}. */
export function startExportingTracing(options: TracingOptions, settings: ExportSettings): Tracing {
  routeErrors(options.onError);
  const resource = resourceFromAttributes({
    [ATTR_SERVICE_NAMESPACE]: 'headgate',
    [ATTR_SERVICE_NAME]: options.service,
    [ATTR_SERVICE_VERSION]: options.version,
    [ATTR_SERVICE_INSTANCE_ID]: options.nodeId,
  }).merge(detectResources({ detectors: [envDetector] }));
  const processor = createBoundedSpanProcessor({
    exporter: new OTLPTraceExporter({ url: settings.url, timeoutMillis: EXPORT_TIMEOUT_MS }),
    queueMax: options.queueMax ?? 4096,
    batchDelayMs: options.batchDelayMs ?? 2000,
  });
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.ratio) }),
    spanProcessors: [processor],
    textMapPropagator: null,
    // Empty lists keep the SDK from starting metric and log exporters of its own.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  sdk.start();
  const tracer = trace.getTracer('headgate', options.version);
  const spanOptions = {
    resource,
    version: options.version,
    newSpanId: () => settings.contexts.newSpanId(),
  };
  return {
    enabled: true,
    contexts: settings.contexts,
    recordRequestSpans(request) {
      for (const span of buildRequestSpans(request, spanOptions)) processor.onEnd(span);
    },
    startServerSpan: (spanFields) => startServerSpan(tracer, spanFields),
    runInSpan: (name, attributes, work) => runInSpan(tracer, name, attributes, work),
    activeTraceparent,
    droppedSpans: () => processor.droppedSpans(),
    shutdown: (deadlineMs = 2000) => withinDeadline(sdk.shutdown(), deadlineMs),
  };
}

function startServerSpan(tracer: Tracer, options: ServerSpanOptions): ServerSpan {
  const span = tracer.startSpan(
    options.method,
    {
      kind: SpanKind.SERVER,
      attributes: {
        [ATTR_HTTP_REQUEST_METHOD]: options.method,
        [ATTR_URL_PATH]: options.path.slice(0, 1024),
      },
    },
    remoteParent(options.traceparent),
  );
  const spanContext = trace.setSpan(ROOT_CONTEXT, span);
  return {
    run: (work) => context.with(spanContext, work),
    end({ status, route }) {
      if (!span.isRecording()) return;
      span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
      if (route !== undefined) {
        span.setAttribute(ATTR_HTTP_ROUTE, route);
        span.updateName(`${options.method} ${route}`);
      }
      if (status >= 500) {
        span.setAttribute(ATTR_ERROR_TYPE, String(status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

function remoteParent(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? null : parseTraceparent(traceparent);
  if (parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? 1 : 0,
    isRemote: true,
  });
}

function runInSpan<Result>(
  tracer: Tracer,
  name: string,
  attributes: SpanAttributes,
  work: (span: ActiveSpan) => Result | Promise<Result>,
): Promise<Result> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work({ setAttribute: (key, value) => void span.setAttribute(key, value) });
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The type of the error only: its message may hold secrets, and the caller logs it anyway. */
function markFailed(span: Span, error: unknown): void {
  span.setAttribute(ATTR_ERROR_TYPE, error instanceof Error ? error.name : '_OTHER');
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function activeTraceparent(): string | null {
  const active = trace.getActiveSpan()?.spanContext();
  if (active === undefined) return null;
  return formatTraceparent(active.traceId, active.spanId, (active.traceFlags & 1) === 1);
}

/** The SDK reports through a global logger; a receiver that is down would repeat itself. */
function routeErrors(onError: ((error: unknown) => void) | undefined): void {
  if (onError === undefined) return;
  let quietUntilMs = 0;
  const report = (message: string): void => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + ERROR_INTERVAL_MS;
    onError(new Error(`tracing: ${message.slice(0, 512)}`));
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

function withinDeadline(work: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), deadlineMs);
    const done = (ok: boolean) => () => {
      clearTimeout(timer);
      resolve(ok);
    };
    work.then(done(true), done(false));
  });
}
