import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordingOrigin } from '@headgate/testkit';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET } from './support/plain-messages.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';

test('a request that an endpoint leads back to the edge ends with 508 after five rounds', async () => {
  const origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const edge = await startOneTenantEdge({ upstreams, routes: { all: { upstreamId: 'main' } } });
  origin.respondWith(async ({ raw }) => {
    const back = await connectRaw(edge.port);
    back.send(raw);
    await back.response();
    back.close();
    return back.received();
  });
  try {
    const response = await requestOnce(edge.port, GET);
    assert.equal(response.status, 508);
    assert.match(response.body, /HG_UPSTREAM_LOOP/);
    assert.equal(origin.requests.length, 5);
  } finally {
    await edge.stop();
    await origin.close();
  }
});
