import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createHttpOrigin, type HttpOrigin } from '@headgate/testkit';
import { CLUSTER_TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, startContractServer } from './cli-harness.ts';

let cluster: CliCluster;
let backend: HttpOrigin;

before(async () => {
  cluster = await startCliCluster({ edge: true });
  backend = await createHttpOrigin((_request, response) => void response.end('served'));
  const bundle = {
    apiVersion: 'headgate/v1',
    plans: { free: {} },
    tenants: {
      acme: {
        ...{ name: 'Acme', planId: 'free', labels: { tier: 'one' } },
        identity: { pathPrefixes: ['/acme'] },
        upstreams: { web: { endpoints: [{ host: '127.0.0.1', port: backend.port }] } },
        routes: { all: { upstreamId: 'web' } },
      },
    },
  };
  const file = join(cluster.folder, 'acme.json');
  await writeFile(file, JSON.stringify(bundle));
  const { code, stderr } = await headgate(['apply', '-f', file, '--yes', '--wait']);
  assert.equal(code, 0, stderr);
});

after(async () => {
  await backend.close();
  await cluster.stop();
});

function headgate(args: readonly string[]) {
  return run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN } });
}

async function statusOfRequest(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${cluster.edgePort}/acme`);
  await response.arrayBuffer();
  return response.status;
}

async function exported(): Promise<unknown> {
  return JSON.parse((await headgate(['export', 'acme', '-o', 'json'])).stdout);
}

test('suspend: 403 at once after --wait, and nothing else of the tenant changes; resume: served', async () => {
  assert.equal(await statusOfRequest(), 200);
  const tenant = await exported();
  const suspended = await headgate(['suspend', 'acme', '--wait']);
  assert.equal(suspended.code, 0, suspended.stderr);
  assert.match(
    suspended.stdout,
    /^Tenant acme is suspended: every request gets 403\. Revision \d+\. All live edges have it\.\n$/,
  );
  assert.equal(await statusOfRequest(), 403);
  const audit = await headgate(['audit', '--tenant', 'acme', '--limit', '1']);
  assert.match(audit.stdout, / admin .* update +tenant acme .*status/);

  const resumed = await headgate(['resume', 'acme', '--wait', '-o', 'json']);
  const reply = JSON.parse(resumed.stdout) as Readonly<Record<string, unknown>>;
  assert.deepEqual([resumed.code, reply['status'], reply['converged']], [0, 'active', true]);
  assert.equal(await statusOfRequest(), 200);
  assert.deepEqual(await exported(), tenant);
});

test('a status that the tenant has already makes no revision', async () => {
  const { code, stdout } = await headgate(['resume', 'acme', '--wait']);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^Tenant acme is active: .*\. It was so before\. All live edges have it\.\n$/,
  );
});

test('suspend of a tenant that is not there is refused', async () => {
  const { code, stderr } = await headgate(['suspend', 'nobody']);
  assert.equal(code, 3);
  assert.match(stderr, /there is no tenant "nobody"/);
});

test('suspend writes what it read and no newer one: the server refuses a change in between', async (t) => {
  const tenant = { id: 'acme', planId: 'free', status: 'active', revision: 7 };
  const server = await startContractServer(t, ({ method }) =>
    method === 'GET'
      ? { body: { ...tenant, createdAt: 'then', updatedAt: 'then' } }
      : { status: 412, body: { title: 'Changed', code: 'HG_API_REVISION_MISMATCH' } },
  );
  const { code, stderr } = await run(['suspend', 'acme', '--url', server.url]);
  assert.equal(code, 3);
  assert.match(stderr, /HG_API_REVISION_MISMATCH/);
  const put = server.requests[1];
  assert.deepEqual(put?.body, { planId: 'free', status: 'suspended' });
  assert.equal(put.ifMatch, '"7"');
});

test('offboard: exported, refused by the edge, deleted; both ways back bring all of it back', async () => {
  const tenant = await exported();
  const file = join(cluster.folder, 'offboarded.yaml');
  const args = ['offboard', 'acme', '--export', file];
  assert.equal((await headgate(args)).code, 2, 'cannot ask without a terminal');
  const done = await headgate([...args, '--yes']);
  assert.equal(done.code, 0, done.stderr);
  assert.match(
    done.stdout,
    /^- tenant acme\n {2}- upstream web\n {2}- route all\n\n3 resources will/,
  );
  assert.equal((await headgate(['get', 'tenant', 'acme'])).code, 3);
  assert.notEqual(await statusOfRequest(), 200);

  const back = /headgate rollback acme (\d+) --api-keys restore/.exec(done.stdout)?.[1] ?? '';
  const rolledBack = await headgate(['rollback', 'acme', back, '--yes', '--wait']);
  assert.equal(rolledBack.code, 0, rolledBack.stderr);
  assert.deepEqual(await exported(), tenant);
  assert.equal(await statusOfRequest(), 200);

  const again = await headgate([...args, '--yes']);
  assert.deepEqual([again.code, again.stdout], [1, ''], 'an export is never overwritten');
  assert.match(again.stderr, /^error: cannot write the export: EEXIST/);
  assert.equal(await statusOfRequest(), 200, 'and nothing was changed');
  const other = join(cluster.folder, 'other.yaml');
  assert.equal((await headgate(['offboard', 'acme', '--export', other, '--yes'])).code, 0);
  const applied = await headgate(['apply', '-f', file, '--yes', '--wait']);
  assert.equal(applied.code, 0, applied.stderr);
  assert.deepEqual(await exported(), tenant);
});

test('offboard: whoever does not say yes keeps the tenant, and the export', async () => {
  const args = ['offboard', 'acme', '--export', join(cluster.folder, 'kept.yaml')];
  const env = { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN };
  const options = { terminal: true, stdin: 'n\n', env };
  const { code, stderr } = await run([...args, '--url', cluster.url], options);
  assert.equal(code, 1);
  assert.match(stderr, /Suspend and delete acme\? \[y\/N\] .*error: nothing was deleted\n$/s);
  assert.equal(await statusOfRequest(), 200);
});

test('offboard deletes nothing that somebody wrote after the export', async (t) => {
  const entry = { at: 'then', actor: 'eve', source: 'there', operation: null, rolledBackTo: null };
  const rest = { deleted: false, changes: [], changeCount: 0 };
  const tenant = { id: 'acme', planId: 'free' };
  const server = await startContractServer(t, ({ method, path }) => {
    if (method === 'DELETE') return { body: { dryRun: true, revision: 7, changes: [] } };
    if (method === 'PUT') return { body: { ...tenant, revision: 9, converged: true } };
    if (path.endsWith('/history?limit=1')) {
      return { body: { items: [{ revision: 7, ...entry, ...rest }] } };
    }
    if (path.endsWith('/history?limit=2')) {
      return { body: { items: [9, 8].map((revision) => ({ revision, ...entry, ...rest })) } };
    }
    return { body: path.endsWith('/7') ? { revision: 7, tenant } : { ...tenant, revision: 7 } };
  });
  const file = join(cluster.folder, 'raced.yaml');
  const args = ['offboard', 'acme', '--export', file, '--yes', '--url', server.url];
  const { code, stderr } = await run(args);
  assert.equal(code, 1);
  assert.match(stderr, /somebody changed the tenant.*\n {2}Revision 8 by eve is not in the file/);
  const deletions = server.requests.filter(({ method }) => method === 'DELETE');
  assert.deepEqual(
    deletions.map(({ path }) => path),
    ['/v1/tenants/acme?dryRun=true'],
  );
});
