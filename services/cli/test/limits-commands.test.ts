import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createHttpOrigin, waitFor, type HttpOrigin } from '@headgate/testkit';
import { CLUSTER_TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, type CliRun } from './cli-harness.ts';

let cluster: CliCluster;
let backend: HttpOrigin;

before(async () => {
  cluster = await startCliCluster({ edge: true });
  backend = await createHttpOrigin((_request, response) => void response.end('served'));
  const login = { name: 'login', limit: 3, windowMs: 60_000, per: 'client-ip' };
  const tenant = (prefix: string, limits: readonly object[]) => ({
    ...{ planId: 'free', limits },
    identity: { pathPrefixes: [prefix] },
    upstreams: { web: { endpoints: [{ host: '127.0.0.1', port: backend.port }] } },
    routes: {
      all: { upstreamId: 'web' },
      login: { upstreamId: 'web', match: { path: { prefix: `${prefix}/login` } }, limits: [login] },
    },
  });
  const bundle = {
    apiVersion: 'headgate/v1',
    plans: { free: { limits: [{ name: 'day', kind: 'quota', limit: 1000, period: 'day' }] } },
    tenants: {
      acme: tenant('/acme', [{ name: 'minute', limit: 10, windowMs: 60_000 }]),
      calm: tenant('/calm', []),
    },
  };
  const file = join(cluster.folder, 'limits.json');
  await writeFile(file, JSON.stringify(bundle));
  const { code, stderr } = await headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(code, 0, stderr);
});

after(async () => {
  await backend.close();
  await cluster.stop();
});

function headgate(...args: readonly string[]): Promise<CliRun> {
  return run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN } });
}

async function send(path: string, count: number): Promise<number> {
  let served = 0;
  for (let request = 0; request < count; request += 1) {
    const response = await fetch(`http://127.0.0.1:${cluster.edgePort}${path}`);
    await response.arrayBuffer();
    if (response.ok) served += 1;
  }
  return served;
}

/** Waits until the command prints this; reports come once a second. */
async function prints(pattern: RegExp, ...args: readonly string[]): Promise<string> {
  let stdout = '';
  await waitFor(
    async () => {
      ({ stdout } = await headgate(...args));
      return pattern.test(stdout);
    },
    {
      message: `${args.join(' ')} to print ${pattern.source}`,
      intervalMs: 200,
      deadlineMs: 15_000,
    },
  );
  return stdout;
}

test('limits explain: each level of a tenant, used and left, and what nobody has asked for', async () => {
  const before = await headgate('limits', 'explain', 'acme');
  assert.equal(before.code, 0, before.stderr);
  assert.match(before.stdout, /^TENANT +LEVEL +LIMIT +KIND +USED +LEFT +RESETS IN/);
  assert.match(before.stdout, /^acme +tenant +day +quota +- of 1000 +- +- .*never$/m);
  assert.match(before.stdout, /^acme +route login +login +window +- of 3 +- .*never$/m);

  assert.equal(await send('/acme/login', 5), 3);
  assert.equal(await send('/acme', 4), 4);
  const stdout = await prints(/minute +window +7 of 10 /, 'limits', 'explain', 'acme');
  assert.match(stdout, /^acme +tenant +minute +window +7 of 10 +3 +(\d+m )?\d+s /m);
  assert.match(stdout, /^acme +tenant +day +quota +7 of 1000 +993 +\d+/m);
  assert.match(
    stdout,
    /^acme +route login, 127\.0\.0\.1 +login +window +3 of 3 +0 +(\d+m )?\d+s .*\d+m?s ago$/m,
  );
});

test('limits top: who is near a limit or over it, and nobody else', async () => {
  await send('/calm', 2);
  await send('/acme', 20);
  const stdout = await prints(/^acme +tenant +minute +window +10 of 10 +0 /m, 'limits', 'top');
  assert.doesNotMatch(stdout, /calm|quota/);
  const reply = await headgate('limits', 'top', '--near', '1', '--limit', '1', '-o', 'json');
  const items = JSON.parse(reply.stdout) as readonly Readonly<Record<string, unknown>>[];
  assert.equal(items.length, 1);
  assert.equal(items[0]?.['name'], 'minute');
});

test('limits of a tenant that does not exist: refused', async () => {
  const { code, stderr } = await headgate('limits', 'explain', 'nobody');
  assert.equal(code, 3);
  assert.match(stderr, /there is no tenant "nobody"/);
});
