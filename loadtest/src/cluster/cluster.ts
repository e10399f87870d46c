import { fileURLToPath } from 'node:url';
import {
  createHttpOrigin,
  freePort,
  providePGlite,
  startNats,
  startPostgres,
  startProcess,
  startRedis,
  temporaryDirectory,
  waitFor,
  type HttpOrigin,
  type NatsServer,
  type PostgresServer,
  type RedisServer,
  type StartedProcess,
  type TemporaryDirectory,
} from '@headgate/testkit';
import { ConfigApi } from './config-api.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ADMIN_TOKEN = 'token-of-a-test-cluster-0001';
const READY = /"msg":"ready"/;
/** Room for the indexes of 100,000 tenants. */
const POSTGRES = { settings: { shared_buffers: '128MB' } };

/** A service of the cluster that can be stopped, killed and started again with the same settings and data. */
export class Component {
  readonly name: string;
  readonly #start: () => Promise<StartedProcess>;
  #process: StartedProcess | null = null;

  constructor(name: string, start: () => Promise<StartedProcess>) {
    this.name = name;
    this.#start = start;
  }

  get process(): StartedProcess {
    if (this.#process === null) throw new Error(`${this.name} is not running`);
    return this.#process;
  }

  get running(): boolean {
    return this.#process !== null && this.#process.exit() === null;
  }

  async start(): Promise<void> {
    this.#process = await this.#start();
  }

  /** SIGTERM, then SIGKILL after `deadlineMs`. */
  async stop(deadlineMs = 15_000): Promise<void> {
    await this.#process?.stop(deadlineMs);
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }
}

/** An edge of the cluster. */
export interface ClusterEdge {
  readonly component: Component;
  /** Where it serves; all edges share one port if the cluster was asked to. */
  readonly port: number;
  /** `http://host:port` of its admin listener, fixed over restarts. */
  readonly admin: string;
  /** Holds its last good configuration; gone with the cluster. */
  readonly dataDirectory: string;
}

/** A config-service of the cluster. */
export interface ConfigReplica {
  readonly component: Component;
  readonly api: ConfigApi;
}

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  readonly edges?: number;
  /** All edges accept on one port (`SO_REUSEPORT`), as behind a load balancer. Default false. */
  readonly sharedPort?: boolean;
  readonly edgeEnv?: Readonly<Record<string, string>>;
  readonly healthService?: boolean;
  /** Default pglite: within the config-service. */
  readonly database?: 'pglite' | 'postgres';
  readonly configEnv?: Readonly<Record<string, string>>;
  /** Further config-services, on the same PostgreSQL; PGlite serves one only. Default 0. */
  readonly configReplicas?: number;
  /** Entry of the edges instead of the real one. */
  readonly edgeEntry?: string;
  /** Where a component, by its name, reaches NATS: through a proxy, say. Default: NATS itself. */
  readonly natsUrlOf?: (component: string, nats: NatsServer) => Promise<string>;
  /** False: the caller starts the edges. Default true. */
  readonly startEdges?: boolean;
}

/** A whole Headgate on this machine: real processes, nothing faked. */
export interface Cluster {
  readonly redis: RedisServer;
  readonly nats: NatsServer;
  /** Null on PGlite. */
  readonly postgres: PostgresServer | null;
  readonly configService: Component;
  readonly replicas: readonly ConfigReplica[];
  readonly healthService: Component;
  readonly edges: readonly ClusterEdge[];
  /** Of `configService`. */
  readonly api: ConfigApi;
  /** Ends everything at once (whoever looks at an orderly end stops the component first) and removes its data. */
  stop(): Promise<void>;
}

/** Starts Redis, NATS, the config-service with its database, the health-service and edges. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const directory = await temporaryDirectory();
  const [redis, nats, postgres] = await Promise.all([
    startRedis(),
    startNats(),
    options.database === 'postgres' ? startPostgres(POSTGRES) : null,
  ]);
  const parts = { directory, redis, nats, postgres };
  const { component: configService, api } = await startReplica(1, options, parts);
  const replicas: ConfigReplica[] = [];
  for (let index = 2; index < 2 + (options.configReplicas ?? 0); index += 1) {
    replicas.push(await startReplica(index, options, parts));
  }
  const healthService = new Component('health-service', () =>
    startService(
      'health-service',
      { HEADGATE_NODE_ID: 'health-1', HEADGATE_NATS_URL: nats.url },
      /"msg":"listening"/,
    ),
  );
  const [edges] = await Promise.all([
    startEdges(options, parts),
    options.healthService === false ? undefined : healthService.start(),
  ]);
  return {
    redis,
    nats,
    postgres,
    configService,
    replicas,
    healthService,
    edges,
    api,
    async stop() {
      const others = [...edges, ...replicas].map(({ component }) => component);
      const components = [...others, healthService, configService];
      await Promise.all(components.map((component) => component.kill()));
      await Promise.all([redis.stop(), nats.stop(), postgres?.stop()]);
      await directory.remove();
    },
  };
}

/** What services of a cluster share. */
interface ClusterParts {
  readonly directory: TemporaryDirectory;
  readonly redis: RedisServer;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer | null;
}

