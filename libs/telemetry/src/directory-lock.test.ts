import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startProcess, temporaryDirectory } from '@headgate/testkit';
import { lockDirectory } from './directory-lock.ts';

test('one holder at a time; release lets the next one in', async () => {
  const directory = await temporaryDirectory('lock');
  try {
    const first = await lockDirectory(directory.path);
    await assert.rejects(lockDirectory(directory.path), /in use by another process/);
    await first.release();
    await (await lockDirectory(directory.path)).release();
  } finally {
    await directory.remove();
  }
});

test('what a killed holder left behind locks nobody out', async () => {
  const directory = await temporaryDirectory('lock');
  try {
    const path = JSON.stringify(join(directory.path, 'lock'));
    const script = `require('net').Server().listen(${path}, () => console.log('locked'))`;
    const holder = await startProcess({
      command: process.execPath,
      args: ['-e', script],
      readyWhen: /locked/,
    });
    await assert.rejects(lockDirectory(directory.path), /in use/);
    holder.kill('SIGKILL');
    await holder.exited;
    await (await lockDirectory(directory.path)).release();
  } finally {
    await directory.remove();
  }
});
