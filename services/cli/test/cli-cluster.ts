import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  freePort,
  providePGlite,
  startNats,
  startProcess,
  startRedis,
  temporaryDirectory,
  type StartedProcess,
} from '@headgate/testkit';

const services = join(import.meta.dirname, '..', '..');

/** Admin token of {@link startCliCluster}. */
export const CLUSTER_TOKEN = 'token-of-the-cli-test-0123456789';

/** Of its secrets. */
const SECRETS_KEY = Buffer.alloc(32, 'cli').toString('base64url');

/** A config-service, and an edge if asked for, as processes of their own. */
export interface CliCluster {
  /** Address of the config-service. */
  readonly url: string;
  /** Port of the edge; 0 without one. */
  readonly edgePort: number;
  /** The same for TLS. */
  readonly tlsPort: number;
  /** Lines that the config-service has written. */
  configLines(): readonly string[];
  /** Empty directory for the files of a test; it goes with the cluster. */
  readonly folder: string;
  stop(): Promise<void>;
}

/**
 * Starts an empty cluster, on free ports. Whoever starts it stops it.
 *
 * @throws ProcessStartError if a part of it does not get ready.
 */
export async function startCliCluster(options: { readonly edge: boolean }): Promise<CliCluster> {
  const directory = await temporaryDirectory('cli');
  const stops: (() => Promise<unknown>)[] = [() => directory.remove()];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  const start = async (name: string, env: Readonly<Record<string, string | undefined>>) => {
    const started: StartedProcess = await startProcess({
      name,
      command: process.execPath,
      args: [join(services, name, 'src', 'main.ts')],
      env: { HEADGATE_DATA_DIR: join(directory.path, name), ...env },
      readyWhen: /"msg":"ready"/,
      readyTimeoutMs: 60_000,
    });
    stops.push(() => started.stop(0));
    return started;
  };
  const startEdge = async (natsUrl: string, edgePort: number, tlsPort: number) => {
    const redis = await startRedis();
    stops.push(() => redis.stop());
    await start('edge', {
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${edgePort}`,
      HEADGATE_EDGE_TLS_LISTEN: `127.0.0.1:${tlsPort}`,
      HEADGATE_SECRETS_KEY: SECRETS_KEY,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_NATS_URL: natsUrl,
      HEADGATE_REDIS_URL: redis.url,
      HEADGATE_REDIS_TIMEOUT_MS: '250',
    });
  };
  try {
    const nats = await startNats();
    stops.push(() => nats.stop());
    await providePGlite(join(directory.path, 'config-service', 'pglite'));
    const [port, edgePort] = [await freePort(), options.edge ? await freePort() : 0];
    const tlsPort = options.edge ? await freePort() : 0;
    const config = start('config-service', {
      HEADGATE_CONFIG_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN,
      HEADGATE_SECRETS_KEY: SECRETS_KEY,
      HEADGATE_DATABASE_URL: undefined,
      HEADGATE_NATS_URL: nats.url,
    });
    const [configService] = await Promise.all([
      config,
      options.edge ? startEdge(nats.url, edgePort, tlsPort) : null,
    ]);
    const folder = join(directory.path, 'files');
    await mkdir(folder);
    const configLines = () => configService.stdout();
    const url = `http://127.0.0.1:${port}`;
    return { url, edgePort, tlsPort, configLines, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
