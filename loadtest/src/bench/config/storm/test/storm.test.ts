import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProgram } from '../../../find-program.ts';
import { nginxReload, haproxyReload } from '../reload-targets.ts';
import { haproxyMaps } from '../reload-files.ts';
import { runStorm } from '../run-storm.ts';
import type { StormEntrant } from '../storm-target.ts';

const { signal } = new AbortController();

async function storm(entrants: readonly StormEntrant[]) {
  return runStorm({
    entrants,
    schedule: { warmUpSeconds: 0.1, seconds: 0.9, gapMs: 300 },
    tenants: 3,
    trafficPerSecond: 100,
    nginx: (await findProgram('nginx')) ?? 'nginx',
    say: () => undefined,
    signal,
  });
}

test('reloads of HAProxy and nginx bring each change into effect, and have a row like those of edges', async () => {
  const { rows, leftOut } = await storm([haproxyReload, nginxReload]);
  assert.deepEqual(leftOut, []);
  assert.deepEqual(
    rows.map(({ name, profile, routes, changes }) => [name, profile, routes, changes]),
    [
      ['haproxy-reload', 'storm', 6, 3],
      ['nginx-reload', 'storm', 6, 3],
    ],
  );
  for (const { p50Ms, p99Ms, maxMs, requests } of rows) {
    assert.ok(p50Ms > 0 && p50Ms <= p99Ms && p99Ms <= maxMs);
    assert.ok(requests > 0);
  }
});

test('a proxy that is not installed is left out with the reason', async () => {
  const absent: StormEntrant = {
    name: 'absent',
    missing: () => Promise.resolve('absent is not installed'),
    start: () => Promise.reject(new Error('it cannot be started')),
  };
  const { rows, leftOut } = await storm([absent]);
  assert.deepEqual(rows, []);
  assert.deepEqual(leftOut, [{ name: 'absent', reason: 'absent is not installed' }]);
});

test('a change moves the one route, and leaves the others', () => {
  const { exact, prefixes } = haproxyMaps([0, 7]);
  assert.equal(exact, 'tenant-0.bench.example/changes/0 1\ntenant-1.bench.example/changes/7 1\n');
  assert.equal(prefixes.split('\n').length, 3);
});
