import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createFaultProxy, startPostgres, waitFor, type PostgresServer } from '@headgate/testkit';
import { testApi } from './api.case.ts';
import { startApi } from './support/api.ts';

let postgres: PostgresServer | null = null;
after(() => postgres?.stop());

testApi(async () => {
  postgres = await startPostgres();
  return startApi({ location: { kind: 'postgres', url: postgres.url } });
});

test('while PostgreSQL is away or silent every request gets 503 within 2 s', async () => {
  const server = await startPostgres();
  const proxy = await createFaultProxy({ port: server.port });
  const url = server.url.replace(String(server.port), String(proxy.port));
  const api = await startApi({ location: { kind: 'postgres', url } });
  try {
    await api.send('PUT', '/v1/plans/base', {});
    const requests = async () => {
      const startedMs = performance.now();
      const replies = await Promise.all([
        api.send('GET', '/v1/plans/base'),
        api.send('GET', '/v1/plans'),
        api.send('PUT', '/v1/plans/base', { name: 'x' }),
        api.send('POST', '/v1/tenants/t/api-keys/k', {}),
      ]);
      return { replies, durationMs: performance.now() - startedMs };
    };
    const assertUnavailable = async () => {
      const { replies, durationMs } = await requests();
      for (const reply of replies) {
        assert.equal(reply.status, 503);
        assert.equal(reply.body['code'], 'HG_API_STORE_UNAVAILABLE');
        assert.equal(reply.headers.get('retry-after'), '2');
      }
      assert.ok(durationMs < 2000, `${durationMs} ms`);
    };
    proxy.pause();
    await assertUnavailable();
    proxy.resume();
    await waitFor(async () => (await api.send('GET', '/v1/plans/base')).status === 200, {
      message: 'answers after the pause',
    });
    await server.kill();
    await assertUnavailable();
    await server.restart();
    await waitFor(async () => (await api.send('GET', '/v1/plans/base')).status === 200, {
      message: 'answers after the restart',
      deadlineMs: 10_000,
    });
  } finally {
    await api.close();
    await proxy.close();
    await server.stop();
  }
});
