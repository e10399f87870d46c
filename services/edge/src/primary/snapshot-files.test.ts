import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSeededRandom, temporaryDirectory } from '@headgate/testkit';
import { edited, planDocument, tenantDocument } from '../../test/support/edge-process.ts';
import type { WireDocument } from '../ipc/wire-document.ts';
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

function deletionOf(document: WireDocument, revision: number): WireDocument {
  return edited(document, { header: { deleted: true, revision }, body: '' });
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

const withdrawnOf = ({ header }: WireDocument) => ({ header, reason: 'workers ended' });

test('a journal tells what is on probation, and what it goes back to', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 2)]);
  await files.append([tenant('a', 3), tenant('c', 4)]);
  await files.append([tenant('b', 5)]);
  await files.append([], { good: [['tenant.b', 5]], withdrawn: [] });
  const { documents, fresh, whole } = await new SnapshotFiles(path).load();
  assert.deepEqual([documents.size, whole], [3, true]);
  const goodRevisions = [...fresh].map(([key, good]) => [key, good?.header.revision ?? null]);
  assert.deepEqual(goodRevisions, [
    ['tenant.a', 1],
    ['tenant.c', null],
  ]);
});

test('a new generation keeps apart what is good, on probation and withdrawn', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 2)], {
    fresh: [tenant('a', 3)],
    withdrawn: [withdrawnOf(tenant('b', 4)), withdrawnOf(tenant('c', 5))],
  });
  const { documents, fresh, withdrawn } = await new SnapshotFiles(path).load();
  assert.deepEqual([documents.get('tenant.a')?.header.revision, documents.size], [3, 2]);
  assert.equal(fresh.get('tenant.a')?.header.revision, 1);
  assert.equal(documents.get('tenant.b')?.header.revision, 2);
  assert.deepEqual([...withdrawn.keys()], ['tenant.b', 'tenant.c']);
});

test('a withdrawn revision does not serve after a restart; a newer one or a deletion ends that', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 1)]);
  await files.append([tenant('a', 2), tenant('b', 2), tenant('c', 2)]);
  const marks = ['a', 'b', 'c'].map((id) => withdrawnOf(tenant(id, 2)));
  await files.append([], { good: [], withdrawn: marks });
  assert.deepEqual((await reload(path)).revisions, { 'tenant.a': 1, 'tenant.b': 1 });
  await files.append([tenant('a', 3), deletionOf(tenant('b', 2), 3)]);
  const { documents, withdrawn } = await new SnapshotFiles(path).load();
  assert.deepEqual(
    [...documents.values()].map(({ header }) => header.revision),
    [3],
  );
  assert.deepEqual([...withdrawn.keys()], ['tenant.c']);
});

test('damage makes a configuration a part of one only if no base is sound', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  await files.compact([tenant('a', 1), tenant('b', 2)]);
  await files.compact([tenant('a', 3), tenant('b', 2)]);
  const wholeWith = async (name: string, bytes: Buffer | string): Promise<boolean> => {
    await writeFile(join(path, name), bytes);
    return (await new SnapshotFiles(path).load()).whole;
  };
  const base = await readFile(join(path, 'base-2.snapshot'));
  assert.equal(await wholeWith('journal-2.snapshot', 'HG1 torn'), true, 'a torn journal');
  assert.equal(await wholeWith('base-2.snapshot', base.subarray(0, 300)), true, 'N-1 is sound');
  assert.equal(await wholeWith('base-1.snapshot', ''), false, 'neither is');
  assert.equal(await wholeWith('base-2.snapshot', base), true);
});

test('a large generation is written in parts, with room for other work in between', async (t) => {
  const path = await createPlace(t);
  const files = await open(path);
  const documents = Array.from({ length: 4000 }, (_, index) => tenant(`t${index}`, index + 1));
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await files.compact(documents.slice(0, 2000), { fresh: documents.slice(2000), withdrawn: [] });
  done = true;
  const parts = Math.floor((await readFile(join(path, 'base-1.snapshot'))).length / 65_536) * 2;
  assert.ok(parts > 10, `${parts} parts`);
  assert.ok(turns >= parts, `${turns} turns for ${parts} parts`);
  assert.equal(Object.keys((await reload(path)).revisions).length, 4000);
});
