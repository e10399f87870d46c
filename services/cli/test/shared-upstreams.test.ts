import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createHttpOrigin, type HttpOrigin } from '@headgate/testkit';
import { CLUSTER_TOKEN as TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run } from './cli-harness.ts';

// A real cluster: the tests follow one another, as an operator's commands do.

const TENANTS = ['one', 'two', 'three'] as const;

let cluster: CliCluster;
let first: HttpOrigin;
let second: HttpOrigin;

before(async () => {
  cluster = await startCliCluster({ edge: true });
  first = await createHttpOrigin((_request, response) => void response.end('first'));
  second = await createHttpOrigin((_request, response) => void response.end('second'));
});
after(async () => {
  await cluster.stop();
  await first.close();
  await second.close();
});

function headgate(...args: string[]) {
  return run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: TOKEN } });
}

async function request(method: string, path: string, body?: object) {
  const response = await fetch(`${cluster.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const reply = (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>;
  return { status: response.status, reply };
}

/** What requests of each tenant are answered with. */
function ask(): Promise<string[]> {
  return Promise.all(
    TENANTS.map(async (id) => {
      const response = await fetch(`http://127.0.0.1:${cluster.edgePort}/${id}/mail`);
      return `${response.status} ${await response.text()}`;
    }),
  );
}

/** The bundle whose shared upstream has these ports, in a file. */
async function writeBundle(port: number): Promise<string> {
  const file = join(cluster.folder, 'shared.json');
  const tenants: Record<string, object> = {};
  for (const id of TENANTS) {
    const identity = { pathPrefixes: [`/${id}`] };
    const routes = { mail: { sharedUpstreamId: 'mail' } };
    tenants[id] = { planId: 'base', identity, routes };
  }
  const upstreams = { mail: { endpoints: [{ host: '127.0.0.1', port }] } };
  const content = { apiVersion: 'headgate/v1', plans: { base: {} }, upstreams };
  await writeFile(file, JSON.stringify({ ...content, tenants }));
  return file;
}

test('requests of all tenants on a shared upstream reach its endpoints', async () => {
  const file = await writeBundle(first.port);
  const valid = await headgate('validate', '-f', file);
  assert.match(valid.stdout, /is valid: plans 1, shared upstreams 1, tenants 3/);
  const applied = await headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(applied.code, 0, `${applied.stderr}\n${(await headgate('status')).stdout}`);
  assert.match(applied.stdout, /^\+ plan base\n\+ shared upstream mail\n\+ tenant one\n/);
  assert.deepEqual(await ask(), ['200 first', '200 first', '200 first']);
});

test('all tenants have a changed shared upstream when its document has converged', async () => {
  const file = await writeBundle(second.port);
  const planned = await headgate('plan', '-f', file);
  assert.match(planned.stdout, /^~ shared upstream mail\n {4}~ endpoints\[0\]\.port: \d+ → \d+\n/);
  assert.match(planned.stdout, /\nShared upstreams changed, for every route to them: 1 \(mail\)\n/);
  const applied = await headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(applied.code, 0, applied.stderr);
  assert.deepEqual(await ask(), ['200 second', '200 second', '200 second']);
  const revision = Number((await request('GET', '/v1/status')).reply['revision']);
  const told = await request('GET', `/v1/revisions/${revision}`);
  assert.equal(told.reply['key'], 'upstream.mail');
});

test('a write of the resource itself waits for the edges, too', async () => {
  const endpoints = [{ host: '127.0.0.1', port: first.port }];
  const path = '/v1/upstreams/mail?wait=converged';
  const { status, reply } = await request('PUT', path, { endpoints });
  assert.deepEqual([status, reply['converged']], [200, true]);
  assert.deepEqual(await ask(), ['200 first', '200 first', '200 first']);
});

test('shared upstreams are shown, exported and imported', async () => {
  const listed = await headgate('get', 'upstreams');
  assert.match(listed.stdout, /^mail +least_request +127\.0\.0\.1:\d+ +- +\d+$/m);
  const routes = await headgate('get', 'routes', '-t', 'one', '--shared-upstream', 'mail');
  assert.match(routes.stdout, /^mail +\/\* +mail \(shared\) +none/m);
  const none = await headgate('get', 'routes', '-t', 'one', '--shared-upstream', 'other');
  assert.equal(none.stderr, 'There are no routes.\n');

  const exported = await headgate('export', '--all');
  assert.match(exported.stdout, /\nupstreams:\n {2}mail:\n/);
  const file = join(cluster.folder, 'exported.yaml');
  await writeFile(file, exported.stdout.replaceAll(/\bmail:/g, 'post:'));
  const imported = await headgate('import', '-f', file, '--on-conflict', 'skip', '--yes');
  assert.equal(imported.code, 0, imported.stderr);
  assert.match((await headgate('get', 'upstreams')).stdout, /^post +least_request/m);
  const folder = join(cluster.folder, 'exported');
  assert.equal((await headgate('export', '--all', '--dir', folder)).code, 0);
  const plan = await headgate('plan', '-f', folder);
  assert.match(plan.stdout, /^Nothing to change/);
});

test('one that is in use cannot be deleted; one that is not can', async () => {
  const refused = await request('DELETE', '/v1/upstreams/mail');
  assert.equal(refused.status, 409);
  const [fault] = refused.reply['errors'] as readonly { readonly rule: string }[];
  assert.match(
    fault?.rule ?? '',
    /\(routes to it: 6: one\/mail, one\/post, three\/mail, three\/post, two\/mail, …\)/,
  );
  const upstreams = { own: { endpoints: [{ host: '127.0.0.1', port: second.port }] } };
  for (const id of TENANTS) {
    await request('PUT', `/v1/tenants/${id}/upstreams/own`, upstreams.own);
    const moved = { upstreamId: 'own' };
    await request('PUT', `/v1/tenants/${id}/routes/mail`, moved);
    await request('DELETE', `/v1/tenants/${id}/routes/post`);
  }
  const deleted = await request('DELETE', '/v1/upstreams/mail?wait=converged');
  assert.equal(deleted.status, 204);
  assert.deepEqual(await ask(), ['200 second', '200 second', '200 second']);
});
