import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServerSpan, Tracing } from '@headgate/telemetry';

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  /** Template, such as `/v1/tenants/:tenantId`; `unknown` for none of ours. */
  readonly route: string;
  /** Kind of resource, or area. */
  readonly tag: string;
  readonly status: number;
  readonly durationMs: number;
}

/** Where requests are told of. */
export interface RequestObserver {
  readonly tracing: Tracing;
  readonly onAnswered: (request: AnsweredRequest) => void;
}

/** Measures every request, and puts it into a span if tracing is on. */
export function observeRequests(app: FastifyInstance, observer: RequestObserver): void {
  const spans = new WeakMap<FastifyRequest, ServerSpan>();
  app.addHook('onRequest', (request, _reply, done) => {
    const { traceparent } = request.headers;
    const span = observer.tracing.startServerSpan({
      method: request.method,
      path: request.url.split('?')[0] ?? '',
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    });
    spans.set(request, span);
    // What follows, the handler included, runs inside of the span.
    span.run(done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const status = reply.statusCode;
    const config: object = request.routeOptions.config;
    const tag = 'tag' in config && typeof config.tag === 'string' ? config.tag : 'unknown';
    spans.get(request)?.end({ status, route });
    const { method } = request;
    observer.onAnswered({ method, route, tag, status, durationMs: reply.elapsedTime });
    done();
  });
}
