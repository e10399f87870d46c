import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { run, startContractServer } from './cli-harness.ts';

async function createFolder(context: TestContext, files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  context.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const PLANS =
  'apiVersion: headgate/v1\nplans:\n  gold:\n    limits: [{ name: s, limit: 5, windowMs: 1000 }]\n';
const ACME = `tenants:
  acme:
    planId: gold
    identity: { hosts: [a.example] }
    upstreams: { web: { endpoints: [{ host: 10.0.0.1, port: 80 }] } }
    routes:
      web: { upstreamId: web }
`;

test('validate needs no server: a folder without faults, hidden files left out', async (t) => {
  const files = { 'plans.yaml': PLANS, 'acme.yaml': ACME, '.pre-commit-config.yaml': 'repos: []' };
  const folder = await createFolder(t, files);
  assert.deepEqual(await run(['validate', '-f', folder, '--url', 'http://127.0.0.1:1']), {
    code: 0,
    stdout: `${folder} (2 files) is valid: plans 1, tenants 1\n`,
    stderr: '',
  });
});

test('validate finds what resources say of one another, each with file and line', async (t) => {
  const globex = `apiVersion: headgate/v1
tenants:
  globex:
    planId: silver
    identity: { hosts: [a.example] }
    routes:
      api:
        upstreamId: nope
        match: { hosts: [b.example] }
`;
  const folder = await createFolder(t, { 'acme.yaml': ACME, 'globex.yaml': globex });
  const file = join(folder, 'globex.yaml');
  const { code, stdout, stderr } = await run(['validate', '-f', folder]);
  assert.deepEqual([code, stdout], [1, '']);
  assert.equal(
    stderr,
    `error: ${folder} (2 files) is not a valid bundle: 3 faults
  ${file}:5:25  tenants.globex.identity.hosts[0] = "a.example"
      tenant "acme" has this host too; a host belongs to one tenant
  ${file}:8:9  tenants.globex.routes.api.upstreamId = "nope"
      the tenant has no upstream "nope"; create it first
  ${file}:9:26  tenants.globex.routes.api.match.hosts[0] = "b.example"
      must lie within identity.hosts of the tenant
`,
  );
});

test('validate -o json prints every fault with its place, and fails', async () => {
  const stdin = 'apiVersion: headgate/v1\nplans:\n  gold: { colour: red }\n';
  const { code, stdout } = await run(['validate', '-f', '-', '-o', 'json'], { stdin });
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), {
    valid: false,
    faults: [
      {
        ...{ file: 'standard input', line: 3, column: 11, path: 'plans.gold.colour' },
        rule: 'unknown key; remove it or check its spelling',
      },
    ],
  });
});

test('import --from kong --print asks no server, and what it prints is a valid bundle', async () => {
  const stdin = `_format_version: "3.0"
services:
- { name: web, url: http://10.0.0.1:80, routes: [{ hosts: [a.example] }] }
`;
  const args = ['import', '--from', 'kong', '-f', '-', '--tenant', 'acme', '--plan', 'gold'];
  const printed = await run([...args, '--print', '--url', 'http://127.0.0.1:1'], { stdin });
  assert.deepEqual([printed.code, printed.stderr], [0, '']);
  const checked = await run(['validate', '-f', '-'], { stdin: printed.stdout });
  assert.equal(checked.stdout, 'standard input is valid: plans 0, tenants 1\n');
  const lossy = stdin.replace('routes:', 'plugins: [{ name: cors }], routes:');
  const refused = await run([...args, '--print'], { stdin: lossy });
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(refused.stderr, /standard input:3:51 {2}services\[0\]\.plugins\[0\] = "cors"\n/);
});

test('validate names plans that only the server can know', async () => {
  const stdin = `apiVersion: headgate/v1\n${ACME}`;
  const { code, stderr } = await run(['validate', '-f', '-'], { stdin });
  assert.deepEqual([code, stderr], [0, 'Plans that must be on the server: gold\n']);
});

