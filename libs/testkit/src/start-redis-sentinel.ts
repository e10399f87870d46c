import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sendRedis } from './redis-command.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { startProcess } from './start-process.ts';
import { startRedis, type RedisServer } from './start-redis.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

/** What the Sentinel calls the master. */
const MASTER = 'mymaster';

/** Options of {@link startRedisSentinel}. */
export interface RedisSentinelOptions {
  /** Time in ms after which a silent master counts as lost. Default 500. */
  readonly downAfterMs?: number;
  /** Of master and replica. Default: none. */
  readonly password?: string;
  /** Of the Sentinel itself. Default: none. */
  readonly sentinelPassword?: string;
}

/** A master, a replica and a Sentinel that promotes the replica when the master is lost. */
export interface RedisSentinel {
  /** The master of the start. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: ServerProcess;
  /** `redis+sentinel://[:password@]127.0.0.1:port/mymaster[?sentinelPassword=…]`. */
  readonly url: string;
  /** The port of the present master, by the Sentinel. */
  masterPort(): Promise<number>;
  /** Has the replica promoted while the master is well; resolves when the Sentinel names it. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the three processes; resolves when the replica has the master's data and the Sentinel knows of it.
 *
 * @throws ProcessStartError, or Error if they do not agree within 20 s.
 */
export async function startRedisSentinel(
  options: RedisSentinelOptions = {},
): Promise<RedisSentinel> {
  const { password, sentinelPassword } = options;
  const login = password === undefined ? {} : { password };
  const auth = password === undefined ? [] : ['--masterauth', password];
  const master = await startRedis({ ...login, args: auth });
  const replica = await startRedis({
    ...login,
    args: [...auth, '--replicaof', master.host, String(master.port)],
  });
  const sentinel = await startSentinel(master, options);
  const ask = (...words: readonly string[]) =>
    sendRedis(sentinel, ['SENTINEL', ...words], sentinelPassword);
  const masterPort = async (): Promise<number> => {
    const address = await ask('GET-MASTER-ADDR-BY-NAME', MASTER);
    return Array.isArray(address) ? Number(address[1]) : 0;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([sentinel.stop(), replica.stop(), master.stop()]);
  };
  const isReady = async (): Promise<boolean> => {
    const info = await sendRedis(replica, ['INFO', 'replication'], password);
    const replicas = await ask('REPLICAS', MASTER);
    return (
      String(info).includes('master_link_status:up') &&
      JSON.stringify(replicas).includes(`"${replica.port}"`) &&
      // Its state is known once it has told it.
      JSON.stringify(replicas).includes('"master-link-status","ok"')
    );
  };
  await waitFor(isReady, { message: 'the Sentinel to know the replica' }).catch(
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  const query =
    sentinelPassword === undefined
      ? ''
      : `?sentinelPassword=${encodeURIComponent(sentinelPassword)}`;
  return {
    ...{ master, replica, sentinel, masterPort, stop },
    url: `redis+sentinel://${user}127.0.0.1:${sentinel.port}/${MASTER}${query}`,
    async failOver() {
      await ask('FAILOVER', MASTER);
      await waitFor(async () => (await masterPort()) === replica.port, {
        message: 'the Sentinel to name the replica',
      });
    },
  };
}

async function startSentinel(
  master: RedisServer,
  { downAfterMs = 500, password, sentinelPassword }: RedisSentinelOptions,
): Promise<ServerProcess> {
  const directory = await temporaryDirectory('sentinel');
  const file = join(directory.path, 'sentinel.conf');
  const lines = [
    `sentinel monitor ${MASTER} ${master.host} ${master.port} 1`,
    `sentinel down-after-milliseconds ${MASTER} ${downAfterMs}`,
    // An attempt that finds no good replica, on a machine that held it up, is made again after twice this.
    `sentinel failover-timeout ${MASTER} 1500`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER} ${password}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return startServer(
    (port) =>
      startProcess({
        name: `Redis Sentinel on port ${port}`,
        command: 'redis-server',
        args: [file, '--sentinel', '--port', String(port), '--dir', directory.path],
        readyWhen: /\+monitor master/,
      }),
    () => directory.remove(),
  );
}
