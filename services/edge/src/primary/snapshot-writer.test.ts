import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { tenantDocument } from '../../test/support/edge-process.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { SnapshotWriter } from './snapshot-writer.ts';

async function openWriter(t: TestContext) {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const files = new SnapshotFiles(directory.path);
  const everything = () => ({ good: [], unproven: { fresh: [], withdrawn: [] } });
  const onDiskError = (error: unknown): void => assert.ifError(error);
  const writer = new SnapshotWriter({ files, everything, onDiskError });
  return { writer, load: () => new SnapshotFiles(directory.path).load() };
}

const tenant = (revision: number) =>
  tenantDocument({ id: 'a', upstreams: {}, routes: {} }, revision);

test('a revision that has just proved itself is gone back to, however soon the next one comes', async (t) => {
  const { writer, load } = await openWriter(t);
  writer.write(tenant(1));
  await writer.flush();
  writer.writeGood('tenant.a', 1);
  writer.write(tenant(2));
  await writer.close();
  const { documents, fresh } = await load();
  assert.equal(documents.get('tenant.a')?.header.revision, 2);
  assert.equal(fresh.get('tenant.a')?.header.revision, 1);
});

test('of a document that changes several times the last revision is written, once', async (t) => {
  const { writer, load } = await openWriter(t);
  for (let revision = 1; revision <= 5; revision += 1) writer.write(tenant(revision));
  await writer.close();
  const { documents, fresh } = await load();
  assert.equal(documents.get('tenant.a')?.header.revision, 5);
  assert.equal(fresh.get('tenant.a'), null);
});
