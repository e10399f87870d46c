import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { request as send } from 'undici';
import { startCluster, startEndpoints, waitForRevision } from '../src/cluster/cluster.ts';
import { oneTenantBundle } from '../src/scenarios/scenario.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

/** An OTLP/HTTP receiver that keeps all spans. */
async function startReceiver() {
  const spans: Span[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest; // from our own exporter
      for (const resource of body.resourceSpans) {
        for (const scope of resource.scopeSpans) spans.push(...scope.spans);
      }
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens
  return { spans, url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

test('one request leaves a trace, an access record and metrics that agree', async () => {
  const receiver = await startReceiver();
  const [endpoint] = await startEndpoints(1);
  assert.ok(endpoint);
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    edgeEnv: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_SAMPLER_ARG: '0',
    },
  });
  try {
    const limits = [{ name: 'sec', limit: 100, windowMs: 1000 }];
    const bundle = oneTenantBundle({ host: 'acme.test', ports: [endpoint.port], limits });
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const edge = cluster.edges[0];
    assert.ok(edge);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const response = await send(`http://127.0.0.1:${edge.port}/orders?secret=1`, {
      headers: { host: 'acme.test', traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    await response.body.dump();
    assert.equal(response.statusCode, 200);
    const requestId = response.headers['x-request-id'];

    await waitFor(() => receiver.spans.length >= 3, { deadlineMs: 15_000, message: 'three spans' });
    const spans = receiver.spans.filter((span) => span.traceId === traceId);
    const server = spans.find((span) => span.parentSpanId === 'b7ad6b7169203331');
    assert.ok(server, 'the server span continues the trace of the client');
    const children = spans.filter((span) => span.parentSpanId === server.spanId);
    assert.equal(children.length, 2, `limiter and attempt: ${JSON.stringify(spans)}`);

    const { process } = edge.component;
    const findRecord = () => process.stdout().find((line) => line.includes('"type":"access"'));
    await waitFor(() => findRecord() !== undefined, { message: 'the access record' });
    const record = JSON.parse(findRecord() ?? '{}') as Record<string, unknown>; // the edge's own line
    assert.deepEqual(
      [
        record['requestId'],
        record['tenantId'],
        record['routeId'],
        record['status'],
        record['path'],
      ],
      [requestId, 'acme', 'all', 200, '/orders'],
    );
    assert.equal(record['traceId'], traceId);

    const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
    assert.match(metrics, /headgate_requests_total\{tenant="acme",status_class="2xx"\} 1\n/);
    assert.match(metrics, /headgate_limit_decisions_total\{outcome="admitted",source="\w+"\} 1\n/);
  } finally {
    await cluster.stop();
    await endpoint.close();
    receiver.close();
  }
});
