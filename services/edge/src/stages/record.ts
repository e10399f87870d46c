import type { ErrorCode } from '@headgate/errors';
import type { Clock } from '@headgate/runtime';
import {
  accessRecordLine,
  formatTraceparent,
  type AccessLog,
  type CounterCell,
  type DurationCell,
  type RequestTrace,
  type TenantSlot,
  type Tracing,
  type WorkerMetrics,
} from '@headgate/telemetry';
import type { LoggedAttempt, RequestContext } from '../request/request-context.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import { DenialCells } from './denial-cells.ts';

/** Tenant label of requests that belong to no tenant. */
const NO_TENANT = 'none';

/** What the recorder writes to. */
export interface RecorderDeps {
  readonly clock: Clock;
  /** Null: no access records are written. */
  readonly accessLog: AccessLog | null;
  /** Of the edge; each access record names it. */
  readonly nodeId: string;
  readonly metrics: WorkerMetrics;
  readonly tracing: Tracing;
}

/**
 * Notes what happens to requests: the access record, the metrics and, for sampled requests, the spans. Unsampled
 * requests allocate nothing here but the text of their access record.
 */
export class Recorder {
  /** Requests being handled. */
  activeRequests = 0;
  readonly #deps: RecorderDeps;
  readonly #noTenant: TenantSlot;
  readonly #localReplies = new Map<string, CounterCell>();
  readonly #attempts = new Map<UpstreamFailure, CounterCell>();
  readonly #denials: DenialCells;
  readonly #succeeded: CounterCell;
  readonly #attemptDurations: DurationCell;
  readonly #limitDurations: DurationCell;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
    this.#noTenant = deps.metrics.tenantSlot(NO_TENANT);
    this.#denials = new DenialCells(deps.metrics, 'headgate_limit_denials_total');
    this.#succeeded = deps.metrics.counter('headgate_upstream_attempts_total', { outcome: 'ok' });
    this.#attemptDurations = deps.metrics.histogram(
      'headgate_upstream_attempt_duration_seconds',
      {},
    );
    this.#limitDurations = deps.metrics.histogram('headgate_limit_duration_seconds', {});
  }

  /** A request head is complete, or was refused. Finds the request's place in its trace. @hot */
  requestStarted(context: RequestContext): void {
    this.activeRequests += 1;
    const inbound = context.malformed ? null : context.head.get('traceparent');
    context.trace = this.#deps.tracing.contexts.create(inbound);
  }

  /** @hot */
  attemptStarted(context: RequestContext, endpoint: UpstreamEndpoint, startMs: number): void {
    if (!context.trace.sampled) return;
    const spanId = this.#deps.tracing.contexts.newSpanId();
    context.attemptLog.push({ endpoint, spanId, startMs, endMs: 0, status: null, failure: null });
  }

  /** Value of `traceparent` for the present attempt; '' for none. @hot */
  traceparent(context: RequestContext): string {
    context.trace = this.#deps.tracing.contexts.forBackend(context.trace);
    const { traceparent, traceId } = context.trace;
    if (traceparent === null) return '';
    const attempt = context.attemptLog.at(-1);
    if (attempt === undefined || traceId === null) return traceparent;
    return formatTraceparent(traceId, attempt.spanId, true);
  }

  /** @hot */
  attemptAnswered(context: RequestContext, status: number): void {
    const attempt = context.attemptLog.at(-1);
    if (attempt !== undefined) attempt.status = status;
  }

  /** @hot */
  attemptEnded(
    context: RequestContext,
    endMs: number,
    durationMs: number,
    failure: UpstreamFailure | null,
  ): void {
    const cell = failure === null ? this.#succeeded : this.#attemptCell(failure);
    cell.value += 1;
    this.#attemptDurations.record(durationMs);
    const attempt = context.attemptLog.at(-1);
    if (attempt === undefined) return;
    attempt.endMs = endMs;
    attempt.failure = failure;
  }

  /** The request is done: called exactly once for each. @hot */
  record(context: RequestContext): void {
    const { accessLog, nodeId, clock, tracing } = this.#deps;
    this.activeRequests -= 1;
    context.durationMs = clock.monotonicMs() - context.startMs;
    const slot = context.tenant === null ? this.#noTenant : context.tenant.metrics;
    const statusClass = (context.status / 100) | 0;
    slot.record(statusClass, context.durationMs, context.bytesIn, context.bytesOut);
    if (context.tenant !== null && context.tenant.faults.inRow > 0) noteAnswered(context);
    if (context.code !== null) this.#localReplyCell(context.code).value += 1;
    if (context.limiterMs !== null) this.#limitDurations.record(context.limiterMs);
    const violated = context.verdict === null ? null : context.verdict.rule;
    if (violated !== null) this.#denials.count(violated);
    if (accessLog !== null) accessLog.write(accessRecordLine(nodeId, context));
    if (context.trace.sampled) tracing.recordRequestSpans(traceOf(context));
  }

  #localReplyCell(code: ErrorCode): CounterCell {
    let cell = this.#localReplies.get(code);
    if (cell === undefined) {
      cell = this.#deps.metrics.counter('headgate_local_replies_total', { code });
      this.#localReplies.set(code, cell);
    }
    return cell;
  }

  #attemptCell(outcome: UpstreamFailure): CounterCell {
    let cell = this.#attempts.get(outcome);
    if (cell === undefined) {
      cell = this.#deps.metrics.counter('headgate_upstream_attempts_total', { outcome });
      this.#attempts.set(outcome, cell);
    }
    return cell;
  }
}

/** After a bug: a request that an endpoint answered says that its route works. */
function noteAnswered({ tenant, route, status, code }: RequestContext): void {
  if (code === null && status !== 0) tenant?.faults.answered(route);
}

/** A finished sampled request for its spans; monotonic times become wall-clock times of the same origin. */
function traceOf(context: RequestContext): RequestTrace {
  const { trace, tenant, route, verdict, limiterMs } = context;
  const originMs = context.timeMs - context.startMs;
  return {
    traceId: trace.traceId ?? '',
    spanId: trace.spanId ?? '',
    parentSpanId: trace.parentSpanId,
    startMs: context.timeMs,
    endMs: context.timeMs + context.durationMs,
    method: context.method,
    scheme: context.tls === null ? 'http' : 'https',
    host: context.host,
    path: context.path,
    clientIp: context.clientIp,
    userAgent: context.userAgent,
    requestId: context.requestId,
    status: context.status,
    code: context.code,
    tenantId: tenant === null ? null : tenant.id,
    routeId: route === null ? null : route.id,
    routePath: route === null ? null : route.pathPattern,
    upstreamId: context.upstreamId,
    revision: context.revision,
    limiter:
      verdict === null
        ? null
        : {
            startMs: originMs + context.limitStartMs,
            endMs: originMs + context.limitStartMs + (limiterMs ?? 0),
            outcome: verdict.outcome,
            source: verdict.source,
          },
    attempts: context.attemptLog.map((attempt) => attemptTraceOf(attempt, originMs)),
  };
}

function attemptTraceOf(
  attempt: LoggedAttempt,
  originMs: number,
): RequestTrace['attempts'][number] {
  return {
    spanId: attempt.spanId,
    startMs: originMs + attempt.startMs,
    endMs: originMs + attempt.endMs,
    endpointHost: attempt.endpoint.host,
    endpointPort: attempt.endpoint.port,
    status: attempt.status,
    errorType: attempt.failure,
  };
}
