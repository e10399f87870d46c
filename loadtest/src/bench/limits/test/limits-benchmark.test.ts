import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchmarkError } from '../../benchmark.ts';
import { findProgram } from '../../find-program.ts';
import { luaMissing } from '../../side-by-side/nginx-lua.ts';
import { limitsBenchmark } from '../limits-benchmark.ts';
import { THROTTLED_PER_SECOND } from '../settings.ts';

// The benchmark itself, as short as it gets. What it measures on a machine that runs tests is of no use: the figures are
// only looked at for being there, and for the limits being enforced.

test('peers are measured with their Redis, and enforce the limits that they are measured for', async () => {
  const programs = await Promise.all(['wrk', 'nginx', 'redis-server'].map(findProgram));
  const running = limitsBenchmark.run({
    quick: true,
    profiles: ['denied'],
    candidates: ['nginx-lua', 'fastify'],
    say: () => undefined,
    signal: new AbortController().signal,
  });
  if (programs.slice(0, 2).includes(null)) {
    await assert.rejects(running, BenchmarkError);
    return;
  }
  const { report } = await running;
  const expected = [
    ...((await luaMissing()) === null ? ['nginx-lua'] : []),
    ...(programs.includes(null) ? [] : ['fastify']),
  ];
  assert.deepEqual(
    report.rows.map(({ name }) => name),
    expected.flatMap((name) => [`${name}-admitted`, `${name}-denied`]),
  );
  for (const row of report.rows) checkRow(row.name, new Map(Object.entries(row)));
  assert.deepEqual(report.faults, []);
});

function checkRow(name: string, row: ReadonlyMap<string, unknown>): void {
  const figure = (key: string): number => {
    const value = row.get(key);
    assert.ok(typeof value === 'number' && Number.isFinite(value), `${name}: ${key}`);
    return value;
  };
  assert.ok(figure('cpuUsPerRequest') >= figure('redisCpuUsPerRequest'), name);
  assert.equal(figure('failedRequests'), 0, name);
  // Three windows: at least one command each, also of what is denied afterwards.
  assert.ok(figure('redisCommandsPerRequest') >= 2.9, name);
  if (name.endsWith('-denied')) {
    // The second that is measured lies in two fixed windows.
    const admitted = figure('requests') * (1 - figure('deniedPercent') / 100);
    assert.ok(admitted < 2.5 * THROTTLED_PER_SECOND, `${name} admitted ${admitted}`);
  }
}
