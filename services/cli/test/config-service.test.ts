import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLUSTER_TOKEN as TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, type CliOptions } from './cli-harness.ts';

// The command against the real config-service: the tests follow one another, as an operator's
// commands do.

const root = join(import.meta.dirname, '..', '..', '..');
let cluster: CliCluster;
let url = '';
let bundle = '';

before(async () => {
  cluster = await startCliCluster({ edge: false });
  url = cluster.url;
  bundle = join(cluster.folder, 'bundle.yaml');
  const demo = await readFile(join(root, 'deploy', 'local', 'demo.yaml'), 'utf8');
  await writeFile(bundle, demo);
});

after(() => cluster.stop());

function headgate(args: readonly string[], options: CliOptions = {}) {
  return run([...args, '--url', url], { ...options, env: { HEADGATE_ADMIN_TOKEN: TOKEN } });
}

async function editBundle(find: string, replacement: string): Promise<void> {
  const text = await readFile(bundle, 'utf8');
  assert.ok(text.includes(find), find);
  await writeFile(bundle, text.replace(find, replacement));
}

test('an empty cluster: lists are empty', async () => {
  const { code, stdout, stderr } = await headgate(['get', 'tenants']);
  assert.deepEqual([code, stdout, stderr], [0, '', 'There are no tenants.\n']);
});

test('apply creates what the bundle describes', async () => {
  const { code, stdout, stderr } = await headgate(['apply', '-f', bundle, '--yes']);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^\+ plan standard\n\+ plan trial\n\+ tenant acme\n {2}\+ upstream web\n {2}\+ route web\n/,
  );
  assert.match(
    stdout,
    /\nPlan: 12 to create, 0 to update, 0 to delete, 0 unchanged\.\nApplied as /,
  );
});

test('the same bundle again changes nothing', async () => {
  const { code, stdout } = await headgate(['apply', '-f', bundle, '--yes']);
  assert.equal(code, 0);
  assert.equal(stdout, `Nothing to change: 12 resources are as ${bundle} says.\n`);
});

test('get shows what was applied', async () => {
  const plans = await headgate(['get', 'plans']);
  assert.match(plans.stdout, /^ID +NAME +LIMITS +KEY LIMITS +REVISION\n/);
  assert.match(plans.stdout, /^standard +Standard +per-second 100\/1s +- +\d+$/m);
  const tenants = await headgate(['get', 'tenants']);
  assert.match(tenants.stdout, /^initech +standard +active +header initech /m);
  const routes = await headgate(['get', 'routes', '-t', 'initech']);
  assert.match(routes.stdout, /^orders +\/orders\* +orders +api_key +- +\d+$/m);
  const route = await headgate(['get', 'route', 'orders', '-t', 'initech', '-o', 'yaml']);
  assert.match(route.stdout, /^id: orders$/m);
});

test('a changed bundle is planned field by field, and a missing route is deleted', async () => {
  await editBundle('limit: 100, windowMs: 1000', 'limit: 50, windowMs: 1000');
  await editBundle('      orders:\n        match:', '      invoices:\n        match:');
  const plan = await headgate(['plan', '-f', bundle, '--detailed-exitcode']);
  assert.equal(plan.code, 5, plan.stderr);
  assert.match(
    plan.stdout,
    /\nLimit tightened: plan standard per-second 100\/1000ms → 50\/1000ms\n/,
  );
  assert.match(plan.stdout, /\nRoutes: 1 new, 0 changed, 1 gone\n/);
  const { code, stdout } = await headgate(['apply', '-f', bundle, '--dry-run']);
  assert.equal(code, 0);
  assert.match(stdout, /^~ plan standard {2}limits/);
  assert.match(stdout, /\n {2}tenant initech\n {2}\+ route invoices\n {2}- route orders\n/);
  const applied = await headgate(['apply', '-f', bundle, '--yes', '--wait=250']);
  assert.equal(applied.code, 1, 'applied, but without a live edge nothing has converged');
  const again = await headgate(['apply', '-f', bundle, '--dry-run']);
  assert.doesNotMatch(again.stdout, /[~+-] (plan|route)/, 'it was applied');
});

