import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordingOrigin } from '@headgate/testkit';
import { planDocument, startTestEdge, tenantDocument } from './support/edge-process.ts';
import { requestOnce } from './support/raw-client.ts';

test('HEADGATE_EDGE_ACCESS_RECORDS=off: requests are served and counted, and none is written', async () => {
  const origin = await createRecordingOrigin();
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const routes = { rest: { upstreamId: 'main' } };
  const edge = await startTestEdge({
    documents: [planDocument(), tenantDocument({ id: 'a', hosts: ['a.test'], upstreams, routes })],
    env: { HEADGATE_EDGE_ACCESS_RECORDS: 'off' },
  });
  try {
    for (let count = 0; count < 3; count += 1) {
      const answer = await requestOnce(edge.port, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
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
