import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { limitEventsOperation } from '../src/resources/limit-events.ts';
import { createSend, startApi, type Send } from './support/api.ts';
import { eventsOf, type EventPlace } from './support/access-cluster.ts';

const ACME = { tenantId: 'acme', level: 'tenant', scope: '', name: 'minute' } as const;
const OTHER = { ...ACME, tenantId: 'other' };
const POOL = { tenantId: '', level: 'pool', scope: 'gold.3', name: 'second' } as const;
const PLATFORM = { tenantId: '', level: 'platform', scope: '0', name: 'all' } as const;

/** Starts the API over events of these places, the newest last. */
async function startScene(...places: readonly EventPlace[]) {
  const { events, tell } = eventsOf(systemClock);
  const api = await startApi({ extra: (store) => [limitEventsOperation({ store, events })] });
  await api.send('PUT', '/v1/plans/base', {});
  for (const id of ['acme', 'other'])
    await api.send('PUT', `/v1/tenants/${id}`, { planId: 'base' });
  tell(...places);
  const read = async (send: Send, query = ''): Promise<string[]> => {
    const { status, body } = await send('GET', `/v1/limits/events${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    const items = body['items'] as readonly Readonly<Record<string, unknown>>[];
    return items.map(({ event, tenantId, level }) => [event, tenantId, level].join(' '));
  };
  const tokenOf = async (id: string, spec: object): Promise<Send> => {
    const { body } = await api.send('POST', `/v1/access-tokens/${id}`, spec);
    return createSend(api.url, String(body['token']));
  };
  return { api, tell, read, tokenOf };
}

test('events: newest first, of a tenant if asked for, and no more than wanted', async () => {
  const { api, read } = await startScene(ACME, OTHER, POOL);
  try {
    assert.deepEqual(await read(api.send), [
      'reached  pool',
      'reached other tenant',
      'reached acme tenant',
    ]);
    assert.deepEqual(await read(api.send, '?limit=1'), ['reached  pool']);
    assert.deepEqual(await read(api.send, '?tenantId=acme'), ['reached acme tenant']);
    for (const query of ['?limit=0', '?limit=1001', '?tenantId=Bad_Id', '?tenant=acme']) {
      assert.equal((await api.send('GET', `/v1/limits/events${query}`)).status, 422, query);
    }
  } finally {
    await api.close();
  }
});

test('events: a token of tenants sees only theirs; pools and the platform only who sees all', async () => {
  const { api, read, tokenOf } = await startScene(ACME, OTHER, POOL, PLATFORM);
  try {
    for (const role of ['viewer', 'tenant_admin']) {
      const bound = await tokenOf(role.replace('_', '-'), { role, tenants: ['acme'] });
      assert.deepEqual(await read(bound), ['reached acme tenant'], role);
      assert.deepEqual(await read(bound, '?tenantId=other'), [], role);
      assert.deepEqual(await read(bound, '?limit=1'), ['reached acme tenant'], role);
    }
    const all = await tokenOf('all', { role: 'viewer', tenants: '*' });
    assert.equal((await read(all)).length, 4);
  } finally {
    await api.close();
  }
});

test('events of a tenant that had the same id before are not shown to the one that has it now', async () => {
  const { api, tell, read, tokenOf } = await startScene(ACME);
  try {
    const spec = { role: 'viewer', tenants: ['acme'] };
    assert.deepEqual(await read(await tokenOf('before', spec)), ['reached acme tenant']);
    await api.send('DELETE', '/v1/tenants/acme');
    await api.send('PUT', '/v1/tenants/acme', { planId: 'base' });
    const now = await tokenOf('now', spec);
    assert.deepEqual(await read(now), []);
    tell({ ...ACME, level: 'route', scope: 'web' });
    assert.deepEqual(await read(now), ['reached acme route']);
    assert.equal((await read(api.send)).length, 2, 'who sees all sees what was');
  } finally {
    await api.close();
  }
});
