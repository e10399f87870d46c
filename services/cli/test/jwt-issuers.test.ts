import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  createHttpOrigin,
  createTokenKey,
  type HttpOrigin,
  type TokenKey,
} from '@headgate/testkit';
import { CLUSTER_TOKEN as TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run } from './cli-harness.ts';

// A real cluster: the tests follow one another, as an operator's commands do.

let cluster: CliCluster;
let origin: HttpOrigin;
let key: TokenKey;

before(async () => {
  cluster = await startCliCluster({ edge: true });
  origin = await createHttpOrigin((_request, response) => void response.end('web'));
  key = await createTokenKey('RS256');
});
after(async () => {
  await cluster.stop();
  await origin.close();
});

function headgate(...args: string[]) {
  return run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: TOKEN } });
}

/** Writes the bundle of a tenant whose route takes tokens of these issuers. */
async function writeBundle(name: string, issuerIds: readonly string[]): Promise<string> {
  const file = join(cluster.folder, name);
  const login = {
    ...{ issuer: 'https://login.example.com', audiences: ['api'] },
    jwks: { keys: [key.jwk] },
  };
  const acme = {
    ...{ planId: 'base', identity: { pathPrefixes: ['/acme'] } },
    upstreams: { web: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } },
    jwtIssuers: { login },
    routes: { all: { upstreamId: 'web', auth: 'jwt', jwt: { issuerIds } } },
  };
  const content = { apiVersion: 'headgate/v1', plans: { base: {} }, tenants: { acme } };
  await writeFile(file, JSON.stringify(content));
  return file;
}

async function ask(...authorization: readonly string[]): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${cluster.edgePort}/acme/`, {
    headers: authorization.map((value): [string, string] => ['authorization', value]),
  });
  await response.text();
  return response.status;
}

test('a route to an issuer that is not there is refused without a server', async () => {
  const { code, stderr, stdout } = await headgate(
    ...['validate', '-f', await writeBundle('bad.json', ['login', 'other'])],
  );
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, /tenants\.acme\.routes\.all\.jwt\.issuerIds\[1\]/);
  assert.match(stdout + stderr, /the tenant has no JWT issuer "other"; create it first/);
});

test('apply tells of the issuer, and edges take its tokens', async () => {
  const file = await writeBundle('good.json', ['login']);
  const applied = await headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(applied.code, 0, applied.stderr);
  assert.match(applied.stdout, /\n {2,}\+ JWT issuer login\n|\+ JWT issuer acme\/login\n/);
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = { iss: 'https://login.example.com', aud: 'api', sub: 'alice', exp };
  assert.deepEqual([await ask(`Bearer ${await key.sign(claims)}`), await ask()], [200, 401]);
});

test('get lists it, and an export that is applied again changes nothing', async () => {
  const list = await headgate('get', 'jwt-issuers', '--tenant', 'acme');
  assert.match(list.stdout, /^ID +ISSUER +AUDIENCES +ALGORITHMS +KEYS +REVISION\n/);
  assert.match(list.stdout, /\nlogin +https:\/\/login\.example\.com +api +RS256, ES256 +1 inline /);
  const exported = await headgate('export', '--all');
  const file = join(cluster.folder, 'exported.yaml');
  await writeFile(file, exported.stdout);
  const again = await headgate('drift', '-f', file);
  assert.equal(again.code, 0, again.stdout);
});

test('import into a cluster that has it merges issuers, and deletes none', async () => {
  const file = await writeBundle('more.json', ['login']);
  const text = (await headgate('export', 'acme')).stdout;
  await writeFile(file, text.replaceAll('login:', 'second:').replace('- login', '- second'));
  const imported = await headgate('import', '-f', file, '--on-conflict', 'replace', '--yes');
  assert.equal(imported.code, 0, imported.stderr);
  const list = await headgate('get', 'issuers', '-t', 'acme', '-o', 'json');
  assert.match(list.stdout, /"login"/);
  assert.match(list.stdout, /"second"/);
});
