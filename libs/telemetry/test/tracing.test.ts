import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createOtlpReceiver,
  otlpAttributes,
  waitFor,
  type OtlpReceiver,
  type OtlpSpan,
} from '@headgate/testkit';
import {
  formatTraceparent,
  startTracing,
  type RequestTrace,
  type TraceContext,
  type Tracing,
} from '../src/index.ts';
import { attemptTraces, requestTrace } from './request-trace.ts';

let receiver: OtlpReceiver;
let tracing: Tracing;

before(async () => {
  receiver = await createOtlpReceiver();
  tracing = await startTracing({
    service: 'headgate-edge',
    nodeId: 'edge-1',
    version: '0.1.0',
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER_ARG: '0',
    },
    batchDelayMs: 10,
    queueMax: 8,
  });
});

after(async () => {
  await tracing.shutdown();
  await receiver.close();
});

const inboundTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const inbound = `00-${inboundTraceId}-00f067aa0ba902b7-01`;

function traceOf(context: TraceContext, attemptIds: readonly string[]): RequestTrace {
  const { traceId, spanId, parentSpanId } = context;
  assert.ok(traceId !== null && spanId !== null);
  return requestTrace({ traceId, spanId, parentSpanId, attempts: attemptTraces(attemptIds) });
}

async function exported(count: number): Promise<OtlpSpan[]> {
  await waitFor(() => receiver.spans.length >= count, {
    message: `${count} spans`,
    describe: () => receiver.spans,
  });
  return receiver.spans.splice(0);
}

test('one trace: server span, limiter and attempts, with the ids that went out', async () => {
  const context = tracing.contexts.create(inbound);
  assert.equal(context.sampled, true);
  const attemptIds = [tracing.contexts.newSpanId(), tracing.contexts.newSpanId()];
  const sent = formatTraceparent(inboundTraceId, attemptIds[1] ?? '', true);
  tracing.recordRequestSpans(traceOf(context, attemptIds));

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
  tracing.recordRequestSpans(traceOf(context, [tracing.contexts.newSpanId()]));
  const [server, , attempt] = await exported(3);
  assert.ok(server && attempt);
  assert.deepEqual(otlpAttributes(server), {
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
  assert.equal(otlpAttributes(attempt)['error.type'], 'HG_UPSTREAM_RESET');
  assert.equal(otlpAttributes(attempt)['url.full'], 'http://127.0.0.1:9000/v1/orders/7');
  assert.equal(receiver.resources[0]?.['service.name'], 'headgate-edge');
  assert.equal(receiver.resources[0]?.['service.instance.id'], 'edge-1');
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
  tracing.recordRequestSpans(traceOf(tracing.contexts.create(inbound), []));
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
  assert.deepEqual(otlpAttributes(commit), { 'headgate.kind': 'plan', 'headgate.revision': 7 });
  assert.equal(otlpAttributes(fail)['error.type'], 'TypeError');
  assert.doesNotMatch(JSON.stringify(arrived), /secret/);
});

test('spans beyond the queue and those of a failed export are counted', async () => {
  const trace = traceOf(tracing.contexts.create(inbound), []);
  const before = tracing.droppedSpans();
  receiver.failing = true;
  for (let i = 0; i < 10; i += 1) tracing.recordRequestSpans(trace);
  await waitFor(() => tracing.droppedSpans() - before === 20, {
    message: 'all 20 spans to be counted as dropped',
    describe: () => tracing.droppedSpans() - before,
  });
  receiver.failing = false;
  assert.deepEqual(receiver.spans, []);
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
