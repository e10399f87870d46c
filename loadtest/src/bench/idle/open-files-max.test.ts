import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOpenFilesMax, raiseOpenFiles } from './open-files-max.ts';

const text = (soft: string, hard: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     
Max processes             95000                95000                processes 
Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     
Max locked memory         8388608              8388608              bytes     
`;

test('the hard limit counts', () => {
  assert.equal(parseOpenFilesMax(text('1024', '524288')), 524_288);
  assert.equal(parseOpenFilesMax(text('1024', 'unlimited')), Infinity);
  assert.throws(() => parseOpenFilesMax('Max processes 1 1 processes'), /Max open files/);
});

test('a limit that is high enough stays; one that cannot be raised is told as it is', async () => {
  if (process.platform !== 'linux') {
    await assert.rejects(raiseOpenFiles(1)); // there is no /proc
    return;
  }
  const before = await raiseOpenFiles(1);
  assert.ok(before >= 256);
  assert.equal(await raiseOpenFiles(before), before);
  // Beyond /proc/sys/fs/nr_open, where the kernel refuses root too.
  assert.equal(await raiseOpenFiles(2 ** 40), before);
});
