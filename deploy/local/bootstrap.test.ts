import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { startProcess, temporaryDirectory, waitFor } from '@headgate/testkit';

const here = import.meta.dirname;

/** A workspace with one package, beside programs that stand in for npm and apt-get. */
interface Sandbox {
  readonly root: string;
  readonly bin: string;
  /** Puts a shell script on PATH. */
  addProgram(name: string, script: string): Promise<void>;
  /** Runs the bootstrap, or a script, with a PATH that holds only the sandbox's programs. */
  run(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  environment(): Record<string, string | undefined>;
}

const LOCK = JSON.stringify({
  packages: {
    '': { dependencies: { typescript: '1.0.0' } },
    'node_modules/typescript': { version: '1.0.0' },
    'node_modules/for-another-system': { version: '1.0.0', optional: true },
  },
});

/** What npm does as far as the bootstrap can see, and a trace of each call. */
const NPM = `echo "npm $*" >> calls
mkdir -p node_modules/typescript node_modules/.bin
echo '{}' > node_modules/typescript/package.json
ln -sf "$REAL_NODE" node_modules/.bin/node
cp package-lock.json node_modules/.package-lock.json`;

async function createSandbox(context: TestContext): Promise<Sandbox> {
  const directory = await temporaryDirectory('bootstrap');
  context.after(() => directory.remove());
  const root = join(directory.path, 'workspace');
  const bin = join(directory.path, 'bin');
  const local = join(root, 'deploy', 'local');
  await mkdir(local, { recursive: true });
  await mkdir(bin);
  await cp(join(here, 'bootstrap.mjs'), join(local, 'bootstrap.mjs'));
  await cp(join(here, 'bootstrap'), join(local, 'bootstrap'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{"dependencies":{"typescript":"1.0.0"}}');
  await writeFile(join(root, 'package-lock.json'), LOCK);
  // The program that `start` runs, here one that says what it got.
  await writeFile(
    join(local, 'start.ts'),
    'process.stdout.write(`started ${process.argv.slice(2).join(" ")}\\n`); process.exit(7);',
  );
  for (const tool of ['mkdir', 'ln', 'cp', 'cat', 'sleep', 'chmod']) {
    const real = ['/bin', '/usr/bin'].map((folder) => join(folder, tool)).find(existsSync);
    assert.ok(real !== undefined, `${tool} exists`);
    await symlink(real, join(bin, tool));
  }
  const sandbox: Sandbox = {
    root,
    bin,
    async addProgram(name, script) {
      const path = join(bin, name);
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
    },
    environment: () => ({
      PATH: bin,
      REAL_NODE: process.execPath,
      BIN: bin,
      NODE_COMPILE_CACHE: undefined,
    }),
    async run(args) {
      const started = await startProcess({
        command: process.execPath,
        args,
        cwd: root,
        env: sandbox.environment(),
      });
      const { code } = await started.exited;
      return {
        code,
        stdout: started.stdout().join('\n'),
        stderr: started.stderr().join('\n'),
      };
    },
  };
  await sandbox.addProgram('npm', NPM);
  for (const server of ['redis-server', 'nats-server', 'haproxy']) {
    await sandbox.addProgram(server, 'exit 0');
  }
  return sandbox;
}

const START = ['deploy/local/bootstrap.mjs', 'start'];

test('the first start installs the packages, the second does not; arguments and exit code pass', async (t) => {
  const sandbox = await createSandbox(t);
  const first = await sandbox.run([...START, '--edges', '3']);
  assert.match(first.stdout, /npm packages +done +\d+ s/);
  assert.match(first.stdout, /started --edges 3/);
  assert.equal(first.code, 7);

  const second = await sandbox.run(START);
  assert.equal(second.stdout, 'started ');
  assert.equal(second.code, 7);
  const calls = await readFile(join(sandbox.root, 'calls'), 'utf8');
  assert.equal(calls, 'npm ci --no-audit --no-fund\n');
});

test('packages of another version than the lock file says are installed again', async (t) => {
  const sandbox = await createSandbox(t);
  await sandbox.run(START);
  await writeFile(
    join(sandbox.root, 'package-lock.json'),
    LOCK.replace('"version":"1.0.0"', '"version":"1.0.1"'),
  );
  const again = await sandbox.run(START);
  assert.match(again.stdout, /npm packages +done/);
});

test('a package.json that disagrees with the lock file is named with the remedy', async (t) => {
  const sandbox = await createSandbox(t);
  await writeFile(join(sandbox.root, 'package.json'), '{"dependencies":{"typescript":"2.0.0"}}');
  const { code, stderr } = await sandbox.run(START);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    'error: package.json and package-lock.json name different dependencies.\n' +
      '  Update the lock file: npm install',
  );
});

for (const [name, output, expected] of [
  ['a full disk', 'npm error code ENOSPC', /^error: the disk of .* is full/],
  ['no network', 'npm error code EAI_AGAIN', /^error: npm cannot reach its registry\.\n {2}Check/],
  ['a folder of somebody else', 'npm error code EACCES', /^error: npm may not write to /],
  ['another failure of npm', 'npm error strange', /^error: npm ci failed\.\n {2}npm error strange/],
] as const) {
  test(`${name} gives one clear message and exit code 1`, async (t) => {
    const sandbox = await createSandbox(t);
    await sandbox.addProgram('npm', `echo "${output}" >&2; exit 1`);
    const { code, stdout, stderr } = await sandbox.run(START);
    assert.equal(code, 1);
    assert.match(stderr, expected);
    assert.match(stdout, /npm packages +failed/);
    assert.doesNotMatch(stderr, /\n +at /, 'no stack');
  });
}

test('an unknown mode prints the usage and exits with 2', async (t) => {
  const sandbox = await createSandbox(t);
  const { code, stderr } = await sandbox.run(['deploy/local/bootstrap.mjs', 'stop']);
  assert.equal(code, 2);
  assert.match(stderr, /^Usage: /);
});

test('all processes of a test run share compiled code; a run of all tests begins without any', async (t) => {
  const sandbox = await createSandbox(t);
  for (const program of ['curl', 'ps']) await sandbox.addProgram(program, 'exit 0');
  const cache = join(sandbox.root, 'node_modules', '.cache', 'headgate-tests');
  const leftOver = join(cache, 'left-over');
  await mkdir(join(sandbox.root, 'libs'));
  await writeFile(join(sandbox.root, 'libs', 'a.test.ts'), 'console.log("ran a")');
  await sandbox.run(START);
  await mkdir(cache, { recursive: true });
  await writeFile(leftOver, '');

  const narrowed = await sandbox.run(['deploy/local/bootstrap.mjs', 'test', 'libs']);
  assert.match(narrowed.stdout, /ran a/, narrowed.stderr);
  assert.ok(existsSync(leftOver), 'a run of some tests uses what the run before left');
  const all = await sandbox.run(['deploy/local/bootstrap.mjs', 'test']);
  assert.match(all.stdout, /ran a/, all.stderr);
  assert.equal(existsSync(leftOver), false);
  assert.deepEqual(await readdir(dirname(cache)), [basename(cache)], 'the old one is gone');
  assert.notDeepEqual(await readdir(cache), [], 'the test file left what Node compiled');
});

// The real bootstrap also looks into system folders, where this machine may have the servers. So
// these tests call the installing function itself, for programs that no machine has.
function installScript(policyFile: string): string[] {
  const script = `
    import { installServers } from './deploy/local/bootstrap/servers.mjs';
    await installServers(['headgate-no-server'], ${JSON.stringify(policyFile)})
      .catch((error) => { console.error(error.message); process.exitCode = error.exitCode; });`;
  return ['--input-type=module', '--eval', script];
}

const isRoot = process.getuid?.() === 0;

test('missing servers are installed with apt-get by root, and do not start as services', async (t) => {
  const sandbox = await createSandbox(t);
  const policy = join(dirname(sandbox.root), 'policy-rc.d');
  await sandbox.addProgram(
    'apt-get',
    `echo "apt-get $*" >> calls
    if [ "$1" = install ]; then cat ${policy} >> calls; cp "$BIN/haproxy" "$BIN/headgate-no-server"; fi`,
  );
  const { code, stderr } = await sandbox.run(installScript(policy));
  if (isRoot) {
    assert.equal(code, 0, stderr);
    assert.equal(
      await readFile(join(sandbox.root, 'calls'), 'utf8'),
      'apt-get update -q\n' +
        'apt-get install -y -q --no-install-recommends headgate-no-server\n' +
        '#!/bin/sh\nexit 101\n',
    );
    assert.equal(existsSync(policy), false, 'the policy is removed afterwards');
  } else {
    assert.equal(code, 1);
    assert.match(stderr, /Run this, then the command again: sudo sh -c 'apt-get update && apt-get/);
  }
});

test('a policy of the system is back after the installation, even after a failed one', async (t) => {
  const sandbox = await createSandbox(t);
  const policy = join(dirname(sandbox.root), 'policy-rc.d');
  await sandbox.addProgram('apt-get', '[ "$1" = update ] || { echo "No space left"; exit 100; }');
  await writeFile(policy, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const { code, stderr } = await sandbox.run(installScript(policy));
  assert.equal(code, 1);
  assert.match(stderr, isRoot ? /the disk is full/ : /only root can install/);
  assert.equal(await readFile(policy, 'utf8'), '#!/bin/sh\nexit 0\n');
});

test('without a known package manager the missing programs are named', async (t) => {
  const sandbox = await createSandbox(t);
  const { code, stderr } = await sandbox.run(installScript('/nowhere'));
  assert.equal(code, 1);
  assert.equal(
    stderr,
    'error: headgate-no-server not found on PATH.\n' +
      "  Install with your system's package manager: headgate-no-server",
  );
});

test('an optional program that cannot be installed is named, and the command goes on', async (t) => {
  const sandbox = await createSandbox(t);
  const script = `
    import { installOptionalServers } from './deploy/local/bootstrap/servers.mjs';
    await installOptionalServers(['headgate-no-server'], '/nowhere');
    console.log('went on');`;
  const { code, stdout, stderr } = await sandbox.run(['--input-type=module', '--eval', script]);
  assert.equal(code, 0);
  assert.equal(stdout, 'went on');
  assert.match(
    stderr,
    /headgate-no-server not found on PATH\.[^]*Going on without headgate-no-server\.$/,
  );
});

test('a benchmark installs what it starts; the list and publish install nothing', async (t) => {
  const sandbox = await createSandbox(t);
  const cases = [
    ['proxy', '--quick'],
    ['--json', 'x', 'micro'],
    ['limits'],
    [],
    ['publish', 'x'],
    ['proxy', '-h'],
  ];
  const script = `
    import { benchPrograms } from './deploy/local/bootstrap/bench-programs.mjs';
    for (const args of ${JSON.stringify(cases)}) {
      const { needed, optional } = benchPrograms(args);
      console.log([...needed, '|', ...optional].join(' '));
    }`;
  const { stdout } = await sandbox.run(['--input-type=module', '--eval', script]);
  assert.deepEqual(stdout.split('\n'), [
    'wrk nginx | haproxy caddy',
    'redis-server |',
    'wrk nginx redis-server |',
    '|',
    '|',
    '|',
  ]);
});

test('the program ends when the bootstrap is killed with SIGKILL', async (t) => {
  const sandbox = await createSandbox(t);
  await writeFile(
    join(sandbox.root, 'deploy', 'local', 'start.ts'),
    'process.stdout.write(`pid ${process.pid}\\n`); setInterval(() => undefined, 1000);',
  );
  const bootstrap = await startProcess({
    command: process.execPath,
    args: START,
    cwd: sandbox.root,
    env: sandbox.environment(),
    readyWhen: /^pid \d+$/,
  });
  const line = bootstrap.stdout().find((text) => text.startsWith('pid ')) ?? '';
  const pid = Number(line.slice('pid '.length));
  assert.ok(isAlive(pid));
  // Only this one process, not its group: the guardian must reach the program.
  process.kill(bootstrap.pid, 'SIGKILL');
  await waitFor(() => !isAlive(pid), { message: 'the program to be gone' });
});

test('the program ends with npm, killed or asked to end', async (t) => {
  const sandbox = await createSandbox(t);
  await sandbox.run(START); // installs, so that the next one does not
  const { scripts } = JSON.parse(
    await readFile(join(here, '..', '..', 'package.json'), 'utf8'),
  ) as { scripts: Record<string, string> }; // our own file
  await writeFile(
    join(sandbox.root, 'package.json'),
    JSON.stringify({ dependencies: { typescript: '1.0.0' }, scripts }),
  );
  await writeFile(
    join(sandbox.root, 'deploy', 'local', 'start.ts'),
    'process.stdout.write(`pid ${process.pid}\\n`); setInterval(() => undefined, 1000);',
  );
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    // Not by startProcess, which ends what a process leaves behind.
    const npm = spawn('npm', ['start'], {
      cwd: sandbox.root,
      env: { ...process.env, ...sandbox.environment(), PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(npm, 'exit');
    let pid = NaN;
    for await (const line of createInterface(npm.stdout)) {
      pid = Number(/^pid (\d+)$/.exec(line)?.[1]);
      if (!Number.isNaN(pid)) break;
    }
    t.after(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')));
    assert.ok(isAlive(pid));
    npm.kill(signal);
    await waitFor(() => !isAlive(pid), { message: `the program to be gone after ${signal}` });
    await exited;
  }
});

test('signals reach the program', async (t) => {
  const sandbox = await createSandbox(t);
  await writeFile(
    join(sandbox.root, 'deploy', 'local', 'start.ts'),
    `process.on('SIGINT', () => process.exit(5));
     process.stdout.write('waiting\\n'); setInterval(() => undefined, 1000);`,
  );
  const bootstrap = await startProcess({
    command: process.execPath,
    args: START,
    cwd: sandbox.root,
    env: sandbox.environment(),
    readyWhen: /^waiting$/,
  });
  bootstrap.kill('SIGINT');
  assert.deepEqual(await bootstrap.exited, { code: 5, signal: null });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
