// `npm start`: a Headgate cluster on this machine. Reads top to bottom: options, data folder, ports,
// processes, demo bundle, then logs until a signal comes.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, systemRandom } from '@headgate/runtime';
import { Failure } from './bootstrap/failure.mjs';
import { Cluster } from './cluster.ts';
import { createComponentSpecs, type ClusterSettings } from './components.ts';
import { createConsole, type ClusterConsole } from './console.ts';
import { applyDemoBundle } from './demo-bundle.ts';
import { checkPorts, clusterPorts } from './ports.ts';
import { createStopRequests, type StopRequests } from './stop-requests.ts';
import { parseStartOptions, USAGE, type StartOptions } from './start-options.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';
import { formatTour } from './tour.ts';

/** PGlite creates its database at the first start; slow machines get their time. */
const READY_TIMEOUT_MS = 60_000;

const root = join(import.meta.dirname, '..', '..');

async function main(): Promise<number> {
  const options = parseStartOptions(process.argv.slice(2), root);
  if (options === null) {
    process.stdout.write(USAGE);
    return 0;
  }
  const state = openStateDirectory(options.dataDirectory, { fresh: options.fresh });
  try {
    return await runCluster(options, state);
  } finally {
    state.release();
  }
}

async function runCluster(options: StartOptions, state: StateDirectory): Promise<number> {
  // Linux spreads connections over the listeners of a port; elsewhere each edge gets its own.
  const ports = clusterPorts(options.portBase, options.edges, process.platform === 'linux');
  await checkPorts(ports);
  const settings: ClusterSettings = {
    root,
    node: process.execPath,
    dataDirectory: state.path,
    ports,
    adminToken: state.adminToken,
    secretsKey: state.secretsKey,
  };
  const stages = createComponentSpecs(settings);
  const output = createConsole(process.stdout, process.env);
  const requests = createStopRequests(process, systemClock);
  const cluster = new Cluster(stages, {
    clock: systemClock,
    random: systemRandom,
    events: output.events,
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  void requests.forced.then(() => {
    cluster.kill();
    state.release();
    process.exit(130);
  });
  try {
    const started = await startCluster(cluster, settings, output, requests);
    if (!started) return 0;
    output.showLogs(formatTour(settings, stages.flat()));
    return await waitForEnd(cluster, output, requests);
  } finally {
    output.hideLogs();
    await cluster.stop();
    output.print('All processes have ended.');
    requests.dispose();
  }
}

/** Returns false if a signal came first. */
async function startCluster(
  cluster: Cluster,
  settings: ClusterSettings,
  output: ClusterConsole,
  requests: StopRequests,
): Promise<boolean> {
  const startedMs = systemClock.monotonicMs();
  output.print(`Headgate on this machine (${availableParallelism()} cores). Ctrl-C stops it.\n`);
  const stopRequested = requests.first.then(() => false as const);
  const run = async () => {
    await cluster.start();
    if (requests.signal.aborted) return false;
    output.step('demo bundle', 'applying');
    const applied = await applyDemoBundle(settings, requests.signal);
    output.step('demo bundle', applied ? 'applied' : 'kept from an earlier start');
    return !requests.signal.aborted;
  };
  const started = await Promise.race([run(), stopRequested]);
  const seconds = (systemClock.monotonicMs() - startedMs) / 1000;
  if (started) output.print(`\nReady in ${seconds.toFixed(1)} s.\n`);
  return started;
}

async function waitForEnd(
  cluster: Cluster,
  output: ClusterConsole,
  requests: StopRequests,
): Promise<number> {
  const end = await Promise.race([requests.first, cluster.gaveUp, output.closed]);
  if (typeof end === 'string' || end === undefined) return 0;
  // Let its last lines come out before the reason.
  await sleep(100);
  throw new Failure(
    `${end.name} keeps ending soon after its start; the cluster stops.`,
    'Its log lines above say why. Start with empty data if that is damaged: npm start -- --fresh',
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
