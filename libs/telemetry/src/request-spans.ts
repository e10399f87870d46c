import {
  SpanKind,
  SpanStatusCode,
  type Attributes,
  type HrTime,
  type SpanContext,
  type SpanStatus,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from '@opentelemetry/semantic-conventions';
import type { AttemptTrace, LimiterTrace, RequestTrace } from './request-trace.ts';

/** What the spans of all requests share. */
export interface RequestSpansOptions {
  readonly resource: Resource;
  readonly version: string;
  readonly newSpanId: () => string;
}

const KNOWN_METHODS = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '),
);

/**
 * Builds the spans of a finished request: the server span, and below it the limiter's and one per
 * attempt. They are plain records made after the fact, since the OpenTelemetry API neither lets a
 * caller choose a span's id (the backend already has it) nor builds spans without cost while the
 * request runs. Attributes follow the stable HTTP semantic conventions.
 */
export function buildRequestSpans(
  request: RequestTrace,
  options: RequestSpansOptions,
): ReadableSpan[] {
  const spans = [serverSpan(request, options)];
  if (request.limiter !== null) spans.push(limiterSpan(request, request.limiter, options));
  for (const [resends, attempt] of request.attempts.entries()) {
    spans.push(attemptSpan(request, attempt, resends, options));
  }
  return spans;
}

function serverSpan(request: RequestTrace, options: RequestSpansOptions): ReadableSpan {
  const { status, code, userAgent, routePath } = request;
  const method = methodName(request.method);
  const failed = status >= 500;
  const attributes = methodAttributes(request.method);
  attributes[ATTR_URL_SCHEME] = request.scheme;
  attributes[ATTR_URL_PATH] = cut(request.path);
  attributes[ATTR_SERVER_ADDRESS] = cut(request.host);
  attributes[ATTR_CLIENT_ADDRESS] = request.clientIp;
  if (userAgent !== null) attributes[ATTR_USER_AGENT_ORIGINAL] = cut(userAgent);
  if (routePath !== null) attributes[ATTR_HTTP_ROUTE] = routePath;
  if (status !== 0) attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = status;
  if (failed) attributes[ATTR_ERROR_TYPE] = code ?? String(status);
  if (code !== null) attributes['headgate.code'] = code;
  attributes['headgate.request.id'] = request.requestId;
  if (request.tenantId !== null) attributes['headgate.tenant.id'] = request.tenantId;
  if (request.routeId !== null) attributes['headgate.route.id'] = request.routeId;
  if (request.upstreamId !== null) attributes['headgate.upstream.id'] = request.upstreamId;
  if (request.revision !== null) attributes['headgate.tenant.revision'] = request.revision;
  attributes['headgate.attempts'] = request.attempts.length;
  return new FinishedSpan(options, {
    name: routePath === null ? method : `${method} ${routePath}`,
    kind: SpanKind.SERVER,
    traceId: request.traceId,
    spanId: request.spanId,
    parentSpanId: request.parentSpanId,
    isParentRemote: true,
    startMs: request.startMs,
    endMs: request.endMs,
    failed,
    attributes,
  });
}

function limiterSpan(
  request: RequestTrace,
  limiter: LimiterTrace,
  options: RequestSpansOptions,
): ReadableSpan {
  const attributes: Attributes = {};
  if (request.tenantId !== null) attributes['headgate.tenant.id'] = request.tenantId;
  attributes['headgate.limit.outcome'] = limiter.outcome;
  attributes['headgate.limit.source'] = limiter.source;
  return new FinishedSpan(options, {
    name: 'headgate.limit',
    kind: SpanKind.INTERNAL,
    traceId: request.traceId,
    spanId: options.newSpanId(),
    parentSpanId: request.spanId,
    isParentRemote: false,
    startMs: limiter.startMs,
    endMs: limiter.endMs,
    failed: false,
    attributes,
  });
}

