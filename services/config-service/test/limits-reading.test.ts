import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitUsage } from '@headgate/bus';
import { poolSpread } from '@headgate/model';
import { systemClock } from '@headgate/runtime';
import { LimitWatch } from '../src/limits/limit-watch.ts';
import { limitOperations } from '../src/resources/limits.ts';
import { createSend, startApi } from './support/api.ts';

const USAGE: LimitUsage = {
  ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: 'a192.0.2.7', name: 'second' },
  ...{ kind: 'window', unit: 'requests', shadow: false, limit: 100 },
  ...{ capacity: 100, spanMs: 1000 },
  ...{ admitted: 1, alone: 0, denied: 0, remaining: 50, resetMs: 500 },
};

test('limits of a tenant that had the same id before are not shown to the one that has it now', async () => {
  const watch = new LimitWatch({ clock: systemClock, onExcess: () => undefined });
  const api = await startApi({ extra: (store) => limitOperations({ store, watch }) });
  const consumers = async (): Promise<unknown[]> => {
    const { status, body } = await api.send('GET', '/v1/tenants/acme/limits');
    assert.equal(status, 200, JSON.stringify(body));
    const items = body['items'] as readonly Readonly<Record<string, unknown>>[];
    return items.map(({ consumer, used }) => [consumer, used !== null]);
  };
  const tell = (consumer: string) => {
    const entries = [{ ...USAGE, consumer }];
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: systemClock.nowMs(), entries });
  };
  try {
    const limits = [{ name: 'second', limit: 100, windowMs: 1000, per: 'client-ip' }];
    await api.send('PUT', '/v1/plans/base', { limits });
    await api.send('PUT', '/v1/tenants/acme', { planId: 'base' });
    tell('a192.0.2.7');
    assert.deepEqual(await consumers(), [['a192.0.2.7', true]]);
    await api.send('DELETE', '/v1/tenants/acme');
    await api.send('PUT', '/v1/tenants/acme', { planId: 'base' });
    assert.deepEqual(await consumers(), [[null, false]]);
    tell('a198.51.100.9');
    assert.deepEqual(await consumers(), [['a198.51.100.9', true]]);
  } finally {
    await api.close();
  }
});

test('what edges told of a limit before it changed is not shown; as it is now it is, at once', async () => {
  const watch = new LimitWatch({ clock: systemClock, onExcess: () => undefined });
  const api = await startApi({ extra: (store) => limitOperations({ store, watch }) });
  const shown = async (): Promise<string[]> => {
    const { body } = await api.send('GET', '/v1/tenants/acme/limits');
    const items = body['items'] as readonly Readonly<Record<string, unknown>>[];
    return items.map(({ level, name, kind, unit, used }) =>
      [level, name, kind, unit, used === null ? 'idle' : used].join(' '),
    );
  };
  const tell = (...changes: readonly Partial<LimitUsage>[]) => {
    const entries = changes.map((change) => ({
      ...USAGE,
      consumer: null,
      name: 'down',
      ...change,
    }));
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: systemClock.nowMs(), entries });
  };
  const plan = (down: object, keyLimits: readonly object[] = []) =>
    api.send('PUT', '/v1/plans/base', {
      limits: [{ name: 'down', limit: 100, ...down }],
      keyLimits,
    });
  try {
    await plan({ windowMs: 1000 }, [{ name: 'own', limit: 100, windowMs: 1000 }]);
    await api.send('PUT', '/v1/tenants/acme', { planId: 'base' });
    await api.send('POST', '/v1/tenants/acme/api-keys/ci', {});
    tell(
      {},
      { level: 'key', scope: 'ci', name: 'own' },
      { level: 'key', scope: 'gone', name: 'own' },
    );
    tell({ level: 'route', scope: 'gone' });
    assert.deepEqual(await shown(), [
      'tenant down window requests 50',
      'key own window requests 50',
    ]);
    await plan({ windowMs: 1000, unit: 'response-bytes' });
    assert.deepEqual(await shown(), ['tenant down window response-bytes idle']);
    tell({ unit: 'response-bytes', remaining: 30 });
    assert.deepEqual(await shown(), ['tenant down window response-bytes 70']);
    await plan({ windowMs: 60_000, unit: 'response-bytes' });
    assert.deepEqual(await shown(), ['tenant down window response-bytes idle']);
    await plan({ kind: 'quota', period: 'day' });
    tell({ kind: 'quota', spanMs: 86_400_000, resetMs: 1000, remaining: 10 });
    assert.deepEqual(await shown(), ['tenant down quota requests 90']);
    await plan({ windowMs: 1000, per: 'client-ip' });
    assert.deepEqual(await shown(), ['tenant down window requests idle']);
  } finally {
    await api.close();
  }
});

