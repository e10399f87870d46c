import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { startProcess } from '@headgate/testkit';
import { raiseToRealTime, startInRealTime } from './real-time.ts';

const PROGRAM = `
  process.on('SIGTERM', () => process.exit());
  setInterval(() => {}, 1000);
  console.log('up');`;
/** Fields of /proc/PID/stat behind the name, see proc(5): 41 is the policy, the name is 2. */
const POLICY_FIELD = 41 - 3;
const USUAL = 0;
const ROUND_ROBIN = 2;

test('main threads go first, helper threads keep their place', async (t) => {
  const running = await start(t);
  if ((await raiseToRealTime([running])) > 0) {
    t.skip('there is no chrt here, or real-time priority is not allowed');
    return;
  }
  for (const pid of [running, await start(t, startInRealTime())]) {
    assert.equal(await policyOf(pid, pid), ROUND_ROBIN);
    const threads = (await readdir(`/proc/${pid}/task`)).map(Number);
    const helpers = threads.filter((thread) => thread !== pid);
    assert.ok(helpers.length > 0);
    for (const helper of helpers) assert.equal(await policyOf(pid, helper), USUAL);
  }
});

test('a process that does not run counts as one that could not be raised', async () => {
  assert.equal(await raiseToRealTime([2 ** 22 + 1]), 1); // ids end below
});

async function start(t: TestContext, prefix: readonly string[] = []): Promise<number> {
  const [command = '', ...args] = [...prefix, process.execPath, '-e', PROGRAM];
  const started = await startProcess({ name: 'sleeper', command, args, readyWhen: /up/ });
  t.after(() => started.stop());
  return started.pid;
}

async function policyOf(pid: number, thread: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY_FIELD]);
}
