import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSeededRandom, temporaryDirectory } from '@headgate/testkit';
import { planDocument, tenantDocument } from '../../test/support/edge-process.ts';
import type { WorkerDocument } from '../ipc/messages.ts';
import { SnapshotFiles } from './snapshot-files.ts';

const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: 9 }] } };
const routes = { all: { upstreamId: 'main' } };
const tenant = (id: string, revision: number) =>
  tenantDocument({ id, hosts: [`${id}.test`], upstreams, routes }, revision);

async function createPlace(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  return directory.path;
}

async function open(path: string): Promise<SnapshotFiles> {
  const files = new SnapshotFiles(path);
  await files.load();
  return files;
}

async function reload(path: string) {
  const { documents, damaged } = await new SnapshotFiles(path).load();
  const revisions = [...documents].map(([key, { header }]) => [key, header.revision]);
  return { revisions: Object.fromEntries(revisions.sort()) as Record<string, number>, damaged };
}

function deletionOf(document: WorkerDocument, revision: number): WorkerDocument {
  return { ...document, header: { ...document.header, deleted: true, revision }, body: '' };
}

test('what was written is there after a restart: base, journal, replacements and deletions', async (t) => {
  const path = await createPlace(t);
  assert.deepEqual(await reload(path), { revisions: {}, damaged: 0 });
  const files = await open(path);
  await files.compact([planDocument({}, 1), tenant('a', 2), tenant('b', 3)]);
  await files.append([tenant('a', 4), tenant('c', 5)]);
  await files.append([deletionOf(tenant('b', 3), 6)]);
  const expected = { 'plan.test': 1, 'tenant.a': 4, 'tenant.c': 5 };
  assert.deepEqual(await reload(path), { revisions: expected, damaged: 0 });
});

test('bodies come back byte for byte, also beyond ASCII', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  const document = planDocument({ name: 'Größe ✓ 𝒳' }, 7);
  await files.append([document]);
  const { documents } = await new SnapshotFiles(path).load();
  assert.deepEqual(documents.get('plan.test'), document);
});

test('at most two generations are kept, and the older one fills the gaps of a damaged newer one', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 2)]);
  await files.compact([tenant('a', 3), tenant('b', 2)]);
  await files.compact([tenant('a', 4), tenant('b', 2)]);
  const names = (await readdir(path)).sort();
  assert.deepEqual(names, ['base-2.snapshot', 'base-3.snapshot']);
  const newest = join(path, 'base-3.snapshot');
  const bytes = await readFile(newest);
  bytes[bytes.indexOf('"revision":4') + 20] = 0x00; // in the header of tenant a
  await writeFile(newest, bytes);
  const { revisions, damaged } = await reload(path);
  assert.deepEqual(revisions, { 'tenant.a': 3, 'tenant.b': 2 });
  assert.equal(damaged, 1 + 1, 'the record, and the end record whose count does not fit any more');
});

test('a file cut anywhere, or with any byte changed, never makes loading fail or invents a document', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 2)]);
  await files.append([tenant('a', 3)]);
  const random = createSeededRandom(7);
  const names = ['base-1.snapshot', 'journal-1.snapshot'];
  const originals = await Promise.all(names.map((name) => readFile(join(path, name))));
  const known = new Map([
    ['tenant.a', [1, 3]],
    ['tenant.b', [2]],
  ]);
  for (let round = 0; round < 300; round += 1) {
    const which = round % 2;
    const original = originals[which] ?? Buffer.alloc(0);
    const at = Math.floor(random.next() * original.length);
    const damaged = Buffer.from(round % 3 === 0 ? original.subarray(0, at) : original);
    if (round % 3 !== 0) damaged[at] = (damaged[at] ?? 0) ^ (1 + Math.floor(random.next() * 255));
    await writeFile(join(path, names[which] ?? ''), damaged);
    const { revisions } = await reload(path);
    for (const [key, revision] of Object.entries(revisions)) {
      assert.ok(known.get(key)?.includes(revision), `round ${round}: ${key}@${revision}`);
    }
    await writeFile(join(path, names[which] ?? ''), original);
  }
});

test('a base that was being written when the process died does not count', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1)]);
  await writeFile(join(path, 'base-2.snapshot.new'), 'HG1 5 ');
  assert.deepEqual((await reload(path)).revisions, { 'tenant.a': 1 });
  await (await open(path)).append([tenant('b', 2)]);
  assert.deepEqual((await reload(path)).revisions, { 'tenant.a': 1, 'tenant.b': 2 });
});
