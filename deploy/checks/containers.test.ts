import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { createHttpOrigin, temporaryDirectory, waitFor, type HttpOrigin } from '@headgate/testkit';
import { startContainerCluster, type ContainerCluster } from './test/container-cluster.ts';

// HAProxy connects from 127.0.0.1; on Linux every 127.x.x.x address works without further setup.
const CLIENT = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

let cluster: ContainerCluster;
let origin: HttpOrigin;

before(async () => {
  origin = await createHttpOrigin((message, response) => {
    response.end(JSON.stringify({ forwardedFor: message.headers['x-forwarded-for'] }));
  });
  cluster = await startContainerCluster();
  const directory = await temporaryDirectory('bundle');
  const file = join(directory.path, 'bundle.yaml');
  await writeFile(file, stringify(demoBundle(origin.port)));
  await cluster.headgate('apply', '-f', file, '--yes', '--wait');
  await directory.remove();
});

after(async () => {
  await cluster?.stop();
  await origin?.close();
});

function demoBundle(port: number): object {
  return {
    apiVersion: 'headgate/v1',
    plans: { free: { limits: [{ name: 'minute', limit: 100_000, windowMs: 60_000 }] } },
    tenants: {
      acme: {
        planId: 'free',
        identity: { hosts: ['acme.test'] },
        upstreams: { web: { endpoints: [{ host: '127.0.0.1', port }] } },
        routes: { all: { upstreamId: 'web' } },
      },
    },
  };
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own, through HAProxy. */
function get(path: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: cluster.port,
        localAddress: CLIENT,
        path,
        headers: { host: 'acme.test' },
        agent: false,
        timeout: 20_000,
      },
      (message) => {
        let body = '';
        message.setEncoding('utf8');
        message.on('data', (chunk: string) => (body += chunk));
        message.on('end', () => resolve({ status: message.statusCode ?? 0, body }));
        message.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error('no reply in 20 s')));
    outgoing.end();
  });
}

/** Requests that an edge has finished, from its metrics. */
async function finishedRequests(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const values = [...text.matchAll(/^headgate_requests_total\{[^}]*\} (\d+)$/gm)];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

test('the bundled command sees both edges of the cluster', async () => {
  const status = await cluster.headgate('status');
  assert.match(status, /edge-1/);
  assert.match(status, /edge-2/);
});

test('requests through the load balancer reach the backend with the address of the client', async () => {
  const reply = await waitFor(
    async () => {
      const answer = await get('/');
      return answer.status === 200 ? answer : undefined;
    },
    { message: 'the first good reply' },
  );
  assert.deepEqual(JSON.parse(reply.body), { forwardedFor: CLIENT });
});

test('the load balancer uses both edges', async () => {
  await Promise.all(Array.from({ length: 20 }, () => get('/')));
  for (const {
    adminPort,
    process: { name },
  } of cluster.edges) {
    await waitFor(async () => (await finishedRequests(adminPort)) > 0, {
      message: `requests at ${name}`,
    });
  }
});

test('an edge that expects PROXY protocol refuses a connection without it', async () => {
  const [edge] = cluster.edges;
  assert.ok(edge !== undefined);
  const received = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: edge.port }, () => {
      socket.write('GET / HTTP/1.1\r\nHost: acme.test\r\n\r\n');
    });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.once('close', () => resolve(text));
    socket.once('error', reject);
    socket.setTimeout(20_000, () => socket.destroy(new Error('the edge kept the connection')));
  });
  assert.doesNotMatch(received, /^HTTP\/1\.1 2/);
});

test('no request fails while an edge drains and ends', async () => {
  const [edge] = cluster.edges;
  assert.ok(edge !== undefined);
  edge.process.kill('SIGTERM');
  const replies: Reply[] = [];
  while (edge.process.exit() === null) replies.push(await get('/'));
  for (let count = 0; count < 20; count++) replies.push(await get('/'));
  assert.deepEqual(
    replies.filter(({ status }) => status !== 200),
    [],
  );
  assert.deepEqual(edge.process.exit(), { code: 0, signal: null });
});
