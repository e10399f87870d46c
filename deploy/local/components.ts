import { join } from 'node:path';
import type { ClusterPorts } from './ports.ts';

/** One process of the cluster: what to run and when it counts as ready. */
export interface ComponentSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of the starter. */
  readonly env: Readonly<Record<string, string>>;
  /** Matches the line of its output that says it is ready. */
  readonly readyLine: RegExp;
  /** Addresses for people. */
  readonly address: string;
  /** How long it may take to stop, ms; it is killed then. */
  readonly stopTimeoutMs: number;
}

/** What the components need to know of their surroundings. */
export interface ClusterSettings {
  /** Folder of the workspace. */
  readonly root: string;
  /** The Node that runs the services. */
  readonly node: string;
  readonly dataDirectory: string;
  readonly ports: ClusterPorts;
  readonly adminToken: string;
  /** Of config-service and edges. */
  readonly secretsKey: string;
}

const HOST = '127.0.0.1';
/** Everything runs on this machine, so tenants may put their endpoints here too. */
const ENDPOINTS_ALLOWED = '127.0.0.0/8,::1';
/** The services log this once they are ready, as JSON. */
const SERVICE_READY = /"msg":"ready"/;
/** Long enough for requests of a demo, short enough for Ctrl-C. */
const EDGE_DRAIN_MS = 2000;
const STOP_TIMEOUT_MS = 8000;

/**
 * The components in stages: those of a stage start together, when the stage before is ready. They
 * stop in reverse.
 */
export function createComponentSpecs(
  settings: ClusterSettings,
): readonly (readonly ComponentSpec[])[] {
  const edges = settings.ports.edges.map((_, index) => edge(settings, index));
  return [
    [redis(settings), nats(settings), ...demoEndpoints(settings)],
    [configService(settings)],
    [healthService(settings), ...edges],
  ];
}

/** No persistence: limiter state may be lost, it is rebuilt within the longest window. */
function redis({ ports, dataDirectory }: ClusterSettings): ComponentSpec {
  const args = [
    ...['--bind', HOST, '--port', String(ports.redis), '--dir', dataDirectory],
    ...['--save', '', '--appendonly', 'no', '--maxmemory', '256mb'],
    ...['--maxmemory-policy', 'noeviction', '--always-show-logo', 'no'],
  ];
  return {
    name: 'redis-server',
    command: 'redis-server',
    args,
    env: {},
    readyLine: /Ready to accept connections/,
    address: `redis://${HOST}:${ports.redis}`,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  };
}

function nats({ ports, dataDirectory }: ClusterSettings): ComponentSpec {
  return {
    name: 'nats-server',
    command: 'nats-server',
    args: [
      ...['--addr', HOST, '--port', String(ports.nats)],
      ...['--jetstream', '--store_dir', join(dataDirectory, 'nats')],
    ],
    env: {},
    readyLine: /Server is ready/,
    address: `nats://${HOST}:${ports.nats}`,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  };
}

function demoEndpoints({ root, node, ports }: ClusterSettings): ComponentSpec[] {
  return ports.demoEndpoints.map((port, index) => {
    const name = `demo-${index + 1}`;
    return {
      name,
      command: node,
      args: [join(root, 'deploy', 'local', 'demo-endpoint.ts'), name, String(port)],
      env: {},
      readyLine: SERVICE_READY,
      address: `http://${HOST}:${port}`,
      stopTimeoutMs: STOP_TIMEOUT_MS,
    };
  });
}

function configService(settings: ClusterSettings): ComponentSpec {
  const { ports, adminToken, secretsKey } = settings;
  return service(settings, 'config-service', 'config', ports.configAdmin, {
    address: `http://${HOST}:${ports.configApi}`,
    env: {
      HEADGATE_CONFIG_LISTEN: `${HOST}:${ports.configApi}`,
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_SECRETS_KEY: secretsKey,
      // Empty counts as not set: the local cluster keeps its own store whatever the shell exports.
      HEADGATE_DATABASE_URL: '',
      HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: ENDPOINTS_ALLOWED,
    },
  });
}

function healthService(settings: ClusterSettings): ComponentSpec {
  const port = settings.ports.healthAdmin;
  return service(settings, 'health-service', 'health', port, {
    address: `http://${HOST}:${port}/metrics`,
    env: { HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: ENDPOINTS_ALLOWED },
  });
}

function edge(settings: ClusterSettings, index: number): ComponentSpec {
  const { ports, secretsKey } = settings;
  const name = `edge-${index + 1}`;
  const listen = `${HOST}:${ports.edges[index] ?? 0}`;
  const admin = ports.edgeAdmins[index] ?? 0;
  return service(settings, name, name, admin, {
    source: 'edge',
    address: `http://${listen}, admin http://${HOST}:${admin}`,
    env: {
      HEADGATE_EDGE_LISTEN: listen,
      HEADGATE_EDGE_TLS_LISTEN: `${HOST}:${ports.edgesTls[index] ?? 0}`,
      HEADGATE_SECRETS_KEY: secretsKey,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_EDGE_DRAIN_MS: String(EDGE_DRAIN_MS),
      // Whoever can reach this port is on this machine, so its tenant header is heard.
      HEADGATE_EDGE_TRUSTED_PROXIES: `${HOST}/32`,
      HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: ENDPOINTS_ALLOWED,
      HEADGATE_REDIS_URL: `redis://${HOST}:${ports.redis}`,
    },
  });
}

function service(
  settings: ClusterSettings,
  name: string,
  folder: string,
  adminPort: number,
  own: {
    readonly source?: string;
    readonly address: string;
    readonly env: Readonly<Record<string, string>>;
  },
): ComponentSpec {
  const { root, node, dataDirectory, ports } = settings;
  return {
    name,
    command: node,
    args: [join(root, 'services', own.source ?? name, 'src', 'main.ts')],
    env: {
      HEADGATE_NODE_ID: name,
      HEADGATE_NATS_URL: `nats://${HOST}:${ports.nats}`,
      HEADGATE_NATS_USER: '',
      HEADGATE_NATS_PASSWORD: '',
      HEADGATE_ADMIN_LISTEN: `${HOST}:${adminPort}`,
      HEADGATE_DATA_DIR: join(dataDirectory, folder),
      ...own.env,
    },
    readyLine: SERVICE_READY,
    address: own.address,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  };
}
