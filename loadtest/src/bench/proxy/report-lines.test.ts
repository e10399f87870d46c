import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarise } from './measurement.ts';
import { reportLines } from './report-lines.ts';

const machine = { cpu: 'CPU', cores: 2, kernel: 'Linux 6', node: 'v26', loadAverage: 0.1 };

test('the report tells figures, failed requests, what was left out, and faults', () => {
  const rows = summarise([
    {
      name: 'headgate',
      profile: 'standard',
      rounds: [
        { requests: 1000, rps: 41_234.5, p50Ms: 1.234, p99Ms: 5, failedRequests: 7, cpuUs: 12_345 },
      ],
    },
  ]);
  const leftOut = [{ name: 'caddy', reason: 'caddy is not installed' }];
  const text = reportLines({ machine, quick: true, leftOut, faults: ['bad'] }, rows).join('\n');
  assert.match(text, /^headgate +12\.3 +12\.3–12\.3 +1\.00 +41,235 +1\.23 +5\.00 +7$/m);
  assert.match(text, /^headgate: standard$/m);
  assert.match(text, /^left out: caddy \(caddy is not installed\)$/m);
  assert.match(text, /quick run/);
  assert.match(text, /^FAULT bad$/m);
});

test('a full run without faults says neither', () => {
  const text = reportLines({ machine, quick: false, leftOut: [], faults: [] }, []).join('\n');
  assert.doesNotMatch(text, /quick|FAULT|left out/);
});
