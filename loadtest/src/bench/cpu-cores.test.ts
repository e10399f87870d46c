import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startProcess } from '@headgate/testkit';
import { ownCores, pinTo, readCores, splitCores } from './cpu-cores.ts';
import { findProgram } from './find-program.ts';

test('cores are read from single ones and ranges', () => {
  const status = (list: string) => `Name:\tnode\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n`;
  assert.deepEqual(readCores(status('0')), [0]);
  assert.deepEqual(readCores(status('0-3,8,10-11')), [0, 1, 2, 3, 8, 10, 11]);
  assert.deepEqual(readCores('Name:\tnode\n'), []);
});

test('a split gives each core to one side, and a process stays where it was put', async () => {
  const cores = await ownCores();
  const split = await splitCores();
  if (split === null) {
    assert.ok(cores.length < 2 || (await findProgram('taskset')) === null);
    return;
  }
  assert.deepEqual([...split.others, ...split.generator], cores);
  assert.equal(split.generator.length, 1);
  const args = ['-e', 'setInterval(() => {}, 1000); console.log("up")'];
  const child = await startProcess({
    name: 'sleeper',
    command: process.execPath,
    args,
    readyWhen: /up/,
  });
  try {
    await pinTo(split.generator, [child.pid]);
    const status = await readFile(`/proc/${child.pid}/status`, 'latin1');
    assert.deepEqual(readCores(status), split.generator);
    await child.stop();
    await pinTo(split.others, [child.pid]); // gone: passed over
  } finally {
    await child.stop();
  }
});
