import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { run } from './cli-harness.ts';

/** What bash offers after these words; the last one is under the cursor. */
async function complete(...words: string[]): Promise<string[]> {
  const { stdout: script } = await run(['completion', 'bash']);
  const program = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _headgate; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const shell = spawnSync('bash', ['--norc', '-c', program, 'bash', 'headgate', ...words], {
    encoding: 'utf8',
  });
  assert.deepEqual([shell.status, shell.stderr], [0, '']);
  return shell.stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, commands below them, and what an argument can be', async () => {
  assert.deepEqual(await complete('o'), ['onboard', 'offboard']);
  assert.deepEqual(await complete('key', 'c'), ['create']);
  assert.deepEqual(await complete('limits', 'ev'), ['events']);
  assert.deepEqual(await complete('get', 'api'), ['api-keys']);
  assert.deepEqual(await complete('completion', 'z'), ['zsh']);
});

test('bash completes options of the command, and those that every command has', async () => {
  assert.deepEqual(await complete('apply', '--dr'), ['--dry-run']);
  assert.deepEqual(await complete('--url', 'http://x', 'apply', '--out'), ['--output']);
  assert.deepEqual(await complete('get', 'tenants', '--la'), ['--label']);
  assert.deepEqual(await complete('limits', 'events', '--te'), ['--tenant']);
  assert.deepEqual(await complete('status', '--dry'), []);
});

test('bash completes values that have a choice; for others it offers no word, and so files', async () => {
  assert.deepEqual(await complete('get', 'plans', '-o', ''), ['table', 'json', 'yaml']);
  assert.deepEqual(await complete('rollback', 'acme', '4', '--api-keys', 'r'), ['restore']);
  assert.deepEqual(await complete('apply', '-f', ''), []);
});

test('every command and option of the help is in the script of every shell', async () => {
  const help = await run(['--help']);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z]+)[ |]/gm)].map(([, name = '']) => name);
  assert.ok(commands.length > 15, commands.join());
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await run(['completion', shell]);
    assert.equal(code, 0);
    for (const name of [...commands, 'dry-run', 'template']) {
      if (name !== 'help') assert.ok(stdout.includes(name), `${shell}: ${name}`);
    }
  }
});
