import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import {
  formatTraceparent,
  startTracing,
  type RequestTrace,
  type TraceContext,
  type Tracing,
} from '../src/index.ts';

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const spans: OtlpSpan[] = [];
const resources: Record<string, unknown>[] = [];
let failing = false;
const receiver = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    if (failing) return void response.writeHead(400).end();
    assert.equal(request.url, '/v1/traces');
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      resources.push(attributesOf(resource));
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

let tracing: Tracing;

before(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  tracing = await startTracing({
    service: 'headgate-edge',
    nodeId: 'edge-1',
    version: '0.1.0',
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER_ARG: '0',
    },
    batchDelayMs: 10,
    queueMax: 8,
  });
});

after(async () => {
  await tracing.shutdown();
  await new Promise((resolve) => {
    receiver.close(resolve);
    receiver.closeAllConnections();
  });
});

function attributesOf(holder: Pick<OtlpSpan, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(
    holder.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}

const inboundTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const inbound = `00-${inboundTraceId}-00f067aa0ba902b7-01`;
const startMs = 1_790_000_000_000.5;

function requestTrace(context: TraceContext, attemptIds: readonly string[]): RequestTrace {
  assert.ok(context.traceId !== null && context.spanId !== null);
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: context.parentSpanId,
    startMs,
    endMs: startMs + 12.25,
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
    limiter: { startMs: startMs + 0.1, endMs: startMs + 0.9, outcome: 'allowed', source: 'store' },
    attempts: attemptIds.map((spanId, i) => ({
      spanId,
      startMs: startMs + 1 + i * 5,
      endMs: startMs + 5 + i * 5,
      endpointHost: '127.0.0.1',
      endpointPort: 9000 + i,
      status: i === 0 ? null : 200,
      errorType: i === 0 ? 'HG_UPSTREAM_RESET' : null,
    })),
  };
}

async function exported(count: number): Promise<OtlpSpan[]> {
  await waitFor(() => spans.length >= count, { message: `${count} spans`, describe: () => spans });
  return spans.splice(0);
}

test('one trace: server span, limiter and attempts, with the ids that went out', async () => {
  const context = tracing.contexts.create(inbound);
  assert.equal(context.sampled, true);
  const attemptIds = [tracing.contexts.newSpanId(), tracing.contexts.newSpanId()];
  const sent = formatTraceparent(inboundTraceId, attemptIds[1] ?? '', true);
  tracing.recordRequestSpans(requestTrace(context, attemptIds));

  const [server, limiter, first, second] = await exported(4);
  assert.ok(server && limiter && first && second);
  for (const span of [server, limiter, first, second]) assert.equal(span.traceId, inboundTraceId);
  assert.equal(server.parentSpanId, '00f067aa0ba902b7');
  assert.equal(server.spanId, context.spanId);
  assert.equal(limiter.parentSpanId, server.spanId);
  assert.equal(first.parentSpanId, server.spanId);
  assert.equal(second.parentSpanId, server.spanId);
  assert.deepEqual([first.spanId, second.spanId], attemptIds);
  assert.equal(sent, `00-${inboundTraceId}-${second.spanId}-01`);
  assert.equal(new Set([server, limiter, first, second].map((span) => span.spanId)).size, 4);

  // Kinds of OTLP: 1 internal, 2 server, 3 client. Status 2: error.
  assert.deepEqual([server.kind, limiter.kind, first.kind, second.kind], [2, 1, 3, 3]);
  assert.deepEqual([server.name, limiter.name], ['GET /v1/orders/*', 'headgate.limit']);
  assert.deepEqual(
    [server.status.code ?? 0, first.status.code, second.status.code ?? 0],
    [0, 2, 0],
  );
  assert.equal(server.startTimeUnixNano, '1790000000000500000');
  assert.equal(server.endTimeUnixNano, '1790000000012750000');
});

test('attributes follow the HTTP conventions and name tenant and route', async () => {
  const context = tracing.contexts.create(inbound);
  tracing.recordRequestSpans(requestTrace(context, [tracing.contexts.newSpanId()]));
  const [server, , attempt] = await exported(3);
  assert.ok(server && attempt);
  assert.deepEqual(attributesOf(server), {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/v1/orders/7',
    'server.address': 'api.acme.example',
    'client.address': '203.0.113.7',
    'user_agent.original': 'curl/8',
    'http.route': '/v1/orders/*',
    'http.response.status_code': 200,
    'headgate.request.id': 'r1',
    'headgate.tenant.id': 'acme',
    'headgate.route.id': 'orders',
    'headgate.upstream.id': 'orders',
    'headgate.tenant.revision': 42,
    'headgate.attempts': 1,
  });
  assert.equal(attributesOf(attempt)['error.type'], 'HG_UPSTREAM_RESET');
  assert.equal(attributesOf(attempt)['url.full'], 'http://127.0.0.1:9000/v1/orders/7');
  assert.equal(resources[0]?.['service.name'], 'headgate-edge');
  assert.equal(resources[0]?.['service.instance.id'], 'edge-1');
});