test('a limit of another size than when edges last told of it is shown as it is now, once they must have it', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const watch = new LimitWatch({ clock, onExcess: () => undefined });
  const api = await startApi({ extra: (store) => limitOperations({ store, watch }) });
  const shown = async (): Promise<unknown[][]> => {
    const { body } = await api.send('GET', '/v1/tenants/acme/limits');
    const items = body['items'] as readonly Readonly<Record<string, unknown>>[];
    return items.map(({ name, limit, used, remaining }) => [name, limit, used, remaining]);
  };
  const plan = (hour: number, burst: number) =>
    api.send('PUT', '/v1/plans/base', {
      limits: [
        { name: 'hour', limit: hour, windowMs: 3_600_000 },
        { name: 'pace', kind: 'rate', limit: 100, burst, windowMs: 3_600_000 },
      ],
    });
  const told = { ...USAGE, consumer: null, spanMs: 3_600_000 };
  const entries: LimitUsage[] = [
    { ...told, name: 'hour' },
    { ...told, name: 'pace', kind: 'rate', capacity: 200 },
  ];
  try {
    await plan(100, 200);
    await api.send('PUT', '/v1/tenants/acme', { planId: 'base' });
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: clock.nowMs(), entries });
    await plan(1000, 120);
    aheadMs = 11_000;
    assert.deepEqual(await shown(), [
      ['hour', 1000, 50, 950],
      ['pace', 100, 150, 0],
    ]);
    await plan(40, 300);
    assert.deepEqual(await shown(), [
      ['hour', 40, 50, 0],
      ['pace', 100, 150, 150],
    ]);
  } finally {
    await api.close();
  }
});

/** As the reply has it, as far as the test looks at it. */
interface Pool {
  readonly planId: string;
  readonly entities: number;
  readonly tenants: number;
  readonly blastRadius: {
    readonly tenants: number;
    readonly ofPool: number;
    readonly ofAll: number;
  };
  readonly places: readonly {
    readonly entity: number;
    readonly tenants: number;
    readonly limits: readonly Readonly<Record<string, unknown>>[];
  }[];
}

test('pools: who shares a place, whom one of them stops, what is used; told only to those who see all', async () => {
  const watch = new LimitWatch({ clock: systemClock, onExcess: () => undefined });
  const api = await startApi({ extra: (store) => limitOperations({ store, watch }) });
  const tokenOf = async (id: string, spec: object) => {
    const { body } = await api.send('POST', `/v1/access-tokens/${id}`, spec);
    return createSend(api.url, String(body['token']));
  };
  try {
    const limits = [{ name: 'second', limit: 2000, windowMs: 1000 }];
    await api.send('PUT', '/v1/plans/gold', { pool: { entities: 2, limits } });
    await api.send('PUT', '/v1/plans/platform', { pool: { limits } });
    await api.send('PUT', '/v1/plans/plain', {});
    const ids = Array.from({ length: 12 }, (_, id) => `tenant-${id}`);
    for (const id of ids) await api.send('PUT', `/v1/tenants/${id}`, { planId: 'gold' });
    await api.send('PUT', '/v1/tenants/other', { planId: 'plain' });
    await api.send('PUT', '/v1/tenants/gone', { planId: 'gold', status: 'suspended' });
    const place = { tenantId: '', level: 'pool', scope: 'gold.1', consumer: null } as const;
    const entries = [{ ...USAGE, ...place, limit: 2000, capacity: 2000, remaining: 60 }];
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: systemClock.nowMs(), entries });

    const { status, body } = await api.send('GET', '/v1/limits/pools');
    assert.equal(status, 200, JSON.stringify(body));
    const [gold, platform, ...more] = body['items'] as readonly Pool[];
    assert.ok(gold !== undefined && platform !== undefined && more.length === 0);
    const there = [0, 1].map((entity) => ids.filter((id) => poolSpread(id) % 2 === entity).length);
    const widest = Math.max(...there) - 1;
    assert.deepEqual([gold.planId, gold.entities, gold.tenants], ['gold', 2, 12]);
    assert.deepEqual(gold.blastRadius, {
      ...{ tenants: widest, ofPool: widest / 11, ofAll: widest / 12 },
    });
    const byEntity = gold.places.toSorted((a, b) => a.entity - b.entity);
    assert.deepEqual(
      byEntity.map(({ tenants, limits: [limit] }) => [tenants, limit?.['used']]),
      [
        [there[0], null],
        [there[1], 1940],
      ],
    );
    assert.deepEqual([platform.planId, platform.tenants], ['platform', 13]);
    assert.deepEqual(platform.blastRadius, { tenants: 12, ofPool: 1, ofAll: 1 });

    const minute = { ...USAGE, ...place, scope: 'gold.0', spanMs: 60_000, remaining: 1 };
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: systemClock.nowMs(), entries: [minute] });
    const again = await api.send('GET', '/v1/limits/pools?planId=gold');
    const [now] = again.body['items'] as readonly Pool[];
    const first = now?.places.find(({ entity }) => entity === 0);
    assert.deepEqual(
      first?.limits.map(({ used }) => used),
      [null],
      'what was told of a window of a minute',
    );

    const one = await api.send('GET', '/v1/limits/pools?planId=gold&places=1');
    const [only, ...others] = one.body['items'] as readonly Pool[];
    assert.deepEqual([only?.planId, only?.places.length, others.length], ['gold', 1, 0]);

    const viewer = await tokenOf('all', { role: 'viewer', tenants: '*' });
    assert.equal(
      ((await viewer('GET', '/v1/limits/pools')).body['items'] as readonly Pool[]).length,
      2,
    );
    const bound = await tokenOf('one', { role: 'viewer', tenants: ['tenant-1'] });
    assert.deepEqual((await bound('GET', '/v1/limits/pools')).body['items'], []);
    const admin = await tokenOf('admin', { role: 'tenant_admin', tenants: ['tenant-1'] });
    assert.equal((await admin('GET', '/v1/limits/pools')).status, 403);
  } finally {
    await api.close();
  }
});

