import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startProcess, temporaryDirectory } from '@headgate/testkit';
import { openStateDirectory } from './state-directory.ts';

async function emptyFolder(context: TestContext): Promise<string> {
  const directory = await temporaryDirectory('state');
  context.after(() => directory.remove());
  return join(directory.path, 'data');
}

test('the token and the key are made once, are secret, and stay', async (t) => {
  const path = await emptyFolder(t);
  const first = openStateDirectory(path, { fresh: false });
  assert.match(first.adminToken, /^hgt_[\w-]{43}$/);
  assert.equal(statSync(join(path, 'admin-token')).mode & 0o777, 0o600);
  first.release();
  const second = openStateDirectory(path, { fresh: false });
  assert.match(first.secretsKey, /^[\w-]{43}$/);
  assert.equal(statSync(join(path, 'secrets-key')).mode & 0o777, 0o600);
  assert.deepEqual([second.adminToken, second.secretsKey], [first.adminToken, first.secretsKey]);
  second.release();
  assert.equal(existsSync(join(path, 'lock')), false);
});

test('fresh deletes what earlier runs left', async (t) => {
  const path = await emptyFolder(t);
  const before = openStateDirectory(path, { fresh: false });
  mkdirSync(join(path, 'config'));
  writeFileSync(join(path, 'thesis.txt'), 'not of a cluster');
  mkdirSync(join(path, 'second'));
  before.release();
  const after = openStateDirectory(path, { fresh: true });
  assert.equal(existsSync(join(path, 'config')), false);
  assert.equal(existsSync(join(path, 'thesis.txt')), true, 'what is not ours stays');
  assert.equal(existsSync(join(path, 'second')), true, 'another cluster beside it stays');
  assert.notEqual(after.adminToken, before.adminToken);
  assert.notEqual(after.secretsKey, before.secretsKey);
  after.release();
});

test('fresh deletes nothing in a folder where no cluster has been', async (t) => {
  const path = await emptyFolder(t);
  mkdirSync(join(path, 'config'), { recursive: true });
  openStateDirectory(path, { fresh: true }).release();
  assert.equal(existsSync(join(path, 'config')), true);
});

test('a folder that a running cluster has is refused, naming its pid', async (t) => {
  const path = await emptyFolder(t);
  mkdirSync(path);
  // Its command line is what makes a process a cluster.
  const other = await startProcess({
    command: 'sh',
    args: ['-c', 'echo up; sleep 300; : start.ts'],
    readyWhen: /up/, // while a process becomes another program, it has no command line
  });
  t.after(() => other.stop());
  writeFileSync(join(path, 'lock'), `${other.pid}\n`);
  assert.throws(() => openStateDirectory(path, { fresh: true }), {
    message: new RegExp(`runs already \\(pid ${other.pid}\\)`),
    exitCode: 1,
  });
  assert.equal(readFileSync(join(path, 'lock'), 'utf8'), `${other.pid}\n`, 'its lock stays');
});

test('the lock of a killed cluster does not keep the next one out', async (t) => {
  const path = await emptyFolder(t);
  mkdirSync(path);
  // Pid 1 lives, but is no cluster: pids are used again.
  writeFileSync(join(path, 'lock'), '1\n');
  const state = openStateDirectory(path, { fresh: false });
  assert.equal(readFileSync(join(path, 'lock'), 'utf8'), `${process.pid}\n`);
  state.release();
});

test('a place that cannot be a folder is named', async (t) => {
  const path = await emptyFolder(t);
  writeFileSync(path, 'a file');
  assert.throws(() => openStateDirectory(path, { fresh: false }), {
    message: /data is not a folder[^]*--data-dir/,
  });
  assert.throws(() => openStateDirectory(join(path, 'below'), { fresh: false }), {
    message: /below cannot be written \(ENOTDIR\)[^]*--data-dir/,
  });
});
