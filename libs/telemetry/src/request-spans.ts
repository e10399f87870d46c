import { SpanKind, SpanStatusCode, type Attributes, type HrTime } from '@opentelemetry/api';
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
  const method = methodName(request.method);
  const failed = request.status >= 500;
  const attributes = withoutNull({
    ...methodAttributes(request.method),
    [ATTR_URL_SCHEME]: request.scheme,
    [ATTR_URL_PATH]: cut(request.path),
    [ATTR_SERVER_ADDRESS]: cut(request.host),
    [ATTR_CLIENT_ADDRESS]: request.clientIp,
    [ATTR_USER_AGENT_ORIGINAL]: request.userAgent === null ? null : cut(request.userAgent),
    [ATTR_HTTP_ROUTE]: request.routePath,
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: request.status === 0 ? null : request.status,
    [ATTR_ERROR_TYPE]: failed ? (request.code ?? String(request.status)) : null,
    'headgate.code': request.code,
    'headgate.request.id': request.requestId,
    'headgate.tenant.id': request.tenantId,
    'headgate.route.id': request.routeId,
    'headgate.upstream.id': request.upstreamId,
    'headgate.tenant.revision': request.revision,
    'headgate.attempts': request.attempts.length,
  });
  return span(options, {
    name: request.routePath === null ? method : `${method} ${request.routePath}`,
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
  return span(options, {
    name: 'headgate.limit',
    kind: SpanKind.INTERNAL,
    traceId: request.traceId,
    spanId: options.newSpanId(),
    parentSpanId: request.spanId,
    isParentRemote: false,
    startMs: limiter.startMs,
    endMs: limiter.endMs,
    failed: false,
    attributes: withoutNull({
      'headgate.tenant.id': request.tenantId,
      'headgate.limit.outcome': limiter.outcome,
      'headgate.limit.source': limiter.source,
    }),
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
  return span(options, {
    name: methodName(request.method),
    kind: SpanKind.CLIENT,
    traceId: request.traceId,
    spanId: attempt.spanId,
    parentSpanId: request.spanId,
    isParentRemote: false,
    startMs: attempt.startMs,
    endMs: attempt.endMs,
    failed,
    attributes: withoutNull({
      ...methodAttributes(request.method),
      [ATTR_URL_FULL]: `http://${host}:${attempt.endpointPort}${cut(request.path)}`,
      [ATTR_SERVER_ADDRESS]: attempt.endpointHost,
      [ATTR_SERVER_PORT]: attempt.endpointPort,
      [ATTR_HTTP_RESPONSE_STATUS_CODE]: attempt.status,
      [ATTR_HTTP_REQUEST_RESEND_COUNT]: resends === 0 ? null : resends,
      [ATTR_ERROR_TYPE]: failed ? errorType : null,
      'headgate.tenant.id': request.tenantId,
      'headgate.upstream.id': request.upstreamId,
    }),
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

function span(options: RequestSpansOptions, fields: SpanFields): ReadableSpan {
  const { traceId, spanId, parentSpanId, isParentRemote: isRemote, startMs } = fields;
  const context = { traceId, spanId, traceFlags: 1 };
  const endMs = Math.max(startMs, fields.endMs);
  return {
    name: fields.name,
    kind: fields.kind,
    spanContext: () => context,
    ...(parentSpanId === null
      ? {}
      : { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags: 1, isRemote } }),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(endMs - startMs),
    status: { code: fields.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: fields.attributes,
    links: [],
    events: [],
    ended: true,
    resource: options.resource,
    instrumentationScope: { name: 'headgate', version: options.version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

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

function withoutNull(attributes: Readonly<Record<string, unknown>>): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' || typeof value === 'number') kept[name] = value;
  }
  return kept;
}
