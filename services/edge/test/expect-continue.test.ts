import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  createRecordingOrigin,
  waitFor,
  type OriginConnection,
  type RecordingOrigin,
} from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import type { TestEdge } from './support/edge-process.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { HOST_LINE } from './support/plain-messages.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';

const STALL_MS = 400;
const PER_TRY_MS = 2500;
const IDLE_MS = 5000;
const REQUEST = `POST / HTTP/1.1\r\n${HOST_LINE}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`;
/** Each request has a connection of its own. */
const LAST = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

let origin: RecordingOrigin;
let edge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin({ handler: () => LAST });
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = {
    all: { upstreamId: 'main', perTryTimeoutMs: PER_TRY_MS, idleTimeoutMs: IDLE_MS },
  };
  const env = { HEADGATE_EDGE_BODY_STALL_MS: String(STALL_MS) };
  edge = await startOneTenantEdge({ upstreams, routes }, { env });
});

after(async () => {
  await edge.stop();
  await origin.close();
});

const cuts = (): Promise<number> =>
  metricValue(edge.admin, 'headgate_downstream_cut_total{cause="body_rate"}');

/** A request whose head has come to the endpoint, on a connection of its own. */
async function expectant(): Promise<{ client: RawClient; link: OriginConnection }> {
  const seen = origin.connections.length;
  const client = await connectRaw(edge.port);
  client.send(REQUEST);
  const link = await waitFor(() => origin.connections[seen], { message: 'a connection' });
  await waitFor(() => link.received().includes('\r\n\r\n'), { message: 'the head' });
  return { client, link };
}

/** Longer than a client may take that owes its body, and than a look at clients is away from the next one. */
async function longerThanTheStall(): Promise<void> {
  const startMs = performance.now();
  await waitFor(() => performance.now() - startMs > STALL_MS * 4, { message: 'the time to pass' });
}

suite('a client that waits for a 100 owes no byte of its body', () => {
  test('an endpoint that says nothing is late, at the time of an attempt', async () => {
    const startMs = performance.now();
    const [before, { client }] = [await cuts(), await expectant()];
    const { status, body } = await client.response();
    assert.equal(status, 504);
    assert.match(body, /HG_UPSTREAM_TIMEOUT/);
    assert.ok(performance.now() - startMs >= PER_TRY_MS);
    assert.equal(await client.closed(), 'ended', 'the body may still come');
    assert.equal(await cuts(), before);
    client.close();
  });

  test('an endpoint may take its time', async () => {
    const { client, link } = await expectant();
    await longerThanTheStall();
    link.write(CONTINUE);
    await waitFor(() => client.received() !== '', { message: 'the 100' });
    client.send('body');
    await waitFor(() => link.received().toString('latin1').endsWith('body'), { message: 'body' });
    assert.equal((await client.response()).status, 200);
    client.close();
  });

  test('after a final answer it owes none either, however long that lasts', async () => {
    const { client, link } = await expectant();
    link.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nfor');
    await longerThanTheStall();
    link.write('bid');
    const { status, body } = await client.response();
    assert.deepEqual([status, body], [403, 'forbid']);
    client.close();
  });

  test('after the 100 it does', async () => {
    const [before, { client, link }] = [await cuts(), await expectant()];
    link.write(CONTINUE);
    assert.equal((await client.response()).status, 408);
    assert.equal(await cuts(), before + 1);
    client.close();
  });
});
