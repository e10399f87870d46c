import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { after, before, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { startNats, waitFor, makeCertificate, type NatsServer } from '@headgate/testkit';
import { createRecordingOrigin, type RecordingOrigin } from '@headgate/testkit';
import { createConfigSource, type ConfigSource } from './support/config-source.ts';
import { metricValue } from './support/edge-metrics.ts';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
  type TestTenant,
} from './support/edge-process.ts';
import { endpointsAt } from './support/one-tenant-edge.ts';
import { requestOnce } from './support/raw-client.ts';
import { connectTls, handshakeFault } from './support/tls-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** A client takes its answer too slowly from this time on. */
const WRITE_STALL_MS = 1000;

let nats: NatsServer;
let origin: RecordingOrigin;
let source: ConfigSource;
let edge: TestEdge;
let revision = 1;

const named = (name: string) => makeCertificate({ name, dnsNames: ['a.test', 'b.test'] });

function tenant(certificates: TestTenant['certificates'], id = 'a') {
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const routes = { rest: { upstreamId: 'main' } };
  const hosts = [`${id}.test`];
  revision += 1;
  return tenantDocument(
    { id, hosts, upstreams, routes, ...(certificates === undefined ? {} : { certificates }) },
    revision,
  );
}

before(async () => {
  [nats, origin] = await Promise.all([startNats(), createRecordingOrigin()]);
  origin.respondWith(() => OK);
  source = await createConfigSource(nats.url);
  await source.put(planDocument(), tenant({ web: named('first') }));
  edge = await startTestEdge({
    tls: true,
    env: {
      HEADGATE_NATS_URL: nats.url,
      HEADGATE_EDGE_WRITE_STALL_MS: String(WRITE_STALL_MS),
    },
  });
});
after(async () => {
  await edge.stop();
  await source.close();
  await origin.close();
  await nats.stop();
});

async function shown(name = 'a.test'): Promise<string> {
  const client = await connectTls(edge.tlsPort, { name }).catch(() => null);
  if (client === null) return 'nothing';
  const { raw } = client.socket.getPeerCertificate();
  client.close();
  return new X509Certificate(raw).subject.replace('CN=', '');
}

async function rejection(): Promise<string> {
  const reply = await fetch(`${edge.admin}/config`);
  const { rejected } = (await reply.json()) as { rejected: readonly { reason: string }[] };
  return rejected[0]?.reason ?? '';
}

test('a certificate is swapped while requests run: none fails, no connection ends, new ones are shown the new one', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
  let running = true;
  let done = 0;
  const failures: string[] = [];
  const ask = (shared: boolean): Promise<void> =>
    new Promise((resolve) => {
      const outgoing = request(
        {
          ...{ host: '127.0.0.1', port: edge.tlsPort, servername: 'a.test' },
          ...(shared ? { agent } : { agent: false, rejectUnauthorized: false }),
          headers: { host: 'a.test' },
        },
        (response) => {
          if (response.statusCode !== 200) failures.push(String(response.statusCode));
          response.resume().on('end', resolve);
        },
      );
      outgoing.on('error', (error) => {
        failures.push(error.message);
        resolve();
      });
      outgoing.end();
    });
  const load = Array.from({ length: 10 }, async (_, index) => {
    while (running) {
      await ask(index < 8);
      done += 1;
    }
  });
  const kept = await connectTls(edge.tlsPort, { name: 'a.test' });
  for (let swap = 0; swap < 20; swap += 1) {
    const name = `swap${swap}`;
    await source.put(tenant({ web: named(name) }));
    await waitFor(async () => (await shown()) === name, { message: name });
  }
  const before = done;
  await waitFor(() => done > before + 20, { message: 'requests after the last one' });
  running = false;
  await Promise.all(load);
  kept.send(GET);
  assert.equal((await kept.response()).status, 200);
  kept.close();
  agent.destroy();
  assert.deepEqual(failures, []);
  assert.equal(await metricValue(edge.admin, 'headgate_tls_contexts'), 1, 'the old ones are gone');
});

test('a certificate that this edge cannot open does not replace one that serves, and the reason is told', async () => {
  await source.put(tenant({ web: named('good') }));
  await waitFor(async () => (await shown()) === 'good', { message: 'the good one' });
  const sealedWith = Buffer.alloc(32, 'another').toString('base64url');
  await source.put(tenant({ web: { ...named('bad'), sealedWith } }));
  await waitFor(async () => (await rejection()) !== '', { message: 'the rejection' });
  assert.match(
    await rejection(),
    /^certificate web is sealed with the key [\w-]{12}, which is not in HEADGATE_SECRETS_KEY here$/,
  );
  assert.equal(await shown(), 'good');
  assert.equal((await requestOnce(edge.port, GET)).status, 200);
  await source.put(tenant({ web: named('next') }));
  await waitFor(async () => (await shown()) === 'next', { message: 'the next one' });
  assert.equal(await rejection(), '');
});

test('a certificate that goes, or whose tenant goes, is not shown any more', async () => {
  await source.put(tenant({ web: named('stays') }), tenant({ web: named('goes') }, 'b'));
  await waitFor(async () => (await shown('b.test')) === 'goes', { message: 'both' });
  const b = tenant({}, 'b');
  await source.put(b);
  await waitFor(async () => (await shown('b.test')) === 'nothing', { message: 'none for b' });
  assert.equal(
    await handshakeFault(edge.tlsPort, { name: 'b.test' }),
    'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
  );
  const kept = await connectTls(edge.tlsPort, { name: 'a.test' });
  revision += 1;
  await source.remove(tenant({ web: named('stays') }), revision);
  await waitFor(async () => (await shown()) === 'nothing', { message: 'none for a' });
  assert.equal(await metricValue(edge.admin, 'headgate_tls_contexts'), 0);
  // Who is connected is told as what it is: this connection is for nobody's host.
  kept.send(GET);
  assert.equal((await kept.response()).status, 421);
  kept.close();
});

test('a client that takes nothing of its answer over TLS is cut, and its endpoint is let go', async () => {
  await source.put(tenant({ web: named('slow') }));
  await waitFor(async () => (await shown()) === 'slow', { message: 'the certificate' });
  const body = 'x'.repeat(40_000_000);
  origin.respondWith(() => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const cut = await metricValue(edge.admin, 'headgate_downstream_cut_total{cause="write_rate"}');
  const client = await connectTls(edge.tlsPort, { name: 'a.test', paused: true });
  client.send(GET);
  await waitFor(
    async () =>
      (await metricValue(edge.admin, 'headgate_downstream_cut_total{cause="write_rate"}')) > cut,
    { message: 'the cut', deadlineMs: 20_000 },
  );
  client.socket.resume();
  await client.closed();
  client.close();
  await waitFor(async () => (await metricValue(edge.admin, 'headgate_active_requests')) === 0, {
    message: 'no request to be left',
  });
  await waitFor(
    async () => (await metricValue(edge.admin, 'headgate_downstream_connections')) === 0,
    { message: 'no connection to be left' },
  );
});
