import { startServer, type ServerProcess } from './server-process.ts';
import { startProcess } from './start-process.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Options of {@link startRedis}. */
export interface RedisOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Password of the default user. Default: none. */
  readonly password?: string;
  /** Append-only file with fsync on every write: restarts and kills keep the data. Default false. */
  readonly appendOnly?: boolean;
  /** Working directory of the server. Default: a temporary one, deleted by `stop()`. */
  readonly directory?: string;
  /** Serve TLS, with this certificate and key (files, PEM). Default: plain TCP. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Further arguments, for example `['--replicaof', '127.0.0.1', '6379']`. */
  readonly args?: readonly string[];
  /** Added to the environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running Redis server. */
export interface RedisServer extends ServerProcess {
  /** `redis://[:password@]127.0.0.1:port`, or `rediss://…`. */
  readonly url: string;
}

/**
 * Starts `redis-server` on 127.0.0.1, without persistence unless `appendOnly` is set.
 *
 * @throws ProcessStartError if it does not start (for example because it is not installed).
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const temporary = options.directory === undefined ? await temporaryDirectory('redis') : null;
  const server = await startServer(
    (port) =>
      startProcess({
        name: `redis-server on port ${port}`,
        command: 'redis-server',
        args: redisArguments(port, options.directory ?? temporary?.path ?? '.', options),
        readyWhen: /Ready to accept connections/,
        env: options.env ?? {},
      }),
    async () => temporary?.remove(),
    { port: options.port },
  );
  const login = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  const scheme = options.tls === undefined ? 'redis' : 'rediss';
  const url = `${scheme}://${login}127.0.0.1:${server.port}`;
  return Object.defineProperty(server, 'url', { value: url, enumerable: true }) as RedisServer;
}

function redisArguments(port: number, directory: string, options: RedisOptions): string[] {
  const persistence =
    options.appendOnly === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  const password = options.password === undefined ? [] : ['--requirepass', options.password];
  const secure =
    options.tls === undefined
      ? ['--port', String(port)]
      : [
          ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'],
          ...['--tls-cert-file', options.tls.certificateFile],
          ...['--tls-key-file', options.tls.keyFile],
          ...['--tls-ca-cert-file', options.tls.certificateFile],
        ];
  return [
    ...secure,
    // A replica gets its data at once, not with those that come within 5 s.
    ...['--repl-diskless-sync-delay', '0'],
    ...['--bind', '127.0.0.1', '--dir', directory, '--save', ''],
    ...persistence,
    ...password,
    ...(options.args ?? []),
  ];
}
