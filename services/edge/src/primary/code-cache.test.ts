import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { prepareCodeCache } from './code-cache.ts';

const FOLDER = `${process.version}-${process.arch}`;

async function createPlace(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  return join(directory.path, 'code');
}

/** @param ageSeconds how long ago its last file was written */
async function addFolder(code: string, name: string, files: string[], ageSeconds: number) {
  const path = join(code, name);
  await mkdir(path, { recursive: true });
  for (const file of files) await writeFile(join(path, file), 'code');
  const at = Date.now() / 1000 - ageSeconds;
  await utimes(path, at, at);
  return path;
}

async function prepare(code: string): Promise<number> {
  let warnings = 0;
  await prepareCodeCache(code, { warn: () => (warnings += 1) });
  return warnings;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test('the directory of compiled code is its owner’s alone, a new one and one that is there', async (t) => {
  const code = await createPlace(t);
  assert.equal(await prepare(code), 0);
  assert.equal(await modeOf(code), 0o700);
  await chmod(code, 0o755);
  assert.equal(await prepare(code), 0);
  assert.equal(await modeOf(code), 0o700);
});

test('folders of other versions of Node and of builds before the last two go, and so does what interrupted writes left', async (t) => {
  const code = await createPlace(t);
  const kept = ['00037eb7', 'fff740da'];
  await addFolder(code, 'v18.0.0-x64-310b2ce3-0', ['00037eb7'], 1);
  await addFolder(code, `${FOLDER}-aaaaaaaa-0`, ['00037eb7'], 30);
  const last = await addFolder(code, `${FOLDER}-bbbbbbbb-0`, kept, 20);
  const used = [...kept, '00037eb7.cache.tcqrsK', 'fff740da.cache.A1b2C3'];
  const newest = await addFolder(code, `${FOLDER}-cccccccc-0`, used, 10);
  await addFolder(code, 'of-somebody-else', ['notes'], 1);
  assert.equal(await prepare(code), 0);
  const left = [`${FOLDER}-bbbbbbbb-0`, `${FOLDER}-cccccccc-0`, 'of-somebody-else'];
  assert.deepEqual((await readdir(code)).sort(), left.sort());
  for (const folder of [last, newest]) assert.deepEqual((await readdir(folder)).sort(), kept);
});

test('a folder that has grown beyond all use begins anew', async (t) => {
  const code = await createPlace(t);
  const path = await addFolder(code, `${FOLDER}-aaaaaaaa-0`, ['00037eb7'], 1);
  await truncate(join(path, '00037eb7'), 64 * 1024 * 1024);
  await prepare(code);
  assert.deepEqual(await readdir(path), ['00037eb7']);
  await writeFile(join(path, 'fff740da'), 'one more');
  await prepare(code);
  assert.deepEqual(await readdir(code), []);
});

test('a disk that refuses is told of, once', async (t) => {
  const code = await createPlace(t);
  await writeFile(code, 'a file in its place');
  assert.equal(await prepare(code), 1);
});
