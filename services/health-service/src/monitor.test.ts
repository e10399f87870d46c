import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rendezvousOwner } from '@headgate/bus';
import { createProbeState, type ProbeState } from '@headgate/health';
import { HealthCheck, TenantId, UpstreamId } from '@headgate/model';
import { Monitor } from './monitor.ts';
import type { UpstreamTarget } from './targets.ts';

const check = HealthCheck.parse({ healthyThreshold: 1, unhealthyThreshold: 1 });

function upstream(tenant: string, id: string, ports: readonly number[]): UpstreamTarget {
  return {
    key: `${tenant}/${id}`,
    tenantId: TenantId.parse(tenant),
    upstreamId: UpstreamId.parse(id),
    probes: ports.map((port) => {
      const endpointId = `10.0.0.1:${port}`;
      return { key: endpointId, endpointId, host: '10.0.0.1', port, check };
    }),
  };
}

/** A monitor whose probes are states that the test feeds. */
function setUp(self = 'a') {
  const states = new Map<string, { state: ProbeState; users: number }>();
  const calls: string[] = [];
  const monitor = new Monitor(
    {
      registry: {
        acquire({ key }) {
          const probe = states.get(key) ?? { state: createProbeState(check), users: 0 };
          states.set(key, probe);
          probe.users += 1;
          return {
            state: probe.state,
            release() {
              probe.users -= 1;
              if (probe.users === 0) states.delete(key);
            },
          };
        },
      },
      publisher: {
        add: ({ key }) => calls.push(`add ${key}`),
        markChanged: (key) => calls.push(`changed ${key}`),
        release: (key) => calls.push(`release ${key}`),
        remove: (key) => calls.push(`remove ${key}`),
      },
    },
    self,
  );
  return { monitor, states, calls };
}

test('monitor: alone it owns every upstream', () => {
  const { monitor, states, calls } = setUp();
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1, 2]), upstream('t1', 'api', [2])]);
  assert.equal(monitor.ownedCount, 2);
  assert.deepEqual(
    [...states].map(([key, { users }]) => [key, users]),
    [
      ['10.0.0.1:1', 1],
      ['10.0.0.1:2', 2],
    ],
  );
  assert.deepEqual(calls, ['add t1/web', 'changed t1/web', 'add t1/api', 'changed t1/api']);
});

test('monitor: reads verdicts; endpoints without one are left out and make it incomplete', () => {
  const { monitor, states } = setUp();
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1, 2])]);
  assert.deepEqual(monitor.read('t1/web'), { endpoints: [], complete: false });
  states.get('10.0.0.1:1')?.state.record(true, 'status 200', 5);
  assert.equal(monitor.read('t1/web')?.complete, false);
  states.get('10.0.0.1:2')?.state.record(false, 'connect ECONNREFUSED', 7.5);
  assert.deepEqual(monitor.read('t1/web'), {
    complete: true,
    endpoints: [
      { id: '10.0.0.1:1', state: 'healthy', since: 5, reason: 'status 200' },
      { id: '10.0.0.1:2', state: 'unhealthy', since: 7, reason: 'connect ECONNREFUSED' },
    ],
  });
  assert.equal(monitor.read('t1/other'), null);
});

test('monitor: a changed upstream keeps the state of endpoints that stay', () => {
  const { monitor, states } = setUp();
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1, 2])]);
  const kept = states.get('10.0.0.1:2');
  monitor.setUpstreams('t1', [upstream('t1', 'web', [2, 3])]);
  assert.equal(states.get('10.0.0.1:2'), kept);
  assert.deepEqual([...states.keys()], ['10.0.0.1:2', '10.0.0.1:3']);
});

test('monitor: an upstream or tenant that is gone is unpublished and its probes end', () => {
  const { monitor, states, calls } = setUp();
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1]), upstream('t1', 'api', [2])]);
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1])]);
  assert.equal(calls.at(-1), 'remove t1/api');
  monitor.setUpstreams('t1', []);
  assert.equal(calls.at(-1), 'remove t1/web');
  assert.equal(states.size, 0);
  assert.equal(monitor.ownedCount, 0);
});

test('monitor: each upstream is owned by exactly one of the live replicas', () => {
  const replicas = ['a', 'b', 'c'];
  const monitors = replicas.map((id) => setUp(id));
  const upstreams = Array.from({ length: 300 }, (_, index) => upstream('t1', `u${index}`, [index]));
  for (const { monitor } of monitors) {
    monitor.setReplicas(replicas);
    monitor.setUpstreams('t1', upstreams);
  }
  assert.equal(
    monitors.reduce((sum, { monitor }) => sum + monitor.ownedCount, 0),
    300,
  );
  for (const { monitor } of monitors) assert.ok(monitor.ownedCount > 50);
});

test('monitor: what a replica loses is released, not unpublished; what it gains it adds', () => {
  const { monitor, calls } = setUp('a');
  const upstreams = Array.from({ length: 20 }, (_, index) => upstream('t1', `u${index}`, [index]));
  monitor.setUpstreams('t1', upstreams);
  const lost = upstreams.filter(({ key }) => rendezvousOwner(['a', 'b'], key) === 'b');
  calls.length = 0;
  monitor.setReplicas(['a', 'b']);
  assert.deepEqual(
    calls,
    lost.map(({ key }) => `release ${key}`),
  );
  calls.length = 0;
  monitor.setReplicas(['a']);
  assert.deepEqual(
    calls,
    lost.flatMap(({ key }) => [`add ${key}`, `changed ${key}`]),
  );
});

test('monitor: a list of replicas without itself still counts itself', () => {
  const { monitor } = setUp('a');
  monitor.setUpstreams('t1', [upstream('t1', 'web', [1])]);
  monitor.setReplicas([]);
  assert.equal(monitor.ownedCount, 1);
});
