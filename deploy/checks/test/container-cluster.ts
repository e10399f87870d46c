import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  freePort,
  startNats,
  startProcess,
  startRedis,
  temporaryDirectory,
  type StartedProcess,
} from '@headgate/testkit';
import { bundleProgram } from '../../docker/bundle.ts';

const run = promisify(execFile);
const DEPLOY = join(import.meta.dirname, '../..');
const TOKEN = 'token-of-the-wiring-test';

/** An edge as the compose file runs it, but as a plain process. */
export interface RunningEdge {
  readonly process: StartedProcess;
  readonly port: number;
  readonly adminPort: number;
}

/** What the images hold, wired as in the compose file: two edges behind HAProxy, and what they need. */
export interface ContainerCluster {
  readonly edges: readonly RunningEdge[];
  /** Port of HAProxy. */
  readonly port: number;
  /** Runs the bundled `headgate` command; resolves to its standard output. */
  headgate(...args: readonly string[]): Promise<string>;
  /** Ends everything, last started first. */
  stop(): Promise<void>;
}

/** Registers what ends something that was started. */
type OnStop = (end: () => Promise<unknown>) => void;

/** Builds the bundles and runs them. @throws if something does not start; what did is stopped. */
export async function startContainerCluster(): Promise<ContainerCluster> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return { ...(await start((end) => stops.push(end))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(onStop: OnStop): Promise<Omit<ContainerCluster, 'stop'>> {
  const directory = await temporaryDirectory('containers');
  onStop(() => directory.remove());
  const programs = ['edge', 'config-service', 'health-service', 'cli'];
  await Promise.all(programs.map((name) => bundleProgram(name, join(directory.path, name))));
  const redis = await startRedis({ password: 'redis-password' });
  onStop(() => redis.stop());
  const nats = await startNats();
  onStop(() => nats.stop());
  const startHere = (program: string, nodeId: string, env: Readonly<Record<string, string>>) =>
    startProgram(
      { directory: directory.path, program, nodeId, onStop },
      { ...env, HEADGATE_NATS_URL: nats.url },
    );

  const configPort = await freePort();
  await startHere('config-service', 'config-1', {
    HEADGATE_CONFIG_LISTEN: `127.0.0.1:${configPort}`,
    HEADGATE_ADMIN_TOKEN: TOKEN,
  });
  const startEdge = async (nodeId: string): Promise<RunningEdge> => {
    const port = await freePort();
    const started = await startHere('edge', nodeId, {
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_EDGE_PROXY_PROTOCOL: 'v2',
      HEADGATE_EDGE_DRAIN_DELAY_MS: '3000',
      HEADGATE_REDIS_URL: redis.url,
      HEADGATE_REDIS_TIMEOUT_MS: '250',
    });
    return { ...started, port };
  };
  const [edge1, edge2] = await Promise.all([
    startEdge('edge-1'),
    startEdge('edge-2'),
    startHere('health-service', 'health-1', {}),
  ]);
  const edges = [edge1, edge2];
  const port = await startHaproxy(directory.path, edges, onStop);
  const env = {
    PATH: process.env['PATH'],
    HEADGATE_URL: `http://127.0.0.1:${configPort}`,
    HEADGATE_ADMIN_TOKEN: TOKEN,
  };
  return {
    edges,
    port,
    async headgate(...args) {
      const main = join(directory.path, 'cli/main.js');
      return (await run(process.execPath, [main, ...args], { env, cwd: directory.path })).stdout;
    },
  };
}

interface Placement {
  /** Holds the bundles and the data of the programs. */
  readonly directory: string;
  readonly program: string;
  readonly nodeId: string;
  readonly onStop: OnStop;
}

/** Starts a bundled service and waits until the health check of its image succeeds. */
async function startProgram(
  { directory, program, nodeId, onStop }: Placement,
  settings: Readonly<Record<string, string>>,
): Promise<{ process: StartedProcess; adminPort: number }> {
  const adminPort = await freePort();
  const env = {
    HEADGATE_NODE_ID: nodeId,
    HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    HEADGATE_DATA_DIR: join(directory, `data-${nodeId}`),
    ...settings,
  };
  const started = await startProcess({
    name: nodeId,
    command: process.execPath,
    args: ['--enable-source-maps', join(directory, program, 'main.js')],
    cwd: directory,
    env,
    // A look at the port first, as the check of the image starts a process each time.
    readyWhen: async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok,
    readyTimeoutMs: 120_000,
  });
  // Not an orderly end: draining is a test of its own and takes its time.
  onStop(() => started.stop(500));
  await run(process.execPath, [join(DEPLOY, 'docker/healthcheck.mjs')], { env });
  return { process: started, adminPort };
}

/** Runs the real HAProxy with the compose file's configuration; only addresses are replaced. */
async function startHaproxy(
  directory: string,
  edges: readonly RunningEdge[],
  onStop: OnStop,
): Promise<number> {
  const port = await freePort();
  let text = await readFile(join(DEPLOY, 'haproxy/haproxy.cfg'), 'utf8');
  text = text.replace('bind :8080', `bind 127.0.0.1:${port}`);
  text = text.replace('bind :8443', `bind 127.0.0.1:${await freePort()}`);
  // Needs two file descriptors for each; the test's machine may not allow so many.
  text = text.replace('maxconn 20000', 'maxconn 1000');
  edges.forEach((edge, index) => {
    const address = `127.0.0.1:${edge.port} port ${edge.adminPort}`;
    text = text.replace(`"\${EDGE_${index + 1}_HOST}:8080"`, address);
    // These edges have no port with TLS.
    text = text.replace(`"\${EDGE_${index + 1}_HOST}:8443"`, address);
  });
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, text);
  const haproxy = await startProcess({
    name: 'haproxy',
    command: 'haproxy',
    args: ['-db', '-f', file],
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    readyWhen: async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0,
  });
  onStop(() => haproxy.stop());
  return port;
}
