import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { startProcess } from '@headgate/testkit';
import { lowerPriority } from './low-priority.ts';
import { processTree } from './process-tree.ts';

/** Starts a process in a session of its own below itself, as PostgreSQL starts its backends. */
const PROGRAM = `
  if (process.argv[1] === 'child') console.log('up');
  else require('node:child_process').spawn(process.execPath, ['-e', process.env.PROGRAM, 'child'],
    { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  setInterval(() => {}, 1000);
  process.on('SIGTERM', () => process.exit());`;

test('a process and those below it go behind others, whatever session they are in; not this one', async (t) => {
  const parent = await startProcess({
    name: 'parent',
    command: process.execPath,
    args: ['-e', PROGRAM],
    env: { PROGRAM },
    readyWhen: /up/,
  });
  t.after(() => parent.stop());
  const pids = await processTree(parent.pid);
  const [child] = pids.filter((pid) => pid !== parent.pid);
  assert.ok(child !== undefined && pids.length === 2);
  t.after(() => process.kill(child, 'SIGKILL'));
  const ownBefore = [getPriority(), await sessionPriority('self')];

  assert.equal(await lowerPriority([parent.pid]), 0);
  for (const pid of pids) {
    const threads = (await readdir(`/proc/${pid}/task`)).map(Number);
    assert.ok(threads.length > 1);
    for (const thread of threads) assert.equal(getPriority(thread), 19);
    const session = await sessionPriority(pid);
    assert.ok(session === 19 || session === null, `${session}`);
  }
  assert.deepEqual([getPriority(), await sessionPriority('self')], ownBefore);
});

/** null where the system shares time between processes, not sessions. */
async function sessionPriority(pid: number | 'self'): Promise<number | null> {
  const path = `/proc/${pid}/autogroup`;
  const text = existsSync(path) ? await readFile(path, 'latin1') : '';
  return text === '' ? null : Number(text.trim().split(' ').at(-1));
}
