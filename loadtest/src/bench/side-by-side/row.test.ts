import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BASELINES, failureFaults, summarise, type Round } from './row.ts';

/** All ratios that there are. */
const RATIOS = BASELINES.map(({ ratio }) => ratio);

const SMALL = { name: 'small', mainFigure: 'cpuUsPerRequest', baselines: RATIOS } as const;

function round(cpuUsPerRequest: number, fields: Partial<Round> = {}): Round {
  return { requests: 1000, failedRequests: 0, cpuUsPerRequest, rps: 500, ...fields };
}

const description = 'does things';

test('each figure is there as median, least and most over the rounds; others are absent', () => {
  const rounds = [round(12), round(20, { requests: 500 }), round(9, { rps: 600 })];
  const [row] = summarise(SMALL, [{ name: 'nginx', description, rounds }]);
  assert.equal(row?.profile, 'small');
  assert.equal(row.cpuUsPerRequest, 12);
  assert.equal(row.cpuUsPerRequestMin, 9);
  assert.equal(row.cpuUsPerRequestMax, 20);
  assert.equal(row.rps, 500);
  assert.equal(row.rpsMax, 600);
  assert.equal(row.requests, 2500);
  assert.ok(!('p99Ms' in row) && !('p99MsMin' in row));
});

test('ratios are of the main figure to each baseline of the part, and null without it', () => {
  const one = (name: string, cpu: number) => ({ name, description, rounds: [round(cpu)] });
  const rows = summarise(SMALL, [one('haproxy', 5), one('headgate', 20), one('nginx', 10)]);
  assert.deepEqual(
    rows.map((row) => [row.ratioToHeadgate, row.ratioToHaproxy, row.ratioToTenTenants]),
    [
      [0.25, 1, null],
      [1, 4, null],
      [0.5, 2, null],
    ],
  );
  const tenants = [one('headgate-10-tenants', 10), one('headgate-100000-tenants', 11)];
  assert.deepEqual(
    summarise(SMALL, tenants).map((row) => row.ratioToTenTenants),
    [1, 1.1],
  );
});

test('a part has the ratios that it names, no others', () => {
  const one = (name: string, cpu: number) => ({ name, description, rounds: [round(cpu)] });
  const part = { ...SMALL, baselines: ['ratioToFastify'] } as const;
  const [row] = summarise(part, [one('headgate', 10), one('haproxy', 5), one('fastify', 40)]);
  assert.equal(row?.ratioToFastify, 0.25);
  assert.deepEqual([row.ratioToHeadgate, row.ratioToHaproxy], [null, null]);
});

test('a baseline that noise has brought to nothing gives no ratio', () => {
  const added = (name: string, addedP99Ms: number) => ({
    name,
    description,
    rounds: [{ requests: 1, failedRequests: 0, addedP99Ms }],
  });
  const rows = summarise({ name: 'rate-5000', mainFigure: 'addedP99Ms', baselines: RATIOS }, [
    added('haproxy', -0.01),
    added('headgate', 0.1),
  ]);
  assert.deepEqual(
    rows.map((row) => row.ratioToHaproxy),
    [null, null],
  );
});

test('failed requests of all rounds are added up and make a fault that names the candidate', () => {
  const rows = summarise(SMALL, [
    {
      name: 'nginx',
      description,
      rounds: [round(1, { failedRequests: 2 }), round(1), round(1, { failedRequests: 1 })],
    },
    { name: 'caddy', description, rounds: [round(1)] },
  ]);
  assert.deepEqual(
    rows.map((row) => row.failedRequests),
    [3, 0],
  );
  assert.deepEqual(failureFaults(rows), ['nginx: 3 of 3000 requests failed (small)']);
});

test('a candidate without a measured round is a bug of the caller', () => {
  assert.throws(() => summarise(SMALL, [{ name: 'nginx', description, rounds: [] }]), RangeError);
});
