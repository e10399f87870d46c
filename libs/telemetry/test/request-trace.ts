import type { AttemptTrace, RequestTrace } from '../src/index.ts';

const START_MS = 1_790_000_000_000.5;

/** A finished request; `over` says what is different. */
export function requestTrace(over: Partial<RequestTrace>): RequestTrace {
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '53995c3f42cd8ad8',
    parentSpanId: null,
    startMs: START_MS,
    endMs: START_MS + 12.25,
    method: 'GET',
    scheme: 'http',
    host: 'api.acme.example',
    path: '/v1/orders/7',
    clientIp: '203.0.113.7',
    userAgent: 'curl/8',
    requestId: 'r1',
    status: 200,
    code: null,
    tenantId: 'acme',
    routeId: 'orders',
    routePath: '/v1/orders/*',
    upstreamId: 'orders',
    revision: 42,
    limiter: {
      startMs: START_MS + 0.1,
      endMs: START_MS + 0.9,
      outcome: 'allowed',
      source: 'store',
    },
    attempts: attemptTraces(['00f067aa0ba902b7']),
    ...over,
  };
}

/** Attempts with these span ids, of which the first fails. */
export function attemptTraces(spanIds: readonly string[]): AttemptTrace[] {
  return spanIds.map((spanId, index) => {
    const isFailed = index === 0;
    return {
      spanId,
      startMs: START_MS + 1 + index * 5,
      endMs: START_MS + 5 + index * 5,
      endpointHost: '127.0.0.1',
      endpointPort: 9000 + index,
      status: isFailed ? null : 200,
      errorType: isFailed ? 'HG_UPSTREAM_RESET' : null,
    };
  });
}