async function startReplica(
  index: number,
  options: ClusterOptions,
  { directory, nats, postgres }: ClusterParts,
): Promise<ConfigReplica> {
  const port = await freePort();
  const name = index === 1 ? 'config-service' : `config-service ${index}`;
  const natsUrl = await natsUrlFor(name, options, nats);
  const dataDirectory = `${directory.path}/config`;
  if (postgres === null) await providePGlite(`${dataDirectory}/pglite`);
  const component = new Component(name, () =>
    startService('config-service', {
      HEADGATE_NODE_ID: `config-${index}`,
      HEADGATE_CONFIG_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_ADMIN_TOKEN: ADMIN_TOKEN,
      HEADGATE_NATS_URL: natsUrl,
      HEADGATE_DATA_DIR: dataDirectory,
      ...(postgres === null ? {} : { HEADGATE_DATABASE_URL: postgres.url }),
      ...options.configEnv,
    }),
  );
  await component.start();
  return { component, api: new ConfigApi(`http://127.0.0.1:${port}`, ADMIN_TOKEN) };
}

async function startEdges(options: ClusterOptions, parts: ClusterParts): Promise<ClusterEdge[]> {
  const sharedPort = options.sharedPort === true ? await freePort() : null;
  const edges: ClusterEdge[] = [];
  for (let index = 1; index <= (options.edges ?? 2); index += 1) {
    const port = sharedPort ?? (await freePort());
    const adminPort = await freePort();
    const dataDirectory = `${parts.directory.path}/edge-${index}`;
    const env = {
      HEADGATE_NODE_ID: `edge-${index}`,
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_DATA_DIR: dataDirectory,
      HEADGATE_NATS_URL: await natsUrlFor(`edge-${index}`, options, parts.nats),
      HEADGATE_REDIS_URL: parts.redis.url,
      ...options.edgeEnv,
    };
    const admin = `http://127.0.0.1:${adminPort}`;
    const component = new Component(`edge-${index}`, () =>
      startService('edge', env, READY, options.edgeEntry),
    );
    edges.push({ component, port, admin, dataDirectory });
  }
  if (options.startEdges !== false) {
    await Promise.all(edges.map(({ component }) => component.start()));
  }
  return edges;
}

function natsUrlFor(component: string, options: ClusterOptions, nats: NatsServer): Promise<string> {
  return options.natsUrlOf?.(component, nats) ?? Promise.resolve(nats.url);
}

function startService(
  name: string,
  env: Readonly<Record<string, string>>,
  readyWhen = READY,
  entry = `${ROOT}services/${name}/src/main.ts`,
): Promise<StartedProcess> {
  return startProcess({
    name,
    command: process.execPath,
    args: [entry],
    env,
    readyWhen,
    readyTimeoutMs: 60_000,
    outputLinesMax: 20_000,
  });
}

/** The edge of a cluster that has one, else the first. @throws Error if it was started without any. */
export function firstEdge({ edges }: Pick<Cluster, 'edges'>): ClusterEdge {
  const [edge] = edges;
  if (edge === undefined) throw new Error('the cluster has no edge');
  return edge;
}

/** Waits until every edge holds the revision and its workers have decided on everything that came. */
export async function waitForRevision(
  cluster: Cluster,
  revision: number,
  deadlineMs = 20_000,
): Promise<void> {
  for (const edge of cluster.edges) {
    await waitFor(
      async () => {
        const response = await fetch(`${edge.admin}/config`);
        const { feed, undecided } = (await response.json()) as {
          feed: { revision: number };
          undecided: number;
        }; // of our own edge
        return feed.revision >= revision && undecided === 0;
      },
      { deadlineMs, message: `${edge.component.name} holds revision ${revision}` },
    );
  }
}

/** Starts small endpoints that answer with their name. */
export async function startEndpoints(count: number): Promise<HttpOrigin[]> {
  const origins: HttpOrigin[] = [];
  for (let index = 1; index <= count; index += 1) {
    origins.push(
      await createHttpOrigin((request, response) => {
        request.resume();
        response.setHeader('content-type', 'text/plain');
        response.end(`endpoint-${index}\n`);
      }),
    );
  }
  return origins;
}
