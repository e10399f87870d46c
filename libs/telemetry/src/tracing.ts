import { StartError, systemRandom, type Random } from '@headgate/runtime';
import type { RequestTrace } from './request-trace.ts';
import { createTraceContexts, type TraceContexts } from './trace-context.ts';

/** Values of span attributes. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What code inside a span may do with it. */
export interface ActiveSpan {
  setAttribute(name: string, value: string | number | boolean): void;
}

/** The span of a request to the control plane, ended by hand. */
export interface ServerSpan {
  /** Runs `work` with this span as the parent of spans made inside, also after `await`. */
  run<Result>(work: () => Result): Result;
  /** Ends the span. Later calls do nothing. */
  end(outcome: { readonly status: number; readonly route?: string }): void;
}

/** What a {@link ServerSpan} starts with. */
export interface ServerSpanOptions {
  readonly method: string;
  readonly path: string;
  /** The `traceparent` header; invalid or undefined starts a trace. */
  readonly traceparent: string | undefined;
}

/** Tracing of one process. Every call is valid, and does nothing, when tracing is off. */
export interface Tracing {
  /** False when no `OTEL_EXPORTER_OTLP_ENDPOINT` is set. */
  readonly enabled: boolean;
  /** Trace contexts for the edge's requests. */
  readonly contexts: TraceContexts;
  /** Records the spans of a finished request; call it only if its context is sampled. */
  recordRequestSpans(request: RequestTrace): void;
  /** Starts the span of a request to the control plane. */
  startServerSpan(options: ServerSpanOptions): ServerSpan;
  /** Runs `work` in a span, ended (and marked as failed if `work` throws) when it is done. */
  runInSpan<Result>(
    name: string,
    attributes: SpanAttributes,
    work: (span: ActiveSpan) => Result | Promise<Result>,
  ): Promise<Result>;
  /** `traceparent` of the active span, to send on; null when there is none. */
  activeTraceparent(): string | null;
  /** Sampled spans lost so far: queue full or export failed; `headgate_spans_dropped_total`. */
  droppedSpans(): number;
  /** Exports what is queued; false when that took longer than `deadlineMs` (default 2000). */
  shutdown(deadlineMs?: number): Promise<boolean>;
}

/** Options of {@link startTracing}. */
export interface TracingOptions {
  /** `service.name`. */
  readonly service: string;
  /** `service.instance.id`. */
  readonly nodeId: string;
  /** `service.version`. */
  readonly version: string;
  /**
   * The environment variables. `OTEL_EXPORTER_OTLP_ENDPOINT` switches tracing on and is the base
   * URL of an OTLP/HTTP receiver; `OTEL_TRACES_SAMPLER_ARG` is the share of new traces to record
   * (0 to 1, default 0.01).
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where trace and span ids come from. Default: the process's. */
  readonly random?: Random;
  /** Told, at most every 10 s, that spans could not be exported. */
  readonly onError?: (error: unknown) => void;
  /** How long a finished span may wait for others, in ms. Default 2000. */
  readonly batchDelayMs?: number;
  /** Spans that may wait; more are dropped and counted. Default 4096. */
  readonly queueMax?: number;
}

/**
 * Starts tracing if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Otherwise the OpenTelemetry packages are
 * not even loaded. Call it once, before other parts start; call `shutdown` at the end.
 *
 * @throws StartError if the endpoint is no http(s) URL or the ratio no number from 0 to 1.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const random = options.random ?? systemRandom;
  const endpoint = options.environment['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  if (endpoint === '') return createDisabledTracing(random);
  const url = tracesUrl(endpoint);
  const ratio = readRatio(options.environment['OTEL_TRACES_SAMPLER_ARG']);
  const contexts = createTraceContexts({ random, ratio });
  const { startExportingTracing } = await import('./exporting-tracing.ts');
  return startExportingTracing(options, { url, ratio, contexts });
}

function tracesUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new StartError('OTEL_EXPORTER_OTLP_ENDPOINT: must be an http:// or https:// URL');
  }
  return `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

function readRatio(text: string | undefined): number {
  if (text === undefined || text === '') return 0.01;
  const ratio = Number(text);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new StartError(`OTEL_TRACES_SAMPLER_ARG=${text}: must be a number from 0 to 1`);
  }
  return ratio;
}

const NO_SPAN: ActiveSpan = { setAttribute: () => undefined };
const NO_SERVER_SPAN: ServerSpan = { run: (work) => work(), end: () => undefined };

function createDisabledTracing(random: Random): Tracing {
  return {
    enabled: false,
    contexts: createTraceContexts({ random, ratio: null }),
    recordRequestSpans: () => undefined,
    startServerSpan: () => NO_SERVER_SPAN,
    runInSpan: async (_name, _attributes, work) => work(NO_SPAN),
    activeTraceparent: () => null,
    droppedSpans: () => 0,
    shutdown: () => Promise.resolve(true),
  };
}
