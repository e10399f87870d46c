import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFilesMax, parseOpenFilesMax } from './open-files-max.ts';

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

test('this process has a limit', async () => {
  if (process.platform !== 'linux') {
    await assert.rejects(openFilesMax()); // there is no /proc
    return;
  }
  assert.ok((await openFilesMax()) >= 256);
});
