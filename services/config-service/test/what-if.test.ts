import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { DemandHistory } from '../src/limits/demand-history.ts';
import { whatIfOperation } from '../src/resources/what-if.ts';
import { createSend, startApi, type Send } from './support/api.ts';

const limit = (name: string, count: number) => ({ name, limit: count, windowMs: 60_000 });

test('what-if: tenants of proposed plans, with overrides; a token hears of its own tenants, and of no pool', async () => {
  const history = new DemandHistory({ clock: systemClock });
  const asked: string[] = [];
  const minutesOf = history.minutesOf.bind(history);
  history.minutesOf = (tenantId, sinceMs) => {
    asked.push(tenantId);
    return minutesOf(tenantId, sinceMs);
  };
  const api = await startApi({ extra: (store) => [whatIfOperation({ store, history })] });
  const proposed = {
    apiVersion: 'headgate/v1',
    plans: {
      gold: { limits: [limit('minute', 10)], pool: { limits: [limit('all', 60)] } },
      platform: { pool: { limits: [limit('whole', 100)] } },
    },
  };
  const ask = async (
    body: object,
    send: Send = api.send,
  ): Promise<Readonly<Record<string, unknown>>> => {
    const reply = await send('POST', '/v1/limits/what-if', body);
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return reply.body;
  };
  const rows = ({ items }: Readonly<Record<string, unknown>>): unknown[] =>
    (items as readonly Readonly<Record<string, unknown>>[]).map(
      ({ tenantId, scope, name, refusedMin, refusedNowMin, demand }) => {
        return [tenantId, scope, name, refusedMin, refusedNowMin, demand];
      },
    );
  try {
    await api.send('PUT', '/v1/plans/gold', { limits: [limit('minute', 20)] });
    await api.send('PUT', '/v1/plans/free', {});
    const tenants = { acme: [], rich: [limit('minute', 1000)], other: [] };
    for (const [id, limits] of Object.entries(tenants)) {
      const planId = id === 'other' ? 'free' : 'gold';
      await api.send('PUT', `/v1/tenants/${id}`, { planId, limits });
    }
    const empty = await ask(proposed);
    assert.deepEqual([empty['from'], empty['withDemand'], empty['items']], [null, 0, []]);
    const fromSecond = Math.ceil(systemClock.nowMs() / 5000) * 5;
    const entries = Object.keys(tenants).map((tenantId) => ({
      tenantId,
      costs: [25, 0, 0, 15, 0],
    }));
    history.receive({ v: 1, edgeId: 'edge-1', fromSecond, entries });
    const whole = await ask(proposed);
    assert.deepEqual([whole['tenants'], whole['withDemand']], [2, 2]);
    assert.deepEqual(rows(whole), [
      ['acme', '', 'minute', 30, 20, 40],
      ['', 'gold.0', 'all', 20, 0, 80],
      ['', '0', 'whole', 20, 0, 120],
    ]);
    const moved = { apiVersion: 'headgate/v1', tenants: { other: { planId: 'gold' } } };
    assert.deepEqual(rows(await ask(moved)), [['other', '', 'minute', 20, 0, 40]]);
    const token = { role: 'viewer', tenants: ['rich', 'other'] };
    const made = await api.send('POST', '/v1/access-tokens/rich', token);
    asked.length = 0;
    const own = await ask(proposed, createSend(api.url, String(made.body['token'])));
    assert.deepEqual([own['tenants'], own['items']], [1, []]);
    assert.deepEqual(asked, ['rich'], 'nothing is gathered for pools that are not told');
    asked.length = 0;
    await ask({ ...proposed, plans: { platform: {} } });
    assert.deepEqual(asked, [], 'nor for a plan without a pool');
  } finally {
    await api.close();
  }
});
