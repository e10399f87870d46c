import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startProcess, temporaryDirectory, waitFor, type StartedProcess } from '@headgate/testkit';
import { checkPorts, clusterPorts } from './ports.ts';

// `npm start` as a user meets it: the real program with all its processes, driven through what it
// prints.

const root = join(import.meta.dirname, '..', '..');
const bootstrap = join(import.meta.dirname, 'bootstrap.mjs');
/** Generous, as other tests run beside this one; README and closing notes state the real times. */
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const READY = /^Ready in [\d.]+ s\.$/;

const run = promisify(execFile);

async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = 20_000 + Math.floor(Math.random() * 11_000);
    const isFree = await checkPorts(clusterPorts(base, 2, true)).then(
      () => true,
      () => false,
    );
    if (isFree) return base;
  }
  throw new Error('no free range of ports');
}

/** Where the clusters of the tests run, one after the other. */
interface Place {
  readonly directory: string;
  readonly portBase: number;
  readonly args: readonly string[];
}

async function createPlace(): Promise<Place> {
  const { path: directory } = await temporaryDirectory('start');
  const portBase = await freePortBase();
  const args = ['--port-base', String(portBase), '--data-dir', directory];
  return { directory, portBase, args };
}

async function start(
  context: TestContext,
  args: readonly string[],
  readyWhen?: RegExp,
): Promise<StartedProcess> {
  const started = await startProcess({
    name: 'npm start',
    command: process.execPath,
    args: [bootstrap, 'start', ...args],
    cwd: root,
    env: { HEADGATE_URL: undefined, HEADGATE_ADMIN_TOKEN: undefined },
    readyTimeoutMs: READY_TIMEOUT_MS,
    outputLinesMax: 2000,
    ...(readyWhen === undefined ? {} : { readyWhen }),
  });
  // A failed assertion must not leave a cluster behind.
  context.after(() => started.stop(STOP_TIMEOUT_MS));
  return started;
}

/** All processes below one, itself included, as they are now. */
function processTree(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const tree = [pid];
  for (const parent of tree) {
    for (const [child = 0, ppid = 0] of pairs) if (ppid === parent) tree.push(child);
  }
  return tree;
}

/** A zombie, dead but not yet collected by its new parent, is not alive. */
function alive(pids: readonly number[]): string[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,stat=,args=', '-p', pids.join(',')], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line.trim() !== '' && !/^\s*\d+\s+Z/.test(line));
}

async function headgate(place: Place, args: readonly string[]): Promise<string> {
  const token = (await run('cat', [join(place.directory, 'admin-token')])).stdout.trim();
  const bin = join(root, 'services', 'cli', 'bin', 'headgate.mjs');
  const { stdout } = await run(process.execPath, [bin, ...args], {
    env: {
      ...process.env,
      HEADGATE_URL: `http://127.0.0.1:${place.portBase + 10}`,
      HEADGATE_ADMIN_TOKEN: token,
    },
  });
  return stdout;
}

/** The commands of the tour, as printed, with what each must show. */
const TOUR_EXPECTED: readonly ((output: string) => void)[] = [
  (output) => assert.match(output, /"endpoint": "demo-[123]"[^]*"path": "\/hello"/),
  (output) => {
    assert.match(output, /^HTTP\/1\.1 200 /);
    assert.match(output, /^ratelimit: /im);
    assert.match(output, /"endpoint": "demo-3"/);
  },
  (output) => assert.equal(output, `${'200\n'.repeat(5)}${'429\n'.repeat(3)}`),
  (output) => assert.match(output, /line 1 of 10\n[^]*line 10 of 10\n$/),
  (output) => {
    const status = JSON.parse(output) as { edges: { id: string; live: boolean }[] }; // contract
    const live = status.edges.filter((edge) => edge.live).map((edge) => edge.id);
    assert.deepEqual(live.sort(), ['edge-1', 'edge-2']);
  },
];

