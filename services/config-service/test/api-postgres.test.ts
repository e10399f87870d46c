import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import {
  createFaultProxy,
  startPostgres,
  startStopwatch,
  waitFor,
  type PostgresServer,
} from '@headgate/testkit';
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
    const bundle = { apiVersion: 'headgate/v1', plans: { base: {} } };
    assert.equal((await api.send('POST', '/v1/apply?declare=true', bundle)).status, 200);
    const requests = async () => {
      const stopwatch = startStopwatch();
      const replies = await Promise.all([
        api.send('GET', '/v1/plans/base'),
        api.send('GET', '/v1/plans'),
        api.send('PUT', '/v1/plans/base', { name: 'x' }),
        api.send('POST', '/v1/tenants/t/api-keys/k', {}),
        api.send('POST', '/v1/apply', bundle),
        api.send('POST', '/v1/apply?dryRun=true', bundle),
        api.send('POST', '/v1/compare', bundle),
        api.send('GET', '/v1/drift'),
      ]);
      return { replies, durationMs: stopwatch.stop() };
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
    await requests(); // each has a connection from now on
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
    });
  } finally {
    await api.close();
    await proxy.close();
    await server.stop();
  }
});

test('with more changes at once than connections all get a clear 503 in time, and none is left behind', async () => {
  const server = await startPostgres();
  const api = await startApi({ location: { kind: 'postgres', url: server.url } });
  const other = new pg.Client({ connectionString: server.url });
  try {
    await api.send('PUT', '/v1/plans/base', {});
    await other.connect();
    await other.query('begin; lock table documents in exclusive mode');
    const stopwatch = startStopwatch();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const replies = await Promise.all(
      names.map((name) => api.send('PUT', '/v1/plans/base', { name })),
    );
    const durationMs = stopwatch.stop();
    assert.ok(durationMs < 2500, `${durationMs} ms`);
    for (const { status, headers } of replies) {
      assert.deepEqual([status, headers.get('retry-after')], [503, '2']);
    }
    const details = replies.map(({ body }) => String(body['detail']));
    const count = (rule: RegExp) => details.filter((detail) => rule.test(detail)).length;
    assert.equal(count(/did not answer within 1800 ms/), 10, 'those that wait for the lock');
    assert.equal(count(/no connection .* became free .* too many requests/), 10);
    await other.query('rollback');
    await waitFor(async () => (await api.send('PUT', '/v1/plans/base', {})).status === 200, {
      message: 'changes to work again',
    });
  } finally {
    await other.end();
    await api.close();
    await server.stop();
  }
});
