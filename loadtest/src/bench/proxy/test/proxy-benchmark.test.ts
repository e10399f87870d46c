import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchmarkError } from '../../benchmark.ts';
import { findProgram } from '../../find-program.ts';
import { proxyBenchmark } from '../proxy-benchmark.ts';

// The benchmark itself, as short as it gets. What it measures on a machine that runs tests is of no use, so the figures
// are only looked at for being there.

test('a choice of nothing is refused at once', async () => {
  const running = proxyBenchmark.run({
    quick: true,
    profiles: ['tenants'],
    candidates: ['nginx'],
    say: () => undefined,
    signal: new AbortController().signal,
  });
  await assert.rejects(
    running,
    (error) => error instanceof BenchmarkError && /none of these/.test(error.message),
  );
});

test('chosen parts measure the chosen candidates', async () => {
  const programs = await Promise.all([findProgram('wrk'), findProgram('nginx')]);
  const said: string[] = [];
  const running = proxyBenchmark.run({
    quick: true,
    profiles: ['rate-5000', 'body-1m', 'tls'],
    candidates: ['nginx'],
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  if (programs.includes(null)) {
    await assert.rejects(running, BenchmarkError);
    return;
  }
  const { report, lines } = await running;
  assert.deepEqual(
    report.rows.map(({ name, profile }) => [profile, name]),
    [
      ['rate-5000', 'direct'],
      ['rate-5000', 'nginx'],
      ['body-1m', 'nginx'],
      ['tls', 'nginx'],
    ],
  );
  for (const row of report.rows) {
    assert.ok((row.rps ?? 0) > 0 && (row.p99Ms ?? 0) >= (row.p50Ms ?? 1), row.name);
  }
  assert.deepEqual(report.leftOut, []);
  assert.ok(lines.includes('body-1m'));
  assert.ok(said.includes('part rate-5000'));
});
