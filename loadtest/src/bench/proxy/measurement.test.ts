import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureFaults, summarise, type Measurement } from './measurement.ts';

function round(fields: Partial<Measurement> = {}): Measurement {
  const base = { requests: 1000, rps: 500, p50Ms: 1, p99Ms: 2, failedRequests: 0, cpuUs: 10_000 };
  return { ...base, ...fields };
}

const profile = 'does things';

test('CPU per request is the median over rounds of CPU by requests, with its extremes', () => {
  const rounds = [
    round({ cpuUs: 12_000 }),
    round({ cpuUs: 10_000, requests: 500 }),
    round({ cpuUs: 9000 }),
  ];
  const [row] = summarise([{ name: 'nginx', profile, rounds }]);
  assert.equal(row?.cpuUsPerRequest, 12);
  assert.equal(row.cpuUsPerRequestMin, 9);
  assert.equal(row.cpuUsPerRequestMax, 20);
  assert.equal(row.requests, 2500);
});

test('ratios are to headgate, wherever it stands, and null without it', () => {
  const nginx = { name: 'nginx', profile, rounds: [round({ cpuUs: 5000 })] };
  const headgate = { name: 'headgate', profile, rounds: [round({ cpuUs: 20_000 })] };
  const ratios = (rows: ReturnType<typeof summarise>) => rows.map((row) => row.ratioToHeadgate);
  assert.deepEqual(ratios(summarise([nginx, headgate])), [0.25, 1]);
  assert.deepEqual(ratios(summarise([nginx])), [null]);
});

test('failed requests of all rounds are added up and make a fault that names the candidate', () => {
  const rows = summarise([
    {
      name: 'nginx',
      profile,
      rounds: [round({ failedRequests: 2 }), round(), round({ failedRequests: 1 })],
    },
    { name: 'caddy', profile, rounds: [round()] },
  ]);
  assert.deepEqual(
    rows.map((row) => row.failedRequests),
    [3, 0],
  );
  assert.deepEqual(failureFaults(rows), ['nginx: 3 of 3000 requests failed']);
});

test('a round without an answer has no CPU per request', () => {
  const rounds = [round(), round({ requests: 0 })];
  assert.throws(() => summarise([{ name: 'nginx', profile, rounds }]), /nginx: a round without/);
});
