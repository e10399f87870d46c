import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { StartError } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { createAdminServer, type AdminServerOptions } from './admin-server.ts';

function optionsWith(changes: Partial<AdminServerOptions> = {}): AdminServerOptions {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    readiness: () => ({ ready: true, reasons: [] }),
    metrics: () => Promise.resolve('up 1\n'),
    logger: { error: () => undefined },
    ...changes,
  };
}

async function send(
  port: number,
  path: string,
  method = 'GET',
): Promise<{ status: number; type: string; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    type: string;
    body: string;
  }>();
  request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    response.on('end', () => {
      const type = response.headers['content-type'] ?? '';
      resolve({ status: response.statusCode ?? 0, type, body });
    });
  })
    .on('error', reject)
    .end();
  return promise;
}

test('liveness, readiness, metrics and extra routes', async (context) => {
  let readiness = { ready: false, reasons: ['no configuration yet'] };
  let live = true;
  const server = await createAdminServer(
    optionsWith({
      readiness: () => readiness,
      liveness: () => live,
      routes: {
        '/config': ({ query }) => ({ body: { tenant: query.get('tenant') } }),
        '/gone': () => ({ status: 410, body: null }),
      },
    }),
  );
  context.after(() => server.close());
  const get = (path: string) => send(server.port, path);
  assert.equal((await get('/livez')).status, 200);
  const notReady = await get('/readyz');
  assert.equal(notReady.status, 503);
  assert.deepEqual(JSON.parse(notReady.body), readiness);
  readiness = { ready: true, reasons: [] };
  assert.equal((await get('/readyz')).status, 200);
  live = false;
  assert.equal((await get('/livez')).status, 503);
  const metrics = await get('/metrics');
  assert.equal(metrics.type, 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(metrics.body, 'up 1\n');
  assert.equal((await get('/config?tenant=acme')).body, '{"tenant":"acme"}\n');
  assert.equal((await get('/gone')).status, 410);
  assert.equal((await get('/nothing')).status, 404);
  assert.equal((await get('//')).status, 400);
  assert.equal((await send(server.port, '/metrics', 'POST')).status, 405);
  assert.equal((await send(server.port, '/metrics', 'HEAD')).body, '');
});

test('scrapes at the same time share one rendering', async (context) => {
  let renderings = 0;
  const rendering = Promise.withResolvers<string>();
  const arrived = Promise.withResolvers<void>();
  const server = await createAdminServer(
    optionsWith({
      metrics: () => {
        renderings += 1;
        return rendering.promise;
      },
      routes: {
        '/arrived': () => {
          arrived.resolve();
          return { body: null };
        },
      },
    }),
  );
  context.after(() => server.close());
  // Pipelined on one connection: when the third is handled, so are the first two.
  const socket = connect(server.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  const paths = ['/metrics', '/metrics', '/arrived'];
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`).join(''));
  await arrived.promise;
  rendering.resolve('up 1\n');
  await waitFor(() => received.split('up 1\n').length === 3 && received.includes('null'), {
    message: 'all three replies',
    describe: () => received,
  });
  socket.destroy();
  assert.equal(renderings, 1);
});

test('a handler that throws is logged once and answered with 500', async (context) => {
  const logged: object[] = [];
  const server = await createAdminServer(
    optionsWith({
      metrics: () => Promise.reject(new Error('broken')),
      logger: { error: (fields) => logged.push(fields) },
    }),
  );
  context.after(() => server.close());
  const reply = await send(server.port, '/metrics');
  assert.equal(reply.status, 500);
  assert.doesNotMatch(reply.body, /broken/);
  assert.equal(logged.length, 1);
});

test('a port in use is a clear error', async (context) => {
  const server = await createAdminServer(optionsWith());
  context.after(() => server.close());
  const listen = { host: '127.0.0.1', port: server.port };
  await assert.rejects(createAdminServer(optionsWith({ listen })), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(error.message, new RegExp(`127.0.0.1:${server.port} .*the port is in use`));
    return true;
  });
});
