import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLUSTER_TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, startContractServer } from './cli-harness.ts';

let cluster: CliCluster;
let template = '';

before(async () => {
  cluster = await startCliCluster({ edge: false });
  const page = await readFile(join(import.meta.dirname, '../../../docs/onboarding.md'), 'utf8');
  const [, text = ''] = /```yaml\n([^`]*)```/.exec(page) ?? [];
  template = join(cluster.folder, 'shop.yaml');
  await writeFile(template, text);
  const plans = 'apiVersion: headgate/v1\nplans: { hobby: {}, gold: {} }\n';
  assert.equal((await headgate('apply', ['-f', '-', '--yes'], plans)).code, 0);
});
after(() => cluster.stop());

function headgate(command: string, args: readonly string[], stdin = '') {
  const env = { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN };
  return run([command, ...args, '--url', cluster.url], { env, stdin });
}

const onboard = (...args: string[]) =>
  headgate('onboard', ['acme', '--template', template, ...args]);

test('the template of the documentation: a dry run, a tenant, the same again, an update', async () => {
  const host = ['--set', 'host=acme.example'];
  const dry = await onboard(...host, '--dry-run');
  assert.match(dry.stdout, /^\+ tenant acme\n {2}\+ upstream web\n {2}\+ route all\n/);
  assert.equal((await headgate('get', ['tenant', 'acme'])).code, 3, 'a dry run writes nothing');
  const made = await onboard(...host, '--yes');
  assert.equal(made.code, 0, made.stderr);
  const again = await onboard(...host, '--yes');
  assert.match(again.stdout, /^Nothing to change: /);
  const other = await onboard(...host, '--set', 'plan=gold', '--yes');
  assert.deepEqual([other.code, /differs from the template/.test(other.stderr)], [3, true]);
  const updated = await onboard(...host, '--set', 'plan=gold', '--yes', '--update');
  assert.equal(updated.code, 0, updated.stderr);
  const listed = await headgate('get', ['tenants', '--label', 'template=shop', '--plan', 'gold']);
  assert.match(listed.stdout, /^acme +gold +active +acme\.example /m);
});

test('a tenant that somebody makes after the dry run is not overwritten, even with --yes', async (t) => {
  const changes = [{ action: 'create', kind: 'tenant', id: 'acme', fields: [] }];
  const server = await startContractServer(t, ({ path, ifMatch }) =>
    path.includes('dryRun')
      ? { body: { dryRun: true, revision: 6, changes, state: 'abc' } }
      : { status: ifMatch === '"abc"' ? 412 : 500, body: { title: 'Stale' } },
  );
  const args = ['onboard', 'acme', '--template', template, '--set', 'host=acme.example', '--yes'];
  const { code, stderr } = await run([...args, '--url', server.url]);
  assert.deepEqual([code, stderr], [3, 'error: POST /v1/apply: Stale\n']);
});

test('--print asks no server, and what it prints is a valid bundle', async () => {
  const args = ['acme', '--template', template, '--set', 'host=acme.example', '--print'];
  const printed = await run(['onboard', ...args, '--url', 'http://127.0.0.1:1']);
  assert.equal(printed.code, 0, printed.stderr);
  const checked = await run(['validate', '-f', '-'], { stdin: printed.stdout });
  assert.equal(checked.code, 0, checked.stderr);
});

test('values and ids that make no sense are usage errors', async () => {
  for (const [args, message] of [
    [['acme'], /host \(public host\): is missing/],
    [['acme', '--set', 'host'], /--set host: must be NAME=VALUE/],
    [['acme', '--set', 'host=a', '--set', 'host=b'], /--set host is given twice/],
    [['A C', '--set', 'host=a'], /"A C" cannot be the id of a tenant/],
  ] as const) {
    const { code, stderr } = await headgate('onboard', [...args, '--template', template, '--yes']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});
