import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { RolloutReply } from '../src/rollout-reply.ts';
import { RolloutCluster } from './rollout-cluster.ts';

const EDGES = 4;
/** A rollout that fails is back on every edge within this time, after its start. */
const BACK_MS_MAX = 30_000;
const DEADLINE = { deadlineMs: 20_000 };

let cluster: RolloutCluster;
/** Ports of endpoints that answer 200 with `one`, 200 with `two`, and 500. */
const ports = { one: 0, two: 0, bad: 0 };
type Endpoint = keyof typeof ports;

before(async () => {
  cluster = await RolloutCluster.open();
  ports.one = (await cluster.backend(200, 'one')).port;
  ports.two = (await cluster.backend(200, 'two')).port;
  ports.bad = (await cluster.backend(500, 'bad')).port;
  const file = await bundle({ acme: 'one', beta: 'one' });
  const { code, stderr } = await cluster.headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(code, 0, stderr);
});
after(() => cluster.close());

/** Writes a bundle with a tenant for each id, served by an endpoint. */
async function bundle(tenants: Readonly<Record<string, Endpoint>>): Promise<string> {
  const file = join(cluster.folder, `${Object.values(tenants).join('-')}.json`);
  const tenantOf = ([id, endpoint]: [string, Endpoint]): [string, object] => [
    id,
    {
      ...{ planId: 'free', identity: { pathPrefixes: [`/${id}`] } },
      upstreams: { web: { endpoints: [{ host: '127.0.0.1', port: ports[endpoint] }] } },
      routes: { all: { upstreamId: 'web' } },
    },
  ];
  const members = Object.fromEntries(Object.entries(tenants).map(tenantOf));
  await writeFile(
    file,
    JSON.stringify({ apiVersion: 'headgate/v1', plans: { free: {} }, tenants: members }),
  );
  return file;
}

async function start(endpoint: Endpoint, ...args: string[]): Promise<void> {
  const file = await bundle({ acme: endpoint });
  const run = await cluster.headgate('rollout', 'start', 'acme', '-f', file, ...args);
  assert.equal(run.code, 0, run.stderr);
}

async function rollout(): Promise<RolloutReply> {
  const { stdout, stderr } = await cluster.headgate('rollout', 'status', 'acme', '-o', 'json');
  assert.notEqual(stdout, '', stderr);
  return RolloutReply.parse(JSON.parse(stdout));
}

async function reaches(state: RolloutReply['state']): Promise<void> {
  await waitFor(async () => (await rollout()).state === state, { message: state, ...DEADLINE });
}

async function serve(canary: Endpoint, others: Endpoint): Promise<void> {
  const wanted = [canary, others, others, others].map((text) => `200 ${text}`);
  await waitFor(async () => (await cluster.askAll('acme')).join() === wanted.join(), {
    message: `edges to serve ${wanted.join()}`,
    ...DEADLINE,
  });
}

test('a revision with 5xx is halted at the first ring and rolled back, seen by one edge of four', async (t) => {
  const finish = cluster.load(['acme', 'beta']);
  const startedMs = performance.now();
  await start('bad', '--ring', 'canary=1h', '--ring', 'default=1h', '--requests-min', '20');
  await reaches('rolled_back');
  await serve('one', 'one');
  const backMs = performance.now() - startedMs;
  const answers = await finish();
  assert.ok(backMs < BACK_MS_MAX, `${backMs} ms`);
  const failed = answers.map((byTenant) => byTenant.get('acme')?.get('500 bad') ?? 0);
  assert.ok((failed[0] ?? 0) >= 20, 'the canary was asked');
  assert.deepEqual(failed.slice(1), [0, 0, 0], 'no other edge served it');
  for (const byTenant of answers)
    assert.deepEqual([...(byTenant.get('beta')?.keys() ?? [])], ['200 one']);
  const { reason } = await rollout();
  assert.match(reason ?? '', /^replies with 5xx: 100\.0 % of \d+ requests with the candidate/);
  const check = await cluster.headgate('rollout', 'status', 'acme', '--check');
  assert.equal(check.code, 1);
  t.diagnostic(
    `back after ${Math.round(backMs)} ms, ${failed[0] ?? 0} failed requests, all on one edge of ${EDGES}`,
  );
});

test('paused, and then aborted; nothing else may change the tenant meanwhile', async () => {
  await start('two', '--ring', 'canary');
  await serve('two', 'one');
  const paused = await cluster.headgate('rollout', 'pause', 'acme');
  assert.match(paused.stdout, /ring canary \(1 of 1\) for \d+ s, paused/);
  const file = await bundle({ acme: 'bad' });
  const apply = await cluster.headgate('apply', '-f', file, '--yes');
  assert.equal(apply.code, 3);
  assert.match(apply.stderr, /a rollout of the tenant is open/);
  const aborted = await cluster.headgate('rollout', 'abort', 'acme', '--reason', 'not today');
  assert.match(aborted.stdout, /aborted in ring canary: not today/);
  await serve('one', 'one');
  assert.equal((await cluster.headgate('rollout', 'promote', 'acme')).code, 3);
});

test('a canary edge that is killed serves the candidate again; promoted, all edges do', async () => {
  await start('two', '--ring', 'canary');
  await serve('two', 'one');
  await cluster.kill('edge-0');
  await cluster.startEdge(0);
  // From its disk, which has what was in force 100 ms before the kill, and else when it has compared with the bus.
  await serve('two', 'one');
  const promoted = await cluster.headgate('rollout', 'promote', 'acme', '--from', 'canary');
  assert.equal(promoted.code, 0, promoted.stderr);
  await serve('two', 'two');
  await reaches('completed');
  await serve('two', 'two');
});

test('goes on by itself after its soak, and past a config-service that was killed', async () => {
  const finish = cluster.load(['acme']);
  await start('one', '--ring', 'canary=1s', '--auto');
  await serve('one', 'two');
  await cluster.kill('config-service');
  await cluster.startConfigService();
  await reaches('completed');
  await serve('one', 'one');
  const seen = (await finish()).map((byTenant) => [...(byTenant.get('acme')?.keys() ?? [])].sort());
  for (const answers of seen)
    assert.deepEqual(answers, ['200 one', '200 two'], 'no request failed');
});