function attemptSpan(
  request: RequestTrace,
  attempt: AttemptTrace,
  resends: number,
  options: RequestSpansOptions,
): ReadableSpan {
  const failed = attempt.status === null || attempt.status >= 400;
  const errorType = attempt.errorType ?? String(attempt.status ?? '_OTHER');
  const host = attempt.endpointHost.includes(':')
    ? `[${attempt.endpointHost}]`
    : attempt.endpointHost;
  const attributes = methodAttributes(request.method);
  attributes[ATTR_URL_FULL] = `http://${host}:${attempt.endpointPort}${cut(request.path)}`;
  attributes[ATTR_SERVER_ADDRESS] = attempt.endpointHost;
  attributes[ATTR_SERVER_PORT] = attempt.endpointPort;
  if (attempt.status !== null) attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = attempt.status;
  if (resends > 0) attributes[ATTR_HTTP_REQUEST_RESEND_COUNT] = resends;
  if (failed) attributes[ATTR_ERROR_TYPE] = errorType;
  if (request.tenantId !== null) attributes['headgate.tenant.id'] = request.tenantId;
  if (request.upstreamId !== null) attributes['headgate.upstream.id'] = request.upstreamId;
  return new FinishedSpan(options, {
    name: methodName(request.method),
    kind: SpanKind.CLIENT,
    traceId: request.traceId,
    spanId: attempt.spanId,
    parentSpanId: request.spanId,
    isParentRemote: false,
    startMs: attempt.startMs,
    endMs: attempt.endMs,
    failed,
    attributes,
  });
}

interface SpanFields {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly isParentRemote: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
  readonly attributes: Attributes;
}

/** Made by a constructor: an object of 18 fields, some of them spread in, takes several times as long. */
class FinishedSpan implements ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly duration: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly links: ReadableSpan['links'] = NONE;
  readonly events: ReadableSpan['events'] = NONE;
  readonly ended = true;
  readonly resource: Resource;
  readonly instrumentationScope: ReadableSpan['instrumentationScope'];
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly #context: SpanContext;

  constructor({ resource, version }: RequestSpansOptions, fields: SpanFields) {
    const { traceId, spanId, parentSpanId, isParentRemote: isRemote, startMs } = fields;
    const endMs = Math.max(startMs, fields.endMs);
    this.name = fields.name;
    this.kind = fields.kind;
    if (parentSpanId !== null) {
      this.parentSpanContext = { traceId, spanId: parentSpanId, traceFlags: 1, isRemote };
    }
    this.startTime = hrTime(startMs);
    this.endTime = hrTime(endMs);
    this.duration = hrTime(endMs - startMs);
    this.status = fields.failed ? FAILED : UNSET;
    this.attributes = fields.attributes;
    this.resource = resource;
    this.instrumentationScope = { name: 'headgate', version };
    this.#context = { traceId, spanId, traceFlags: 1 };
  }

  spanContext(): SpanContext {
    return this.#context;
  }
}

const NONE: [] = [];
const FAILED: SpanStatus = Object.freeze({ code: SpanStatusCode.ERROR });
const UNSET: SpanStatus = Object.freeze({ code: SpanStatusCode.UNSET });

/** Seconds and nanoseconds of a time in ms. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  const nanoseconds = Math.round((ms - seconds * 1000) * 1_000_000);
  return nanoseconds === 1_000_000_000 ? [seconds + 1, 0] : [seconds, nanoseconds];
}

/** Unknown methods become one name, as the convention asks: clients may send any word. */
function methodName(method: string): string {
  return KNOWN_METHODS.has(method) ? method : 'HTTP';
}

function methodAttributes(method: string): Attributes {
  if (KNOWN_METHODS.has(method)) return { [ATTR_HTTP_REQUEST_METHOD]: method };
  return {
    [ATTR_HTTP_REQUEST_METHOD]: '_OTHER',
    [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: method.slice(0, 32),
  };
}

const TEXT_LENGTH_MAX = 1024;

function cut(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : text.slice(0, TEXT_LENGTH_MAX);
}
