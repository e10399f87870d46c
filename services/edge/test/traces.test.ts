import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  createOtlpReceiver,
  createRecordingOrigin,
  waitFor,
  type OtlpReceiver,
  type RecordingOrigin,
} from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { gracefulExitMs } from './support/graceful-exit.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { OK } from './support/plain-messages.ts';
import { requestOnce } from './support/raw-client.ts';

const REQUEST = 'GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n';

let origin: RecordingOrigin;
let receiver: OtlpReceiver;
let edge: TestEdge;

before(async () => {
  [origin, receiver] = await Promise.all([createRecordingOrigin(), createOtlpReceiver()]);
  origin.respondWith(() => OK);
  edge = await startOneTenantEdge(
    {
      upstreams: { main: { endpoints: endpointsAt(origin.port) } },
      routes: { rest: { upstreamId: 'main' } },
    },
    {
      env: {
        HEADGATE_EDGE_WORKERS: '2',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_TRACES_SAMPLER_ARG: '1',
      },
    },
  );
});

after(async () => {
  await edge.stop();
  await Promise.all([origin.close(), receiver.close()]);
});

const attempts = () => receiver.spans.filter(({ name }) => name === 'GET');

suite('traces', () => {
  test('spans of requests to any worker are exported, with the ids that the backend got', async () => {
    for (let count = 0; count < 20; count += 1) await requestOnce(edge.port, REQUEST);
    await waitFor(() => receiver.spans.length >= 40, {
      message: '40 spans',
      describe: () => receiver.spans,
    });
    const sent = origin.requests.map(({ head }) => /traceparent: (\S+)/i.exec(head)?.[1]);
    assert.deepEqual(
      attempts()
        .map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)
        .sort(),
      sent.sort(),
    );
    for (const { traceId, parentSpanId } of attempts()) {
      const parent = receiver.spans.find(({ spanId }) => spanId === parentSpanId);
      assert.equal(parent?.traceId, traceId);
      assert.equal(parent.name, 'GET /*');
    }
    assert.equal(receiver.resources[0]?.['service.name'], 'edge');
  });

  test('what has not been exported when the edge is told to stop is exported first', async () => {
    const before = receiver.spans.length;
    await requestOnce(edge.port, REQUEST);
    process.kill(edge.process.pid, 'SIGTERM');
    await gracefulExitMs(edge);
    assert.equal(receiver.spans.length, before + 2);
  });
});
