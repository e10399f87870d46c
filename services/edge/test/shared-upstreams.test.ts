import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import type { WireDocument } from '../src/ipc/wire-document.ts';
import {
  edited,
  planDocument,
  startTestEdge,
  tenantDocument,
  upstreamDocument,
} from './support/edge-process.ts';
import {
  inForce,
  ProbationScene,
  rejectionOf,
  restarts,
  type ScaledEdge,
} from './support/probation-scene.ts';
import { requestOnce } from './support/raw-client.ts';
import { workerPids } from './support/worker-pids.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';

let scene: ProbationScene;
let edge: ScaledEdge;
let other: RecordingOrigin;

before(async () => {
  scene = await ProbationScene.open();
  scene.origin.respondWith(() => `${OK}first`);
  other = await createRecordingOrigin();
  other.respondWith(() => `${OK}other`);
  await scene.source.put(planDocument({}, 1), user('a', 2), scene.tenant('b', 3));
  edge = await scene.start();
});
after(async () => {
  await scene.close();
  await other.close();
});

/** A tenant whose paths below `/shared` lead to the shared upstream `mail`, all others to its own. */
function user(id: string, revision: number): WireDocument {
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: scene.origin.port }] } };
  const match = { path: { prefix: '/shared' } };
  const routes = { own: { upstreamId: 'main' }, shared: { sharedUpstreamId: 'mail', match } };
  return tenantDocument({ id, hosts: [`${id}.test`], upstreams, routes }, revision);
}

const ask = (id: string, path = '/shared') =>
  requestOnce(edge.port, `GET ${path} HTTP/1.1\r\nHost: ${id}.test\r\nConnection: close\r\n\r\n`);

const mail = (port: number, revision: number) => upstreamDocument('mail', [port], revision);

test('a tenant that comes before its shared upstream serves; only routes to that answer 503', async () => {
  assert.equal((await ask('a', '/')).status, 200);
  const refused = await ask('a');
  assert.equal(refused.status, 503);
  const text = refused.body.toString();
  assert.match(text, /HG_UPSTREAM_UNKNOWN/);
  assert.ok(!text.includes('mail'), 'clients are not told names');
  assert.deepEqual((await edge.config()).rejected, []);
});

test('when it has come they are served', async () => {
  await scene.source.put(mail(scene.origin.port, 4));
  await inForce(edge, 'upstream.mail', 4);
  assert.equal((await ask('a')).body.toString(), 'first');
});

test('access records name it so that no upstream of a tenant can be meant', async () => {
  const documents = [planDocument({}, 1), user('a', 2), mail(scene.origin.port, 3)];
  const alone = await startTestEdge({ documents });
  try {
    for (const path of ['/shared', '/']) {
      const head = `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`;
      assert.equal((await requestOnce(alone.port, head)).status, 200);
    }
    const records = () =>
      alone.process.stdout().filter((line) => line.startsWith('{"type":"access"'));
    await waitFor(() => records().length === 2, { message: 'the records' });
    const names = records().map((line) => /"upstreamId":"([^"]*)"/.exec(line)?.[1]);
    assert.deepEqual(names, ['shared/mail', 'main']);
  } finally {
    await alone.stop();
  }
});

test('what replaces a good revision waits for its shared upstream, while the good one serves', async () => {
  const routes = { rest: { sharedUpstreamId: 'late' } };
  const moved = tenantDocument({ id: 'b', hosts: ['b.test'], upstreams: {}, routes }, 6);
  await scene.source.put(moved);
  assert.match(await rejectionOf(edge, 'tenant.b'), /^6: shared upstream late is not known/);
  assert.equal((await ask('b')).body.toString(), 'first');
  await scene.source.put(upstreamDocument('late', [other.port], 5));
  await inForce(edge, 'tenant.b', 6);
  assert.equal((await ask('b')).body.toString(), 'other');
  assert.deepEqual((await edge.config()).rejected, []);
});

test('one document changes it for all tenants; one that is no good changes nothing', async () => {
  const ids = ['c', 'd', 'e'];
  await scene.source.put(...ids.map((id, index) => user(id, 7 + index)));
  for (const [index, id] of ids.entries()) {
    await inForce(edge, `tenant.${id}`, 7 + index);
    assert.equal((await ask(id)).body.toString(), 'first');
  }
  await scene.source.put(mail(other.port, 10));
  await inForce(edge, 'upstream.mail', 10);
  for (const id of ['a', ...ids]) {
    assert.equal((await ask(id)).body.toString(), 'other');
    assert.equal((await ask(id, '/')).body.toString(), 'first', 'its own');
  }
  const body = '{"upstream":{"id":"mail","endpoints":[]}}';
  await scene.source.put(edited(mail(other.port, 11), { body }));
  assert.match(await rejectionOf(edge, 'upstream.mail'), /^11: upstream\.endpoints: /);
  assert.equal((await ask('a')).body.toString(), 'other');
});

test('a start without NATS has it from the disk', async () => {
  edge.process.kill('SIGTERM');
  await edge.process.exited;
  await scene.nats.kill();
  // As if all of it had soaked.
  const tenants = ['a', 'c', 'd', 'e'].map((id) => user(id, 9));
  await (await scene.files()).compact([planDocument({}, 1), ...tenants, mail(other.port, 10)]);
  edge = await scene.start();
  assert.equal(await edge.revision('upstream.mail'), 10);
  for (const id of ['a', 'c', 'd', 'e']) assert.equal((await ask(id)).body.toString(), 'other');
});

test('it is on probation as any document: workers that end soon after it bring back the one before', async () => {
  await scene.nats.restart();
  await waitFor(() => scene.source.bus.connected, { message: 'the source to connect' });
  await scene.source.put(mail(scene.origin.port, 12));
  await inForce(edge, 'upstream.mail', 12);
  assert.equal((await ask('a')).body.toString(), 'first');
  const ended = (async () => {
    while ((await edge.revision('upstream.mail')) === 12) {
      const lost = await restarts(edge);
      const [pid = 0] = await workerPids(edge.process.pid);
      process.kill(pid, 'SIGKILL');
      await waitFor(async () => (await restarts(edge)) > lost, { message: 'a new worker' });
    }
  })();
  assert.match(await rejectionOf(edge, 'upstream.mail'), /^12: workers ended soon after it/);
  await ended;
  await inForce(edge, 'upstream.mail', 10);
  for (const id of ['a', 'c', 'd', 'e']) assert.equal((await ask(id)).body.toString(), 'other');
});
