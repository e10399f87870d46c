import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLUSTER_TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, startContractServer, type CliOptions } from './cli-harness.ts';

let cluster: CliCluster;
let file = '';

before(async () => {
  cluster = await startCliCluster({ edge: false });
  const demo = join(import.meta.dirname, '..', '..', '..', 'deploy', 'local', 'demo.yaml');
  assert.equal((await headgate(['apply', '-f', demo, '--yes'])).code, 0);
  const { stdout: exported } = await headgate(['export', '--all']);
  file = join(cluster.folder, 'exported.yaml');
  await writeFile(file, exported);
});
after(() => cluster.stop());

function headgate(args: readonly string[], options: CliOptions = {}) {
  const env = { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN };
  return run([...args, '--url', cluster.url], { ...options, env });
}

const importFile = (...args: string[]) => headgate(['import', '-f', file, ...args]);

async function ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const reply = await fetch(`${cluster.url}/v1/tenants/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${CLUSTER_TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(reply.ok || reply.status === 404, `${method} ${path}: ${reply.status}`);
  const text = await reply.text();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

const OWN = { endpoints: [{ host: '10.9.9.9', port: 80 }] };

test('a folder that export writes is a bundle, one file for each tenant', async () => {
  const folder = join(cluster.folder, 'exported');
  const written = await headgate(['export', '--all', '--dir', folder]);
  assert.deepEqual([written.code, written.stdout], [0, `4 files are in ${folder} now.\n`]);
  const names = ['plans.yaml', 'tenant.acme.yaml', 'tenant.globex.yaml', 'tenant.initech.yaml'];
  assert.deepEqual((await readdir(folder)).sort(), names);
  for (const name of names) {
    const { mode } = await stat(join(folder, name));
    assert.equal(mode & 0o777, 0o600, `${name} holds hashes of keys`);
  }
  assert.match((await headgate(['drift', '-f', folder])).stdout, /^No drift: /);
  const again = await headgate(['export', '--all', '--dir', folder]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^error: .*exported is not empty\n {2}Nothing was written\./);
});

test('a server does not choose where files are written', async (t) => {
  const tenants = { acme: {}, 'x/../../outside': {} };
  const server = await startContractServer(t, () => ({ body: { tenants, items: [] } }));
  const folder = join(cluster.folder, 'inside');
  const { code, stderr } = await run(['export', '--all', '--dir', folder, '--url', server.url]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: the server names a tenant "x\/\.\.\/\.\.\/outside", which is no id/,
  );
  assert.deepEqual(await readdir(folder), []);
});

test('an import of what is there does nothing, and asks nobody', async () => {
  for (const args of [['--yes'], []]) {
    const { code, stdout } = await importFile(...args);
    assert.deepEqual([code, stdout], [0, `Nothing to import: all that ${file} holds is there.\n`]);
  }
});

test('conflicts are shown and nothing is imported, unless it is said what becomes of them', async () => {
  await ask('DELETE', 'globex');
  const acme = { planId: 'standard', name: 'Ours', identity: { hosts: ['acme.localhost'] } };
  await ask('PUT', 'acme', acme);
  await ask('PUT', 'acme/upstreams/own', OWN);
  const refused = await importFile();
  assert.equal(refused.code, 3);
  assert.equal(
    refused.stdout,
    `There already, and different (as it is → as the file says):
~ tenant acme
    ~ name: "Ours" → "Acme Corporation"
3 more would be new.
`,
  );
  assert.match(refused.stderr, /^error: 1 there already differ/);
  assert.deepEqual(await ask('GET', 'globex').then(({ id }) => id), undefined);
});

test('skip: what is missing comes, what differs and what the file does not hold stays', async () => {
  const dry = await importFile('--on-conflict', 'skip', '--dry-run');
  assert.match(dry.stdout, /Plan: 3 to create, 0 to update, 0 to delete, /);
  assert.equal((await ask('GET', 'globex'))['id'], undefined, 'a dry run writes nothing');
  const unasked = await importFile('--on-conflict', 'skip');
  assert.equal(unasked.code, 2);
  assert.match(unasked.stdout, /Plan: 3 to create, /);
  assert.match(unasked.stderr, /cannot ask whether to import: .*\n {2}Add --yes to import /);
  assert.equal((await ask('GET', 'globex'))['name'], undefined, 'nobody agreed');
  const { code, stdout, stderr } = await importFile('--on-conflict', 'skip', '--yes');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /\+ tenant globex\n {2}\+ upstream web\n {2}\+ route web\n/);
  assert.equal((await ask('GET', 'globex'))['name'], 'Globex');
  assert.equal((await ask('GET', 'acme'))['name'], 'Ours');
  assert.equal((await ask('GET', 'acme/upstreams/own'))['id'], 'own');
});

test('replace: what differs is overwritten, what the file does not hold stays', async () => {
  const { code, stdout } = await importFile('--on-conflict', 'replace', '--yes');
  assert.equal(code, 0);
  assert.match(stdout, /Plan: 0 to create, 1 to update, 0 to delete, /);
  assert.equal((await ask('GET', 'acme'))['name'], 'Acme Corporation');
  assert.equal((await ask('GET', 'acme/upstreams/own'))['id'], 'own');
});

test('a change between reading and writing is not overwritten', async (t) => {
  const changes = [
    { action: 'create', kind: 'plan', id: 'new' },
    { action: 'delete', kind: 'route', tenantId: 'acme', id: 'web' },
  ];
  const server = await startContractServer(t, ({ path }) => {
    if (path.includes('/history?')) return { body: { items: [HISTORY_ENTRY] } };
    if (path.includes('/history/')) return { body: { revision: 7, tenant: { planId: 'gold' } } };
    return { body: { dryRun: true, revision: 7, changes, state: 'abc' } };
  });
  const stdin = 'apiVersion: headgate/v1\ntenants: { acme: { planId: gold } }\n';
  const { code, stderr } = await run(['import', '-f', '-', '--yes', '--url', server.url], {
    stdin,
  });
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^error: somebody changed route acme\/web meanwhile\n {2}Nothing was imported/,
  );
  const written = server.requests.filter(({ path }) => path === '/v1/apply');
  assert.deepEqual(written, []);
});

test('what was deleted or changed between reading and writing is not brought back', async (t) => {
  const change = (action: string, kind: string, id: string) => ({
    ...{ action, kind, id },
    ...(kind === 'plan' ? {} : { tenantId: 'acme' }),
  });
  const compared = [
    change('create', 'plan', 'new'),
    change('update', 'route', 'web'),
    change('delete', 'apiKey', 'k1'),
  ];
  const brought = compared.slice(0, 2);
  for (const [later, refusal] of [
    [change('create', 'apiKey', 'k1'), /^error: somebody changed apiKey acme\/k1 meanwhile\n/],
    [
      change('update', 'upstream', 'web'),
      /^error: somebody changed upstream acme\/web meanwhile\n/,
    ],
    [change('create', 'route', 'web'), /^error: somebody changed route acme\/web meanwhile\n/],
    [change('unchanged', 'apiKey', 'k1'), null],
  ] as const) {
    const server = await startContractServer(t, ({ path }) => {
      if (path.includes('/history?')) return { body: { items: [HISTORY_ENTRY] } };
      if (path.includes('/history/')) return { body: { revision: 7, tenant: { planId: 'gold' } } };
      const changes = path === '/v1/compare' ? compared : [...brought, later];
      return { body: { dryRun: true, revision: 7, changes, state: 'abc' } };
    });
    const stdin = 'apiVersion: headgate/v1\ntenants: { acme: { planId: gold } }\n';
    const args = ['import', '-f', '-', '--on-conflict', 'replace', '--yes', '--url', server.url];
    const { code, stderr } = await run(args, { stdin });
    const written = server.requests.filter(({ path }) => path === '/v1/apply');
    assert.deepEqual([code, written.length], refusal === null ? [0, 1] : [3, 0], stderr);
    if (refusal !== null) assert.match(stderr, refusal);
  }
});

const HISTORY_ENTRY = {
  ...{ revision: 7, at: '', actor: '', source: '', operation: null, rolledBackTo: null },
  ...{ deleted: false, changes: [], changeCount: 0 },
};