suite('npm start', () => {
  let place: Place;
  before(async () => {
    place = await createPlace();
  });
  after(() => rm(place.directory, { recursive: true, force: true }));

  test('runs a cluster whose tour works as printed; Ctrl-C leaves no process', async (t) => {
    const cluster = await start(t, place.args, READY);
    const commands = await tourOf(cluster);
    assert.ok(!cluster.stdout().join('\n').includes('\u001b'), 'no colours without a terminal');
    assert.equal(commands.length, TOUR_EXPECTED.length);
    for (const [index, command] of commands.entries()) await expectTour(place, index, command);
    await waitFor(
      () => cluster.stdout().some((line) => / access GET .*\/hello 200 in /.test(line)),
      {
        message: 'the access record of a request to be shown',
        describe: () => cluster.stdout().slice(-20).join('\n'),
      },
    );

    // Something that only this run knows.
    await headgate(place, ['key', 'create', 'acme', 'kept']);

    const pids = processTree(cluster.pid);
    assert.ok(pids.length >= 10, `bootstrap, start, and nine components; found ${pids.length}`);
    cluster.kill('SIGINT');
    assert.deepEqual(
      await cluster.exited,
      { code: 0, signal: null },
      cluster.stdout().slice(-20).join('\n'),
    );
    assert.deepEqual(alive(pids), []);
  });

  test('keeps its data; refuses a second cluster in its folder or on its ports; SIGKILL leaves no process', async (t) => {
    const cluster = await start(t, place.args, READY);
    assert.ok(cluster.stdout().some((line) => /demo bundle +kept/.test(line)));
    assert.match(await headgate(place, ['get', 'api-keys', '-t', 'acme']), /^kept /m);
    const [firstCommand = ''] = await tourOf(cluster);
    await expectTour(place, 0, firstCommand);

    await refusesOthers(t, place);
    assert.equal(cluster.exit(), null, 'the first one does not mind');

    const pids = processTree(cluster.pid);
    const startPid = pids[1];
    assert.ok(startPid !== undefined);
    process.kill(startPid, 'SIGKILL');
    await waitFor(() => alive(pids).length === 0, {
      message: 'all processes to be gone',
      deadlineMs: STOP_TIMEOUT_MS,
      describe: () => alive(pids),
    });
  });

  test('starts on the lock and the stores of a killed cluster, and stops in order on SIGTERM', async (t) => {
    const cluster = await start(t, place.args, READY);
    assert.deepEqual(await cluster.stop(STOP_TIMEOUT_MS), { code: 0, signal: null });
  });
});

/** The commands of the tour, once all of it is printed. */
async function tourOf(cluster: StartedProcess): Promise<readonly string[]> {
  const output = await waitFor(
    () => {
      const lines = cluster.stdout();
      return lines.some((line) => line.startsWith('More: ')) ? lines : null;
    },
    { message: 'the tour to be printed' },
  );
  return output.filter((line) => line.startsWith('  curl '));
}

/**
 * Runs a command of the tour as printed, and once more when the limit's window is over if meanwhile Redis did not answer in
 * time, as on a machine that is held up: edges then admit their shares, which is not what the tour shows.
 */
async function expectTour(place: Place, index: number, command: string): Promise<void> {
  let output = '';
  await waitFor(
    async () => {
      const before = await decidedByShares(place);
      output = (await run('sh', ['-c', command], { cwd: root, timeout: 20_000 })).stdout;
      return (await decidedByShares(place)) === before;
    },
    { message: `Redis to answer during ${command}`, intervalMs: 10_500, deadlineMs: 120_000 },
  );
  TOUR_EXPECTED[index]?.(output);
}

async function decidedByShares({ portBase }: Place): Promise<number> {
  let sum = 0;
  for (const port of clusterPorts(portBase, 2, true).edgeAdmins) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const series = /^headgate_limit_decisions_total\{[^}]*source="share"[^}]*\} (\d+)$/gm;
    for (const [, value] of text.matchAll(series)) sum += Number(value);
  }
  return sum;
}

async function refusesOthers(context: TestContext, place: Place): Promise<void> {
  const sameFolder = await start(context, place.args);
  assert.equal((await sameFolder.exited).code, 1);
  assert.match(
    sameFolder.stderr().join('\n'),
    /^error: a cluster with its data in .* runs already \(pid \d+\)/,
  );

  const other = await temporaryDirectory('start');
  context.after(() => other.remove());
  const ports = ['--port-base', String(place.portBase), '--data-dir', other.path];
  const samePorts = await start(context, ports);
  assert.equal((await samePorts.exited).code, 1);
  assert.match(
    samePorts.stderr().join('\n'),
    new RegExp(`^error: port ${place.portBase}, needed for the gateway, is in use[^]*--port-base`),
  );
}