test('unsampled requests export nothing', async () => {
  const unsampled = `00-${inboundTraceId}-00f067aa0ba902b7-00`;
  assert.equal(tracing.contexts.create(unsampled).sampled, false);
  assert.equal(tracing.contexts.create(null).sampled, false, 'ratio 0');
  tracing
    .startServerSpan({ method: 'GET', path: '/', traceparent: unsampled })
    .end({ status: 200 });
  tracing
    .startServerSpan({ method: 'GET', path: '/', traceparent: undefined })
    .end({ status: 200 });
  // A sampled request after them: when it has arrived, anything before it would have, too.
  tracing.recordRequestSpans(requestTrace(tracing.contexts.create(inbound), []));
  const arrived = await exported(2);
  assert.deepEqual(
    arrived.map((span) => span.name),
    ['GET /v1/orders/*', 'headgate.limit'],
  );
});

test('control plane: a server span continues the trace and inner spans are its children', async () => {
  const server = tracing.startServerSpan({
    method: 'PUT',
    path: '/v1/plans/gold',
    traceparent: inbound,
  });
  let sentOn: string | null = null;
  await server.run(() =>
    tracing.runInSpan('store.commit', { 'headgate.kind': 'plan' }, async (span) => {
      await Promise.resolve();
      span.setAttribute('headgate.revision', 7);
      sentOn = tracing.activeTraceparent();
    }),
  );
  await assert.rejects(
    server.run(() =>
      tracing.runInSpan('store.fail', {}, () => {
        throw new TypeError('password=secret');
      }),
    ),
    TypeError,
  );
  server.end({ status: 500, route: '/v1/plans/{planId}' });
  const arrived = await exported(3);
  const byName = new Map(arrived.map((span) => [span.name, span]));
  const root = byName.get('PUT /v1/plans/{planId}');
  const commit = byName.get('store.commit');
  const fail = byName.get('store.fail');
  assert.ok(root && commit && fail);
  assert.equal(root.traceId, inboundTraceId);
  assert.equal(root.parentSpanId, '00f067aa0ba902b7');
  assert.equal(root.status.code, 2);
  assert.equal(commit.parentSpanId, root.spanId);
  assert.equal(fail.parentSpanId, root.spanId);
  assert.equal(sentOn, `00-${inboundTraceId}-${commit.spanId}-01`);
  assert.deepEqual(attributesOf(commit), { 'headgate.kind': 'plan', 'headgate.revision': 7 });
  assert.equal(attributesOf(fail)['error.type'], 'TypeError');
  assert.doesNotMatch(JSON.stringify(arrived), /secret/);
});

test('spans beyond the queue and those of a failed export are counted', async () => {
  const trace = requestTrace(tracing.contexts.create(inbound), []);
  const before = tracing.droppedSpans();
  failing = true;
  for (let i = 0; i < 10; i += 1) tracing.recordRequestSpans(trace);
  await waitFor(() => tracing.droppedSpans() - before === 20, {
    message: 'all 20 spans to be counted as dropped',
    describe: () => tracing.droppedSpans() - before,
  });
  failing = false;
  assert.deepEqual(spans, []);
});

test('without an endpoint everything is a no-op', async () => {
  const off = await startTracing({
    service: 's',
    nodeId: 'n',
    version: '1',
    environment: {},
  });
  assert.equal(off.enabled, false);
  assert.equal(await off.runInSpan('x', {}, () => 5), 5);
  const span = off.startServerSpan({ method: 'GET', path: '/', traceparent: undefined });
  assert.equal(
    span.run(() => 6),
    6,
  );
  span.end({ status: 200 });
  assert.equal(await off.shutdown(), true);
});

for (const [environment, message] of [
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /must be an http/],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h', OTEL_TRACES_SAMPLER_ARG: '1.5' },
    /OTEL_TRACES_SAMPLER_ARG=1.5: must be a number from 0 to 1/,
  ],
] as const) {
  test(`a bad setting is a clear error: ${JSON.stringify(environment)}`, async () => {
    const options = { service: 's', nodeId: 'n', version: '1', environment };
    await assert.rejects(startTracing(options), message);
  });
}
