import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { StartMarks } from './start-marks.ts';

test('starts that did not last are counted in a row, and forgotten once one has', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const start = () => new StartMarks(directory.path).mark();
  assert.deepEqual([await start(), await start(), await start()], [0, 1, 2]);
  await new StartMarks(directory.path).clear();
  assert.deepEqual([await start(), await start()], [0, 1]);
});

test('a damaged file says that there were none', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  for (const bytes of ['', '-3', '1.5', '"2"', '{', 'null']) {
    await writeFile(join(directory.path, 'starts.json'), bytes);
    assert.equal(await new StartMarks(directory.path).mark(), 0, bytes);
  }
});
