import assert from 'node:assert/strict';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ProcessStartError, temporaryDirectory, waitFor } from '@headgate/testkit';
import { pino } from 'pino';
import { loadSnapshots } from '../src/primary/data-directory.ts';
import { SnapshotFiles } from '../src/primary/snapshot-files.ts';
import { planDocument, startTestEdge } from './support/edge-process.ts';

const documents = [planDocument()];

test('a second edge on the same data directory ends with one clear line; the first one goes on', async () => {
  const first = await startTestEdge({ documents });
  try {
    const second = await startTestEdge({ dataDirectory: first.dataDirectory }).then(
      () => assert.fail('the second edge must not start'),
      (error: unknown) => error,
    );
    assert.ok(second instanceof ProcessStartError);
    assert.deepEqual(second.exit, { code: 1, signal: null });
    assert.match(second.output, /each edge needs a HEADGATE_DATA_DIR of its own: .* is in use/);
    assert.equal((await fetch(`${first.admin}/readyz`)).status, 200);
  } finally {
    await first.stop();
  }
});

test('an edge takes over the data directory of one that was killed, with the compiled code of its workers', async () => {
  const env = { NODE_COMPILE_CACHE: undefined }; // would keep the code instead
  const first = await startTestEdge({ documents, env });
  const folders = () => readdir(join(first.dataDirectory, 'code'));
  await waitFor(async () => (await folders()).length === 1, {
    message: 'compiled code on the disk',
  });
  first.process.kill('SIGKILL');
  await first.process.exited;
  const second = await startTestEdge({ dataDirectory: first.dataDirectory, env });
  await second.stop();
  await first.stop();
});

suite(
  'with a damaged newest generation an edge starts, without the bus, from the one before',
  () => {
    const damages: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
      'of length 0': () => Buffer.alloc(0),
      'cut in the middle': (bytes) => bytes.subarray(0, bytes.length / 2),
      'of another format': (bytes) =>
        Buffer.from(bytes.toString('latin1').replaceAll('HG1 ', 'HG0 ')),
    };
    for (const [name, damage] of Object.entries(damages)) {
      test(name, async () => {
        const directory = await temporaryDirectory();
        const files = new SnapshotFiles(join(directory.path, 'snapshots'));
        await files.load();
        for (const revision of [1, 2]) await files.compact([planDocument({}, revision)]);
        const newest = join(directory.path, 'snapshots', 'base-2.snapshot');
        await writeFile(newest, damage(await readFile(newest)));
        const edge = await startTestEdge({ dataDirectory: directory.path });
        const config = (await (await fetch(`${edge.admin}/config`)).json()) as object; // of our own edge
        assert.deepEqual('documents' in config && config.documents, [
          { key: 'plan.test', revision: 1 },
        ]);
        await edge.stop();
        await directory.remove();
      });
    }
  },
);

test('files that cannot be read are told of and passed over', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'snapshots');
  await writeFile(path, 'a file where the folder should be');
  await chmod(path, 0o400);
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => lines.push(line) });
  const loaded = await loadSnapshots(new SnapshotFiles(path), logger);
  assert.equal(loaded.documents.size, 0);
  assert.match(lines.join(''), /the last good configuration was not read/);
  await directory.remove();
});
