import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { Cluster } from './cluster.ts';
import type { ComponentSpec } from './components.ts';
import { restartDelayMs } from './restart-policy.ts';

function shell(name: string, script: string): ComponentSpec {
  return {
    ...{ name, command: 'sh', args: ['-c', script], env: {}, readyLine: /^ready$/ },
    ...{ address: 'nowhere', stopTimeoutMs: 1000 },
  };
}

const LIVES = 'echo ready; exec sleep 300';

function createCluster(
  context: TestContext,
  stages: readonly (readonly ComponentSpec[])[],
  readyTimeoutMs = 5000,
) {
  const seen: string[] = [];
  const cluster = new Cluster(stages, {
    clock: systemClock,
    random: { next: () => 0 },
    readyTimeoutMs,
    events: {
      starting: (spec) => seen.push(`starting ${spec.name}`),
      ready: (spec) => seen.push(`ready ${spec.name}`),
      died: (spec, exit, delayMs) =>
        seen.push(
          `died ${spec.name} ${exit.code ?? exit.signal} ${delayMs === null ? 'for good' : 'restart'}`,
        ),
      stopping: (spec) => seen.push(`stopping ${spec.name}`),
      line: () => undefined,
    },
  });
  context.after(() => cluster.stop());
  return { cluster, seen };
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('stages start in order and stop in reverse; nothing is left', async (t) => {
  const { cluster, seen } = createCluster(t, [[shell('a', LIVES)], [shell('b', LIVES)]]);
  await cluster.start();
  const pids = [cluster.pid('a'), cluster.pid('b')];
  assert.ok(pids.every(isAlive));
  await cluster.stop();
  assert.deepEqual(seen, [
    'starting a',
    'ready a',
    'starting b',
    'ready b',
    'stopping b',
    'stopping a',
  ]);
  assert.ok(!pids.some(isAlive));
});

test('a component that dies starts again', async (t) => {
  const { cluster, seen } = createCluster(t, [[shell('a', LIVES)]]);
  await cluster.start();
  const first = cluster.pid('a');
  assert.ok(first !== undefined);
  process.kill(first, 'SIGKILL');
  await waitFor(() => seen.filter((event) => event === 'ready a').length === 2, {
    message: 'the second run to be ready',
    describe: () => seen,
  });
  assert.ok(seen.includes('died a SIGKILL restart'));
  assert.notEqual(cluster.pid('a'), first);
});

test('the cluster gives up on a component that keeps dying', async (t) => {
  const { cluster, seen } = createCluster(t, [[shell('a', 'echo ready; sleep 0.01; exit 4')]]);
  await cluster.start();
  assert.equal((await cluster.gaveUp).name, 'a');
  assert.equal(seen.at(-1), 'died a 4 for good');
});

for (const [name, script, expected] of [
  [
    'ends',
    'echo "bad luck" >&2; exit 3',
    /^error: a ended with exit code 3\.\n {2}Its last lines:\n {2}bad luck/,
  ],
  [
    'stays silent',
    'echo hello; exec sleep 300',
    /^error: a did not get ready in time\.\n.*\n {2}hello/,
  ],
  ['is not installed', 'exec no-such-server', /^error: a is not installed/],
  ['has no disk', 'echo "write: No space left on device"; exit 1', /the disk is full/],
  ['has no port', 'echo "bind: Address already in use"; exit 1', /has just taken the port/],
] as const) {
  test(`a component that ${name} at the start is reported, and the rest stops`, async (t) => {
    const { cluster } = createCluster(t, [[shell('b', LIVES)], [shell('a', script)]], 500);
    await assert.rejects(cluster.start(), { message: expected, exitCode: 1 });
    const pids = [cluster.pid('a'), cluster.pid('b')];
    await cluster.stop();
    assert.ok(!pids.some(isAlive));
  });
}

test('a stop during the start ends what has started and starts nothing more', async (t) => {
  const { cluster, seen } = createCluster(t, [[shell('a', 'exec sleep 300')], [shell('b', LIVES)]]);
  const started = cluster.start();
  await waitFor(() => cluster.pid('a'), { message: 'a to exist' });
  await cluster.stop();
  await started;
  assert.deepEqual(seen, ['starting a', 'stopping a']);
});

test('kill ends what ignores SIGTERM at once', async (t) => {
  const stubborn = `trap '' TERM; echo ready; while :; do sleep 0.05; done`;
  const spec = { ...shell('a', stubborn), stopTimeoutMs: 60_000 };
  const { cluster } = createCluster(t, [[spec]]);
  await cluster.start();
  const pid = cluster.pid('a');
  const stopped = cluster.stop();
  cluster.kill();
  await stopped;
  assert.ok(!isAlive(pid));
});

test('restarts wait longer each time, up to a bound, and end after five within a minute', () => {
  const highest = { next: () => 1 };
  const deaths = [0, 100, 200, 300, 400, 500];
  const delays = deaths.map((nowMs, index) =>
    restartDelayMs(deaths.slice(0, index + 1), nowMs, highest),
  );
  assert.deepEqual(delays, [600, 1100, 2100, 4100, 8100, null]);
  assert.equal(
    restartDelayMs([...deaths, 61_000], 61_000, highest),
    600,
    'old deaths do not count',
  );
});
