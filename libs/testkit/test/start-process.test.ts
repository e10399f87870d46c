import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ProcessStartError, startProcess, waitFor } from '../src/index.ts';

const fixture = fileURLToPath(new URL('./fixtures/doomed-runner.ts', import.meta.url));

/** A zombie, dead but not yet collected by its new parent, is not alive. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

async function startDoomedRunner(args: readonly string[], env: Record<string, string> = {}) {
  const runner = await startProcess({
    command: process.execPath,
    args: [...args, fixture],
    env,
    readyWhen: /pids( \d+){4}/,
  });
  const line = runner.stdout().find((text) => text.includes('pids ')) ?? '';
  return { runner, pids: (line.match(/\d+/g) ?? []).map(Number) };
}

for (const [name, nodeArguments] of [
  ['the process that runs the tests', []],
  ['the node --test runner above a test file', ['--test', '--test-reporter=spec']],
] as const) {
  test(`when ${name} is killed with SIGKILL, every process started dies too`, async () => {
    const { runner, pids } = await startDoomedRunner(nodeArguments);
    assert.equal(pids.length, 4);
    assert.ok(pids.every(isAlive), 'all four run before the kill');
    // Only this one process, not its group: the kill must reach the others through the guardians.
    process.kill(runner.pid, 'SIGKILL');
    await waitFor(() => !pids.some(isAlive), {
      message: 'all started processes to be gone',
      describe: () => pids.filter(isAlive),
    });
  });
}

test('a process that is not stopped dies when its starter exits by itself', async () => {
  const script = `
    import { startProcess } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
    const sleeper = await startProcess({ command: 'sleep', args: ['300'] });
    process.stdout.write('pid ' + sleeper.pid + '\\n', () => process.exit(0));`;
  const starter = await startProcess({
    command: process.execPath,
    args: ['--input-type=module', '--eval', script],
  });
  assert.deepEqual(await starter.exited, { code: 0, signal: null });
  const pid = Number(starter.stdout()[0]?.slice('pid '.length));
  await waitFor(() => !isAlive(pid), { message: 'the sleeper to be gone' });
});

test('exit code and signal are those of the command', async () => {
  const failing = await startProcess({ command: 'sh', args: ['-c', 'exit 137'] });
  assert.deepEqual(await failing.exited, { code: 137, signal: null });

  const sleeper = await startProcess({ command: 'sleep', args: ['300'] });
  sleeper.kill('SIGKILL');
  assert.deepEqual(await sleeper.exited, { code: null, signal: 'SIGKILL' });
});

test('pid is the pid of the command, arguments and environment arrive unchanged', async () => {
  const shell = await startProcess({
    command: 'sh',
    args: ['-c', 'echo "$$|$1|$GREETING|${HOME-none}"; echo problem >&2', 'sh', `a 'b' "$c" *`],
    env: { GREETING: 'hello; exit 1', HOME: undefined },
  });
  await shell.exited;
  assert.deepEqual(shell.stdout(), [`${shell.pid}|a 'b' "$c" *|hello; exit 1|none`]);
  assert.deepEqual(shell.stderr(), ['problem']);
});

test('stop() ends a stopped process, and one that ignores SIGTERM after the deadline', async () => {
  const paused = await startProcess({ command: 'sleep', args: ['300'] });
  paused.kill('SIGSTOP');
  assert.deepEqual(await paused.stop(), { code: null, signal: 'SIGTERM' });

  const stubborn = await startProcess({
    command: 'sh',
    args: ['-c', `trap '' TERM; echo ready; while :; do sleep 0.05; done`],
    readyWhen: /ready/,
  });
  assert.deepEqual(await stubborn.stop(100), { code: null, signal: 'SIGKILL' });
  assert.deepEqual(await stubborn.stop(100), { code: null, signal: 'SIGKILL' });
});

test('a process that exits instead of getting ready is reported with its output', async () => {
  await assert.rejects(
    startProcess({ command: 'sh', args: ['-c', 'echo why >&2; exit 3'], readyWhen: /never/ }),
    (error) =>
      error instanceof ProcessStartError && error.exit?.code === 3 && error.output.includes('why'),
  );
  await assert.rejects(
    startProcess({ command: 'no-such-command', readyWhen: /never/ }),
    /not found/,
  );
});

test('a process that does not get ready in time is killed', async () => {
  const error = await startProcess({
    command: 'sh',
    args: ['-c', 'echo "pid $$"; exec sleep 300'],
    readyWhen: () => false,
    readyTimeoutMs: 100,
  }).catch((reason: unknown) => reason);
  assert.ok(error instanceof ProcessStartError);
  assert.equal(error.exit, null);
  assert.equal(isAlive(Number(/pid (\d+)/.exec(error.output)?.[1])), false);
});

test('only the last lines of the output are kept', async () => {
  const chatty = await startProcess({
    command: 'sh',
    args: ['-c', 'i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done'],
    outputLinesMax: 3,
  });
  await chatty.exited;
  assert.deepEqual(chatty.stdout(), ['997', '998', '999']);
});