test('pools: a reply is bounded, tells of pools that it leaves out, and never leaves out that of the platform', async () => {
  const watch = new LimitWatch({ clock: systemClock, onExcess: () => undefined });
  const api = await startApi({ extra: (store) => limitOperations({ store, watch }) });
  const read = async (query: string) => {
    const { status, body } = await api.send('GET', `/v1/limits/pools${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return { items: body['items'] as readonly Pool[], truncated: body['truncated'] };
  };
  const pool = { entities: 1024, limits: [{ name: 'second', limit: 2000, windowMs: 1000 }] };
  const planIds = (count: number) => Array.from({ length: count }, (_, id) => `gold-${100 + id}`);
  const apply = async (ids: readonly string[]) => {
    const plans = Object.fromEntries([...ids, 'platform'].map((id) => [id, { pool }]));
    const { status, body } = await api.send('POST', '/v1/apply', {
      ...{ apiVersion: 'headgate/v1', plans, tenants: {} },
    });
    assert.equal(status, 200, JSON.stringify(body));
  };
  try {
    await apply(planIds(1));
    const place = { tenantId: '', level: 'pool', scope: 'gold-100.777', consumer: null } as const;
    const entry = { ...USAGE, ...place, denied: 5, remaining: 0 };
    const other = { ...entry, scope: 'gold-100.5', spanMs: 60_000, denied: 900 };
    const entries = [entry, other];
    watch.receive({ v: 1, edgeId: 'edge-1', atMs: systemClock.nowMs(), entries });
    const one = await read('?planId=gold-100&places=1024');
    assert.deepEqual([one.items.length, one.items[0]?.places.length], [1, 1024]);
    const most = await read('?places=1');
    assert.deepEqual(
      most.items.map(({ planId, places }) => [planId, places.map(({ entity }) => entity)]),
      [
        ['gold-100', [777]],
        ['platform', [0]],
      ],
      'that which refuses comes first, if its limit is still what was told of',
    );
    assert.deepEqual((await read('?places=0')).items[0]?.places, []);
    const refused = await api.send('GET', '/v1/limits/pools?places=1001');
    assert.equal(refused.status, 422);
    const [fault] = refused.body['errors'] as readonly { readonly path: string; rule: string }[];
    assert.equal(fault?.path, 'query.places');
    assert.match(
      fault.rule,
      /^these are 2002 places of 2 pools, .* 2000: name a pool with planId, or ask for at most 1000 of each$/,
    );
    assert.equal((await read('?places=1000')).items.length, 2);

    await apply(planIds(99));
    assert.deepEqual((await read('?places=0')).truncated, false);
    await apply(planIds(100));
    const { items, truncated } = await read('');
    assert.equal(truncated, true);
    assert.deepEqual(
      items.map(({ planId }) => planId),
      [...planIds(99), 'platform'],
    );
    const left = await read('?planId=gold-199');
    assert.deepEqual([left.items[0]?.planId, left.truncated], ['gold-199', false]);
    assert.deepEqual(await read('?planId=silver'), { items: [], truncated: false });
  } finally {
    await api.close();
  }
});
