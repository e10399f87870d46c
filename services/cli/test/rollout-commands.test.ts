import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { run, startContractServer, type Answer } from './cli-harness.ts';

const ROLLOUT = {
  ...{ tenantId: 'acme', state: 'running', ring: 'west', promote: 'auto', revision: 14 },
  rings: [
    { name: 'canary', soakMs: 600_000 },
    { name: 'west', soakMs: 90_000 },
  ],
  guard: { requestsMin: 50, errorRise: 0.05, clientErrorRise: 0.2, latencyFactor: 3 },
  ...{ finalRevision: null, reason: null, startedBy: 'admin', verdict: 'healthy' },
  startedAt: new Date(1_800_000_000_000 - 660_000).toISOString(),
  stepAt: new Date(1_800_000_000_000 - 42_000).toISOString(),
  candidate: { requests: 200, errors: 1, clientErrors: 4, p95Ms: 11.52 },
  baseline: { requests: 0, errors: 0, clientErrors: 0, p95Ms: null },
  edges: [
    { edgeId: 'edge-1', outcome: 'applied', at: 1 },
    { edgeId: 'edge-2', outcome: 'rejected', reason: 'no', at: 1 },
  ],
};

async function ask(
  context: TestContext,
  args: readonly string[],
  answer: Answer = { body: ROLLOUT },
) {
  const server = await startContractServer(context, () => answer);
  const done = await run(['rollout', ...args, '--url', server.url]);
  return { ...done, requests: server.requests };
}

test('start sends the tenant of the bundle, its rings with their times, and only the bounds that were given', async (t) => {
  const directory = await temporaryDirectory('rollout-commands');
  t.after(() => directory.remove());
  const file = join(directory.path, 'acme.yaml');
  await writeFile(
    file,
    'apiVersion: headgate/v1\ntenants: { acme: { planId: free }, beta: { planId: free } }\n',
  );
  const rings = ['--ring', 'canary', '--ring', 'west=90s', '--ring', 'east=2h'];
  const started = await ask(t, [
    ...['start', 'acme', '-f', file, ...rings, '--auto'],
    ...['--requests-min', '20', '--latency-factor', '2.5'],
  ]);
  assert.equal(started.code, 0, started.stderr);
  const [request] = started.requests;
  assert.deepEqual([request?.method, request?.path], ['POST', '/v1/tenants/acme/rollout']);
  const { candidate, ...plan } = request?.body as { candidate: { planId: string } };
  assert.equal(candidate.planId, 'free');
  assert.deepEqual(plan, {
    rings: [
      { name: 'canary' },
      { name: 'west', soakMs: 90_000 },
      { name: 'east', soakMs: 7_200_000 },
    ],
    promote: 'auto',
    guard: { requestsMin: 20, latencyFactor: 2.5 },
  });
  for (const [wrong, said] of [
    [['start', 'gamma', '-f', file, '--ring', 'canary'], /holds no tenant "gamma"/],
    [['start', 'acme', '-f', file, '--ring', 'canary=soon'], /such as 10m/],
    [['start', 'acme', '-f', file, '--ring', 'canary', '--error-rise', 'x'], /such as 0.05/],
    [['start', 'acme', '-f', file], /--ring/],
  ] as const) {
    const refused = await ask(t, wrong);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, said);
    assert.deepEqual(refused.requests, []);
  }
});

test('a refusal names a place in the file only for what stands there', async (t) => {
  const directory = await temporaryDirectory('rollout-commands');
  t.after(() => directory.remove());
  const file = join(directory.path, 'acme.yaml');
  await writeFile(file, 'apiVersion: headgate/v1\ntenants:\n  acme:\n    planId: free\n');
  const refused = async (args: readonly string[], path: string) => {
    const body = { title: 'Refused', status: 409, errors: [{ path, rule: 'the rule' }] };
    return (await ask(t, args, { status: 409, body })).stderr;
  };
  const start = ['start', 'acme', '-f', file, '--ring', 'canary'];
  for (const [path, place] of [
    ['rings', 'rings'],
    ['candidate', `${file}:3:3  candidate`],
    ['candidate.planId', `${file}:4:5  candidate.planId`],
    ['tenants.acme.planId', `${file}:4:5  tenants.acme.planId`],
  ] as const) {
    const lines = `error: Refused: 1 fault\n  ${place}\n      the rule\n`;
    assert.equal(await refused(start, path), lines);
  }
  assert.equal(await refused(['abort', 'acme'], ''), 'error: Refused: 1 fault\n  the rule\n');
});

test('status shows where it is, who serves it and how requests went; --check tells by its exit code', async (t) => {
  const { stdout } = await ask(t, ['status', 'acme', '--check']);
  assert.equal(
    stdout,
    `Rollout of acme: ring west (2 of 2) for 42 s, goes on by itself after 90 s
started by admin at ${ROLLOUT.startedAt}, revision 14
served by edge-1, edge-2 (refuses it); the guard finds nothing

REQUESTS            ANSWERED  5XX    4XX    P95
with the candidate  200       0.5 %  2.0 %  11.5 ms
without it          0         -      -      -
`,
  );
  const body = { ...ROLLOUT, state: 'rolled_back', reason: 'replies\u001b[2J', edges: [] };
  const ended = await ask(t, ['status', 'acme', '--check'], { body });
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /^Rollout of acme: rolled back in ring west: replies\ufffd\[2J\n/);
  assert.equal((await ask(t, ['status', 'acme'], { body })).code, 0);
  const json = await ask(t, ['status', 'acme', '-o', 'json'], { body });
  assert.deepEqual(JSON.parse(json.stdout), body);
});

test('each step is one request', async (t) => {
  for (const [args, name, body] of [
    [['promote', 'acme'], 'promote', {}],
    [['promote', 'acme', '--from', 'canary'], 'promote', { from: 'canary' }],
    [['pause', 'acme'], 'pause', undefined],
    [['resume', 'acme'], 'resume', undefined],
    [['abort', 'acme', '--reason', 'not ready'], 'abort', { reason: 'not ready' }],
  ] as const) {
    const { code, requests } = await ask(t, args);
    assert.equal(code, 0);
    assert.deepEqual(
      requests.map((request) => [request.method, request.path, request.body]),
      [['POST', `/v1/tenants/acme/rollout/${name}`, body]],
    );
  }
});
