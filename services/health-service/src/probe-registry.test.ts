import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthCheck } from '@headgate/model';
import { createFakeClock } from '@headgate/testkit';
import { ProbeRegistry } from './probe-registry.ts';
import type { ProbeRun } from './schedule.ts';
import type { ProbeTarget } from './targets.ts';

const check = HealthCheck.parse({ healthyThreshold: 1, unhealthyThreshold: 2 });
const target: ProbeTarget = {
  key: 'k',
  endpointId: '10.0.0.1:80',
  host: '10.0.0.1',
  port: 80,
  check,
};

function setUp(refuse = false) {
  const scheduled: ((result: ProbeRun['result']) => void)[] = [];
  const events: string[] = [];
  let removed = 0;
  const registry = new ProbeRegistry({
    schedule: {
      add(_, onRun) {
        if (refuse) return null;
        scheduled.push((result) => onRun({ result, reason: result, durationMs: 1, lagMs: 0 }));
        return { remove: () => void (removed += 1) };
      },
    },
    clock: createFakeClock(),
    flipDistanceMs: 0,
    onRun: (_, run) => events.push(`run ${run.result}`),
    onVerdict: (_, state) => events.push(`verdict ${state.verdict}`),
    onRefused: ({ endpointId }) => events.push(`refused ${endpointId}`),
  });
  return { registry, scheduled, events, removed: () => removed };
}

test('probe registry: equal targets share one probe, and all its users hear of a verdict', () => {
  const { registry, scheduled, events } = setUp();
  const heard: string[] = [];
  const first = registry.acquire(target, () => heard.push('first'));
  const second = registry.acquire(target, () => heard.push('second'));
  assert.equal(scheduled.length, 1);
  scheduled[0]?.('success');
  scheduled[0]?.('success');
  assert.deepEqual(heard, ['first', 'second']);
  assert.equal(first.state.verdict, 'healthy');
  assert.equal(second.state, first.state);
  assert.deepEqual(events, ['run success', 'verdict healthy', 'run success']);
  assert.deepEqual(registry.countVerdicts(), { unknown: 0, healthy: 1, unhealthy: 0 });
});

test('probe registry: timeouts and failures both count towards the threshold', () => {
  const { registry, scheduled } = setUp();
  const hold = registry.acquire(target, () => undefined);
  scheduled[0]?.('timeout');
  scheduled[0]?.('failure');
  assert.equal(hold.state.verdict, 'unhealthy');
});

test('probe registry: the last release ends the probe, a new user starts from unknown', () => {
  const { registry, scheduled, removed } = setUp();
  const first = registry.acquire(target, () => assert.fail('released'));
  const second = registry.acquire(target, () => undefined);
  first.release();
  first.release();
  assert.equal(removed(), 0);
  scheduled[0]?.('success');
  second.release();
  assert.equal(removed(), 1);
  assert.equal(registry.acquire(target, () => undefined).state.verdict, 'unknown');
  assert.equal(scheduled.length, 2);
});

test('probe registry: a probe over the bound is reported and stays unknown', () => {
  const { registry, events } = setUp(true);
  const hold = registry.acquire(target, () => undefined);
  assert.equal(hold.state.verdict, 'unknown');
  assert.deepEqual(events, ['refused 10.0.0.1:80']);
  hold.release();
});
