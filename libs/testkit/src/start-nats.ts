import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServer, type ServerProcess } from './server-process.ts';
import { startProcess } from './start-process.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Options of {@link startNats}. */
export interface NatsOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Largest message the server takes, in bytes. Default: the server's, 1 MiB. */
  readonly payloadBytesMax?: number;
  /** Further lines for the server's configuration file. Default: none. */
  readonly configuration?: string;
}

/** A running NATS server with JetStream. */
export interface NatsServer extends ServerProcess {
  /** `nats://127.0.0.1:port`. */
  readonly url: string;
  /** Where JetStream keeps its files, for those who damage them while it does not run. */
  readonly storeDirectory: string;
  /** As `restart()`, but everything that JetStream stored is gone. */
  restartEmpty(): Promise<void>;
}

/**
 * Starts `nats-server` on 127.0.0.1 with JetStream in a temporary directory.
 *
 * @throws ProcessStartError if it does not start (for example because it is not installed).
 */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const directory = await temporaryDirectory('nats');
  const store = join(directory.path, 'store');
  const configuration = join(directory.path, 'nats.conf');
  await writeFile(configuration, natsConfiguration(store, options));
  const server = await startServer(
    (port) =>
      startProcess({
        name: `nats-server on port ${port}`,
        command: 'nats-server',
        args: ['-c', configuration, '-a', '127.0.0.1', '-p', String(port)],
        readyWhen: /Server is ready/,
      }),
    () => directory.remove(),
    { port: options.port },
  );
  const extension = {
    url: `nats://127.0.0.1:${server.port}`,
    storeDirectory: store,
    async restartEmpty() {
      await server.kill();
      await rm(store, { recursive: true, force: true });
      await server.restart();
    },
  };
  return Object.defineProperties(
    server,
    Object.getOwnPropertyDescriptors(extension),
  ) as ServerProcess & typeof extension;
}

function natsConfiguration(store: string, options: NatsOptions): string {
  const lines = [
    `jetstream { store_dir: "${store}", max_memory_store: 64MB, max_file_store: 512MB }`,
    'write_deadline: "5s"',
  ];
  if (options.payloadBytesMax !== undefined) lines.push(`max_payload: ${options.payloadBytesMax}`);
  return [...lines, options.configuration ?? '', ''].join('\n');
}
