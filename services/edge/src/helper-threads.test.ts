import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { HELPER_NICE, lowerHelperThreads } from './helper-threads.ts';

const IS_LINUX = process.platform === 'linux';

/** Names of the threads of this process with their priority. */
function threads(): readonly (readonly [name: string, nice: number])[] {
  return readdirSync('/proc/self/task').map((task) => [
    readFileSync(`/proc/self/task/${task}/comm`, 'latin1').trim(),
    getPriority(Number(task)),
  ]);
}

test('helper threads of V8, and only they, go after the thread that runs JavaScript', () => {
  const own = getPriority();
  const told = lowerHelperThreads();
  assert.equal(told > 0, IS_LINUX);
  if (!IS_LINUX) return;
  const lowered = threads().filter(([, nice]) => nice === HELPER_NICE);
  assert.equal(lowered.length, told);
  assert.deepEqual([...new Set(lowered.map(([name]) => name))], ['node-V8Worker']);
  assert.equal(getPriority(), own);
});
