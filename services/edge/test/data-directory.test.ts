import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcessStartError, temporaryDirectory } from '@headgate/testkit';
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

test('an edge takes over the data directory of one that was killed', async () => {
  const first = await startTestEdge({ documents });
  first.process.kill('SIGKILL');
  await first.process.exited;
  const second = await startTestEdge({ dataDirectory: first.dataDirectory });
  await second.stop();
  await first.stop();
});

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
