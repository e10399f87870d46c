import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordingOrigin } from '@headgate/testkit';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { GET } from './support/plain-messages.ts';
import { requestOnce } from './support/raw-client.ts';

test('HEADGATE_EDGE_ACCESS_RECORDS=off: requests are served and counted, and none is written', async () => {
  const origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = { rest: { upstreamId: 'main' } };
  const env = { HEADGATE_EDGE_ACCESS_RECORDS: 'off' };
  const edge = await startOneTenantEdge({ upstreams, routes }, { env });
  try {
    for (let count = 0; count < 3; count += 1) {
      const answer = await requestOnce(edge.port, GET);
      assert.equal(answer.status, 200);
    }
  } finally {
    await edge.stop(); // writes what is buffered
    await origin.close();
  }
  const lines = edge.process.stdout();
  assert.deepEqual(
    lines.filter((line) => line.includes('"type":"access"')),
    [],
  );
});
