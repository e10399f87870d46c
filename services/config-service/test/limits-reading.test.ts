import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitUsage } from '@headgate/bus';
import { systemClock } from '@headgate/runtime';
import { LimitWatch } from '../src/limits/limit-watch.ts';
import { limitOperations } from '../src/resources/limits.ts';
import { startApi } from './support/api.ts';

const USAGE: LimitUsage = {
  ...{ tenantId: 'acme', level: 'tenant', scope: '', consumer: 'a192.0.2.7', name: 'second' },
  ...{ kind: 'window', limit: 100, capacity: 100, spanMs: 1000 },
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
    const limits = [{ name: 'second', limit: 100, windowMs: 1000 }];
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
