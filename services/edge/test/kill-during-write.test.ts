import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createSeededRandom, startProcess, temporaryDirectory } from '@headgate/testkit';
import { SnapshotFiles } from '../src/primary/snapshot-files.ts';

const WRITER = fileURLToPath(new URL('./support/snapshot-writer-process.ts', import.meta.url));
const KILLS = 12;
/** Some generations take less than this. */
const KILLED_WITHIN_MS = 15;

test('kill -9 at any point of a write loses nothing that was safe, and the next start finds it whole', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const random = createSeededRandom(11);
  let safe = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const writer = await startProcess({
      name: 'writer',
      command: process.execPath,
      args: [WRITER, directory.path],
      readyWhen: /^\d+$/,
    });
    await sleep(random.next() * KILLED_WITHIN_MS); // the point in time is what is random
    writer.kill('SIGKILL');
    await writer.exited;
    safe = Number(writer.stdout().at(-1));
    const { documents, whole } = await new SnapshotFiles(directory.path).load();
    const found = ['tenant.a', 'tenant.b'].map((key) => documents.get(key)?.header.revision ?? 0);
    const told = `kill ${kill}: ${found.join()} on disk, ${safe} was safe`;
    assert.ok(whole, told);
    // What was being written may be there, too: the journal's record of one tenant, or of both.
    for (const revision of found) assert.ok(revision === safe || revision === safe + 1, told);
  }
  assert.ok(safe > KILLS);
});
