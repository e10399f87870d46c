import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createFakeClock, temporaryDirectory } from '@headgate/testkit';
import { tenantDocument } from '../../test/support/edge-process.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { SnapshotWriter } from './snapshot-writer.ts';

async function openWriter(t: TestContext) {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const files = new CountedFiles(directory.path);
  const everything = () => ({ good: [], unproven: { fresh: [], withdrawn: [] } });
  const onDiskError = (error: unknown): void => assert.ifError(error);
  const writer = new SnapshotWriter({ clock, files, everything, onDiskError });
  const pass = (ms: number) => {
    clock.advance(ms);
    t.mock.timers.tick(ms);
  };
  return { writer, files, pass, load: () => new SnapshotFiles(directory.path).load() };
}

class CountedFiles extends SnapshotFiles {
  appends = 0;

  override append(...given: Parameters<SnapshotFiles['append']>): Promise<void> {
    this.appends += 1;
    return super.append(...given);
  }
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

test('a change after a pause is written soon, those of a stream twice a second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { writer, files, pass, load } = await openWriter(t);
  writer.write(tenant(1));
  pass(100);
  assert.equal(files.appends, 1);
  for (let revision = 2; revision <= 5; revision += 1) {
    writer.write(tenant(revision));
    pass(100);
  }
  assert.equal(files.appends, 1);
  pass(100);
  assert.equal(files.appends, 2);
  pass(1000);
  writer.write(tenant(6));
  pass(100);
  assert.equal(files.appends, 3);
  await writer.close();
  assert.equal((await load()).documents.get('tenant.a')?.header.revision, 6);
});
