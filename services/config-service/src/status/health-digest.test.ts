import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthState } from '@headgate/model';
import { digestHealth } from './health-digest.ts';

function stateOf(tenantId: string, upstreamId: string, states: readonly string[]): HealthState {
  const endpoints = states.map((state, index) => ({
    ...{ id: `10.0.0.${index}:80`, since: 1, reason: 'status' },
    state: state as 'healthy' | 'unhealthy',
  }));
  return {
    ...{ v: 1, observedAt: 1, endpoints },
    tenantId: tenantId as HealthState['tenantId'],
    upstreamId: upstreamId as HealthState['upstreamId'],
  };
}

const many = (count: number, states: readonly string[], tenantId = 'a') =>
  Array.from({ length: count }, (_, index) => stateOf(tenantId, `u${index}`, states));
const keysOf = (upstreams: readonly HealthState[]) =>
  upstreams.map(({ tenantId, upstreamId }) => `${tenantId}/${upstreamId}`);
const all = () => true;

test('as long as they fit, all upstreams are told, sorted, whatever their health', () => {
  const states = [
    stateOf('b', 'one', ['healthy']),
    stateOf('a', 'two', ['healthy', 'unhealthy']),
    stateOf('a', 'one', ['healthy']),
  ];
  const { upstreams, ...counts } = digestHealth(states, all);
  assert.deepEqual(keysOf(upstreams), ['a/one', 'a/two', 'b/one']);
  assert.deepEqual(counts, { total: 3, unhealthy: 1 });
});

test('of too many upstreams those with an endpoint that is not healthy are told, and all are counted', () => {
  const states = [...many(1000, ['healthy']), stateOf('b', 'bad', ['healthy', 'unhealthy'])];
  const { upstreams, ...counts } = digestHealth(states, all);
  assert.deepEqual(keysOf(upstreams), ['b/bad']);
  assert.deepEqual(counts, { total: 1001, unhealthy: 1 });
  assert.equal(digestHealth(states.slice(1), all).upstreams.length, 1000);
});

test('however many are not healthy, a reply holds a bounded number of upstreams and endpoints', () => {
  const digest = digestHealth(many(5000, ['unhealthy']), all);
  assert.deepEqual([digest.upstreams.length, digest.unhealthy], [1000, 5000]);
  const wide = digestHealth(many(100, Array<string>(1000).fill('unhealthy')), all);
  assert.deepEqual([wide.upstreams.length, wide.unhealthy], [10, 100]);
  const narrow = Array<string>(600).fill('healthy');
  const both = [...many(10, narrow), ...many(10, [...narrow, 'unhealthy'], 'b')];
  assert.deepEqual(
    new Set(digestHealth(both, all).upstreams.map(({ tenantId }) => tenantId)),
    new Set(['b']),
  );
});

test('what is not wanted is neither told nor counted, and takes no room', () => {
  const states = [...many(2000, ['unhealthy'], 'other'), stateOf('own', 'u', ['healthy'])];
  const { upstreams, ...counts } = digestHealth(states, ({ tenantId }) => tenantId === 'own');
  assert.deepEqual(keysOf(upstreams), ['own/u']);
  assert.deepEqual(counts, { total: 1, unhealthy: 0 });
});