test('plan tells what a change means, writes nothing, and fails with 5 only if asked to', async (t) => {
  const diff = [{ path: 'limits[0].limit', before: 9, after: 5 }];
  const status = [{ path: 'status', before: 'active', after: 'suspended' }];
  const changes = [
    { action: 'update', kind: 'plan', id: 'gold', fields: ['limits'], diff },
    { action: 'update', kind: 'tenant', id: 'acme', fields: ['status'], diff: status },
  ];
  const body = { dryRun: true, revision: 7, changes };
  const server = await startContractServer(t, () => ({ body }));
  const folder = await createFolder(t, { 'plans.yaml': PLANS });
  const args = ['plan', '-f', folder, '--url', server.url];
  assert.deepEqual(await run(args), {
    code: 0,
    stderr: '',
    stdout: `~ plan gold
    ~ limits[0].limit: 9 → 5
~ tenant acme
    ~ status: "active" → "suspended"

Tenants touched: 1 (acme)
Plans changed, for every tenant on them: 1 (gold)
Routes: 0 new, 0 changed, 0 gone
Limit tightened: plan gold s 9/1000ms → 5/1000ms
Suspended (403 from then on): 1 (acme)
WebSockets cut, all of tenants: 1 (acme)

Plan: 0 to create, 2 to update, 0 to delete, 0 unchanged.
`,
  });
  const detailed = await run([...args, '--detailed-exitcode', '-o', 'json']);
  assert.equal(detailed.code, 5);
  const { impact } = JSON.parse(detailed.stdout) as { impact: { limits: unknown[] } };
  assert.equal(impact.limits.length, 1);
  assert.deepEqual(
    [...new Set(server.requests.map(({ path }) => path))],
    ['/v1/apply?dryRun=true'],
  );
});

test('plan with a credential that may not apply: what differs, and what was not checked', async (t) => {
  const changes = [{ action: 'create', kind: 'plan', id: 'gold', fields: [] }];
  const server = await startContractServer(t, ({ path }) =>
    path === '/v1/compare'
      ? { body: { dryRun: true, revision: 7, changes } }
      : { status: 403, body: { title: 'Forbidden', code: 'HG_API_FORBIDDEN' } },
  );
  const args = ['plan', '-f', '-', '--url', server.url];
  const { code, stdout, stderr } = await run(args, { stdin: PLANS });
  assert.deepEqual([code, stdout.split('\n')[0]], [0, '+ plan gold']);
  assert.match(stderr, /^This credential may not apply: /);
});

test('a bundle that a credential may not apply is refused by plan with its faults', async (t) => {
  const errors = [{ path: 'plans.gold', rule: 'leave it out' }];
  const body = { title: 'Forbidden', code: 'HG_API_FORBIDDEN', errors };
  const server = await startContractServer(t, () => ({ status: 403, body }));
  const { code, stderr } = await run(['plan', '-f', '-', '--url', server.url], { stdin: PLANS });
  assert.equal(code, 3);
  assert.match(stderr, /standard input:3:3 {2}plans\.gold\n {6}leave it out/);
});

test('plan of what is there already exits with 0, also with --detailed-exitcode', async (t) => {
  const changes = [{ action: 'unchanged', kind: 'plan', id: 'gold', fields: [] }];
  const body = { dryRun: true, revision: 7, changes };
  const server = await startContractServer(t, () => ({ body }));
  const args = ['plan', '-f', '-', '--detailed-exitcode', '--url', server.url];
  const { code, stdout } = await run(args, { stdin: PLANS });
  assert.deepEqual(
    [code, stdout],
    [0, 'Nothing to change: the cluster is as standard input says.\n'],
  );
});

test('schema: takes the demo bundle, and names the place of what it does not take', async () => {
  const { code, stdout } = await run(['schema']);
  assert.equal(code, 0);
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const isBundle = ajv.compile(JSON.parse(stdout) as object);
  const demo = new URL('../../../deploy/local/demo.yaml', import.meta.url);
  assert.ok(isBundle(parse(await readFile(demo, 'utf8'))), ajv.errorsText(isBundle.errors));
  const wrong = { apiVersion: 'headgate/v1', plans: { gold: { colour: 1 } }, tenants: { a: {} } };
  assert.equal(isBundle(wrong), false);
  const places = isBundle.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  assert.deepEqual(places?.sort(), ['/plans/gold additionalProperties', '/tenants/a required']);
});
