import { freePort } from './free-port.ts';
import { sendRedis } from './redis-command.ts';
import { startRedis, type RedisServer } from './start-redis.ts';
import { waitFor } from './wait-for.ts';

const SLOTS = 16_384;

/** Options of {@link startRedisCluster}. */
export interface RedisClusterOptions {
  /** Masters, with equal parts of the slots in order, as `redis-cli --cluster create` makes them. Default 3. */
  readonly masters?: number;
  /** Replicas of the first master. Default 0. */
  readonly replicas?: number;
  /** Time in ms after which a silent node counts as lost. Default 500. */
  readonly nodeTimeoutMs?: number;
  /** Of all nodes. Default: none. */
  readonly password?: string;
}

/** A Redis Cluster of processes on this machine. */
export interface RedisCluster {
  /** The masters, as they were at the start, in order of their slots. */
  readonly masters: readonly RedisServer[];
  readonly replicas: readonly RedisServer[];
  /** `redis+cluster://[:password@]127.0.0.1:port,…` with all nodes. */
  readonly url: string;
  /** Index of the master that had a slot at the start. */
  masterOf(slot: number): number;
  /** Waits until every master of the start says that the cluster is well. */
  isWell(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts `redis-server` processes and makes a cluster of them; takes some 3 s. A cluster that lost a master goes on to
 * serve the slots of the others.
 *
 * @throws ProcessStartError, or Error if the nodes do not agree within 20 s.
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters: count = 3, replicas: copies = 0, password } = options;
  const nodes = await Promise.all(Array.from({ length: count + copies }, () => startNode(options)));
  const startOf = (index: number): number => Math.round((index * SLOTS) / count);
  const servers = nodes.map(({ server }) => server);
  const masters = servers.slice(0, count);
  const replicas = servers.slice(count);
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const isWell = async (): Promise<void> => {
    for (const master of masters) {
      await waitFor(
        async () =>
          String(await sendRedis(master, ['CLUSTER', 'INFO'], password)).includes(
            'cluster_state:ok',
          ),
        { message: `node ${master.port} to find the cluster well` },
      );
    }
  };
  try {
    for (const [index, master] of masters.entries()) {
      const range = [startOf(index), startOf(index + 1) - 1];
      await sendRedis(master, ['CLUSTER', 'ADDSLOTSRANGE', ...range], password);
    }
    const [first] = masters;
    if (first === undefined) throw new RangeError('a cluster needs a master');
    for (const { server, busPort } of nodes.slice(1)) {
      const meet = ['CLUSTER', 'MEET', server.host, server.port, busPort];
      await sendRedis(first, meet, password);
    }
    await isWell();
    const id = String(await sendRedis(first, ['CLUSTER', 'MYID'], password));
    for (const replica of replicas) await follow(replica, id, password);
  } catch (error) {
    await stop();
    throw error;
  }
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return {
    ...{ masters, replicas, isWell, stop },
    url: `redis+cluster://${login}${servers.map(({ host, port }) => `${host}:${port}`).join(',')}`,
    masterOf: (slot) => Math.floor(((slot + 0.5) * count) / SLOTS),
  };
}

async function startNode({
  nodeTimeoutMs = 500,
  password,
}: RedisClusterOptions): Promise<{ server: RedisServer; busPort: number }> {
  const busPort = await freePort();
  const server = await startRedis({
    ...(password === undefined ? {} : { password }),
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
      ...['--cluster-node-timeout', String(nodeTimeoutMs)],
      ...['--cluster-require-full-coverage', 'no'],
      ...(password === undefined ? [] : ['--masterauth', password]),
    ],
  });
  return { server, busPort };
}

/** Makes a node a replica that has all data of its master. */
async function follow(replica: RedisServer, masterId: string, password?: string): Promise<void> {
  await waitFor(
    async () => (await sendRedis(replica, ['CLUSTER', 'REPLICATE', masterId], password)) === 'OK',
    { message: `node ${replica.port} to know its master` },
  );
  await waitFor(
    async () =>
      String(await sendRedis(replica, ['INFO', 'replication'], password)).includes(
        'master_link_status:up',
      ),
    { message: `node ${replica.port} to follow its master` },
  );
}