test('a fault that only the server can see is located in the file', async () => {
  await editBundle('planId: trial', 'planId: no-such-plan');
  const { code, stderr } = await headgate(['apply', '-f', bundle, '--yes']);
  assert.equal(code, 3);
  assert.match(stderr, /bundle\.yaml:\d+:\d+ {2}tenants\.globex\.planId = "no-such-plan"\n {6}/);
});

test('key create shows a key once, and get never does', async () => {
  const created = await headgate(['key', 'create', 'acme', 'mobile', '--name', 'Mobile app']);
  assert.equal(created.code, 0, created.stderr);
  assert.match(created.stdout, /^hgk_[\w-]{43}\n$/);
  const keys = await headgate(['get', 'api-keys', '-t', 'acme', '-o', 'json']);
  assert.ok(!keys.stdout.includes(created.stdout.trim()));
  const again = await headgate(['key', 'create', 'acme', 'mobile']);
  assert.equal(again.code, 3);
  assert.match(again.stderr, /HG_API_CONFLICT/);
});

test('token: created and shown once, works within its tenants, listed without itself, revoked', async () => {
  const create = ['token', 'create', 'acme-ci', '--role', 'tenant_admin'];
  assert.equal((await headgate(['token', 'list'])).stderr, 'There are no access tokens.\n');
  assert.equal((await headgate(create)).code, 3, 'a tenant_admin has some tenants');
  const both = await headgate([...create, '--tenant', 'acme', '--all-tenants']);
  assert.deepEqual(
    [both.code, both.stderr],
    [2, 'error: either --tenant or --all-tenants, not both\n'],
  );
  assert.equal((await headgate(['token', 'create', 'x', '--role', 'root'])).code, 2);
  const created = await headgate([...create, '-t', 'acme', '-t', 'globex', '--name', 'Deploys']);
  assert.equal(created.code, 0, created.stderr);
  assert.match(created.stdout, /^hgt_[\w-]{43}\n$/);
  assert.match(created.stderr, /the only time/);
  const token = created.stdout.trim();
  const own = await run(['get', 'tenants', '--url', url], { env: { HEADGATE_ADMIN_TOKEN: token } });
  assert.match(own.stdout, /^acme /m);
  assert.doesNotMatch(own.stdout, /initech/);
  const refused = await headgate(['token', 'list', '--token', token]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /lacks the permission tokens\.manage/);

  const past = ['--expires', '2020-01-01T00:00:00Z', '-o', 'json'];
  const old = await headgate([
    'token',
    'create',
    'old',
    '--role',
    'viewer',
    '--all-tenants',
    ...past,
  ]);
  assert.match(old.stdout, /"token": "hgt_/);
  const { stdout } = await headgate(['token', 'list']);
  assert.match(stdout, /^ID +ROLE +TENANTS +TOKEN +EXPIRES +CREATED BY +NAME\n/);
  assert.match(
    stdout,
    /^acme-ci +tenant_admin +acme,globex +hgt_[\w-]{6}… +never +admin +Deploys$/m,
  );
  assert.match(stdout, /^old +viewer +all +hgt_\S+ +2020-\S+ \(expired\) +admin +-$/m);
  const shown = await headgate(['token', 'show', 'acme-ci', '-o', 'json']);
  assert.deepEqual((JSON.parse(shown.stdout) as { tenants: unknown }).tenants, ['acme', 'globex']);
  assert.ok(![stdout, shown.stdout].join().includes(token));
  assert.equal((await headgate(['token', 'show', 'nobody'])).code, 3);

  const revoke = ['token', 'revoke', 'acme-ci'];
  assert.equal((await headgate(revoke)).code, 2, 'cannot ask without a terminal');
  const kept = await headgate(revoke, { terminal: true, stdin: 'n\n' });
  assert.equal(kept.code, 1);
  const revoked = await headgate([...revoke, '--yes']);
  assert.deepEqual(
    [revoked.code, revoked.stdout],
    [0, 'Access token acme-ci is revoked: the next request with it gets 401.\n'],
  );
  assert.equal((await headgate([...revoke, '--yes'])).code, 3);
  assert.equal((await headgate(['get', 'tenants', '--token', token])).code, 3);
});

test('history, diff and audit tell what was changed', async () => {
  const { code, stdout, stderr } = await headgate(['history', 'initech']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^REVISION +AT +ACTOR +SOURCE +OPERATION +CHANGES\n/);
  assert.match(
    stdout,
    /^\d+ +\S+Z +admin +127\.0\.0\.1 +apply +.*\+ route invoices.*- route orders/m,
  );
  const listed = await headgate(['history', 'initech', '--limit', '1', '-o', 'json']);
  assert.equal((JSON.parse(listed.stdout) as unknown[]).length, 1);
  const [newest = 0, first = 0] = await revisionsOf('initech');
  const diff = await headgate(['diff', 'initech', String(first)]);
  assert.match(diff.stdout, /^\+ routes\.invoices = \{.*\n- routes\.orders = \{.*\n$/);
  const same = await headgate(['diff', 'initech', String(first), String(first)]);
  assert.deepEqual([same.code, same.stdout], [0, '']);
  const json = await headgate(['diff', 'initech', String(first), '-o', 'json']);
  const { from, to } = JSON.parse(json.stdout) as { from: number; to: number };
  assert.deepEqual([from, to], [first, newest]);

  const audit = await headgate(['audit', '--tenant', 'initech', '--action', 'delete']);
  assert.match(audit.stdout, /^\S+Z +admin +127\.0\.0\.1 +delete +route initech\/orders +\d+ +-$/m);
  const all = await headgate(['audit', '--limit', '1000', '-o', 'json']);
  const rows = JSON.parse(all.stdout) as readonly { readonly id: number }[];
  assert.ok(rows.length >= 14);
  const none = await headgate(['audit', '--actor', 'nobody']);
  assert.deepEqual([none.code, none.stderr], [0, 'There are no such changes.\n']);
  assert.equal((await headgate(['audit', '--from', 'yesterday'])).code, 3);
});

test('rollback shows what it does, then does it, also for a deleted tenant', async () => {
  const [, first = 0] = await revisionsOf('initech');
  const args = ['rollback', 'initech', String(first)];
  const dry = await headgate([...args, '--dry-run']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /\n {2}\+ route orders\n\nRollback: 1 to create, .* 1 to delete/);
  assert.equal((await headgate(args)).code, 2, 'cannot ask without a terminal');
  const done = await headgate([...args, '--yes', '-o', 'json']);
  assert.equal(done.code, 0, done.stderr);
  assert.equal((JSON.parse(done.stdout) as { rolledBackTo: number }).rolledBackTo, first);
  const again = await headgate([...args, '--yes']);
  assert.equal(again.stdout, `Nothing to change: initech is as it was at revision ${first}.\n`);
  const lagging = await headgate(['rollback', 'initech', String(first + 1_000_000), '--yes']);
  assert.equal(lagging.code, 3);
  assert.match(lagging.stderr, /the newest one up to it is \d+/);

  const token = { authorization: `Bearer ${TOKEN}` };
  await fetch(`${url}/v1/tenants/initech`, { method: 'DELETE', headers: token });
  assert.equal((await headgate(['get', 'tenant', 'initech'])).code, 3);
  const revived = await headgate([...args, '--yes', '--api-keys', 'restore', '--wait=250']);
  assert.equal(revived.code, 1, 'rolled back, but without a live edge nothing has converged');
  const keys = await headgate(['get', 'api-keys', '-t', 'initech', '-o', 'json']);
  assert.ok((JSON.parse(keys.stdout) as unknown[]).length > 0);
  const told = await headgate(['history', 'initech', '--limit', '1']);
  assert.match(told.stdout, new RegExp(`rollback to ${first}: `));
});

test('what is exported changes nothing when it is applied, and drift is found by exit code 5', async () => {
  const file = join(cluster.folder, 'export.yaml');
  const exported = await headgate(['export', '--all']);
  assert.equal(exported.code, 0, exported.stderr);
  await writeFile(file, exported.stdout);
  const applied = await headgate(['apply', '-f', file, '--yes']);
  assert.match(applied.stdout, /^Nothing to change: /);
  const clean = await headgate(['drift', '-f', file]);
  assert.deepEqual([clean.code, clean.stderr], [0, '']);
  assert.equal((await headgate(['diff', '-f', file])).stdout, '');

  const one = await headgate(['export', 'acme', '-o', 'json']);
  const bundle = JSON.parse(one.stdout) as { tenants: { acme: { name: string } } };
  bundle.tenants.acme.name = 'Somebody else';
  await writeFile(file, JSON.stringify(bundle));
  const diff = await headgate(['diff', '-f', file]);
  assert.equal(diff.code, 0);
  assert.match(diff.stdout, /^~ tenant acme\n {4}[~+] name.* "Somebody else"\n/);
  const drift = await headgate(['drift', '-f', file, '-o', 'json']);
  assert.equal(drift.code, 5);
  assert.equal((JSON.parse(drift.stdout) as { drift: boolean }).drift, true);
  assert.match(drift.stderr, /^error: the cluster has drifted .*\n {2}0 missing, 1 different/);
  assert.equal((await headgate(['export', 'nobody'])).code, 3);
});

test('a declared bundle is watched: drift without a file, until it is applied again', async () => {
  const undeclared = await headgate(['drift']);
  assert.deepEqual([undeclared.code, /nothing is declared/.test(undeclared.stderr)], [1, true]);
  const file = join(cluster.folder, 'declared.yaml');
  await writeFile(file, (await headgate(['export', '--all'])).stdout);
  const declared = await headgate(['apply', '-f', file, '--yes', '--declare']);
  assert.match(declared.stdout, /^Nothing to change: .*\nDeclared: the config-service watches /);
  const clean = await headgate(['drift']);
  assert.match(
    clean.stdout,
    /^No drift: the cluster is as the bundle that admin declared at \S+Z says\.$/m,
  );
  assert.equal((await headgate(['suspend', 'acme'])).code, 0);
  const drift = await headgate(['drift']);
  assert.deepEqual(
    [drift.code, drift.stdout],
    [5, '~ tenant acme\n    ~ status: "suspended" → "active"\n'],
  );
  assert.equal((await headgate(['apply', '-f', file, '--yes'])).code, 0);
  assert.equal((await headgate(['drift'])).code, 0);
});

test('a viewer compares and plans, within its tenants, and applies nothing', async () => {
  const file = join(cluster.folder, 'viewer.yaml');
  const exported = await headgate(['export', 'acme']);
  await writeFile(file, exported.stdout.replace(/^( {4}name:).*$/m, '$1 Renamed'));
  const viewer = ['--token', (await headgate(tokenOf('acme'))).stdout.trim()];
  const drift = await headgate(['drift', '-f', file, ...viewer]);
  assert.equal(drift.code, 5, drift.stderr);
  const plan = await headgate(['plan', '-f', file, ...viewer]);
  assert.deepEqual([plan.code, /\n {4}~ name: /.test(plan.stdout)], [0, true]);
  assert.match(plan.stderr, /^This credential may not apply: /);
  const applied = await headgate(['apply', '-f', file, '--yes', ...viewer]);
  assert.equal(applied.code, 3);
  const foreign = ['--token', (await headgate(tokenOf('globex'))).stdout.trim()];
  const hidden = await headgate(['drift', '-f', file, ...foreign]);
  assert.equal(hidden.code, 3);
  assert.match(hidden.stderr, /there is no tenant "acme"/);
});

function tokenOf(tenantId: string): string[] {
  return ['token', 'create', `see-${tenantId}`, '--role', 'viewer', '--tenant', tenantId];
}

async function revisionsOf(tenantId: string): Promise<number[]> {
  const { stdout } = await headgate(['history', tenantId, '-o', 'json']);
  return (JSON.parse(stdout) as readonly { revision: number }[]).map(({ revision }) => revision);
}

test('status says that no edge is there, and --check fails for it', async () => {
  const { code, stdout } = await headgate(['status', '--check']);
  assert.equal(code, 1);
  assert.match(stdout, /^bus +connected$/m);
  assert.match(stdout, /\n {2}no edge is live\n/);
});

test('what does not exist, and a wrong token, are refused', async () => {
  const missing = await headgate(['get', 'tenant', 'nobody']);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /^error: GET \/v1\/tenants\/nobody: .*\(HG_API_NOT_FOUND\)/);
  const denied = await headgate(['status', '--token', 'wrong-token-0123456789']);
  assert.equal(denied.code, 3);
  assert.match(denied.stderr, /The token came from --token/);
});
