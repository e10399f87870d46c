import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { Failure } from './bootstrap/failure.mjs';

/** Port of the gateway unless `--port-base` says otherwise. */
export const PORT_BASE_DEFAULT = 8080;
/** Edges of a local cluster; their admin ports lie between +21 and +29. */
export const EDGES_MAX = 9;
/** Distance of the highest port from the base. */
export const PORT_SPAN = 58;
/** Number of demo endpoints. */
export const DEMO_ENDPOINTS = 3;

/** Every TCP port of a local cluster, all on 127.0.0.1. */
export interface ClusterPorts {
  /** Where each edge listens: all on one port where the system can share it. */
  readonly edges: readonly number[];
  /** The same for TLS. */
  readonly edgesTls: readonly number[];
  readonly edgeAdmins: readonly number[];
  readonly configApi: number;
  readonly configAdmin: number;
  readonly healthAdmin: number;
  readonly redis: number;
  readonly nats: number;
  readonly demoEndpoints: readonly number[];
}

/**
 * Lays the ports out.
 *
 * @param sharePort false where the kernel does not spread connections over listeners of one port
 *   (macOS): edge 2 then listens on +1, and so on.
 */
export function clusterPorts(base: number, edges: number, sharePort: boolean): ClusterPorts {
  const range = (first: number, count: number) =>
    Array.from({ length: count }, (_, index) => first + index);
  const spread = (first: number) =>
    sharePort ? Array.from({ length: edges }, () => first) : range(first, edges);
  return {
    edges: spread(base),
    edgesTls: spread(base + 50),
    edgeAdmins: range(base + 21, edges),
    configApi: base + 10,
    configAdmin: base + 11,
    healthAdmin: base + 12,
    redis: base + 30,
    nats: base + 31,
    demoEndpoints: range(base + 41, DEMO_ENDPOINTS),
  };
}

/**
 * Checks that nobody listens on the ports.
 *
 * @throws Failure that names the first port in use, who has it if that can be found out, and the
 *   flag that moves the cluster elsewhere.
 */
export async function checkPorts(ports: ClusterPorts): Promise<void> {
  for (const [purpose, port] of describePorts(ports)) {
    if (await canListen(port)) continue;
    const owner = findListener(port);
    throw new Failure(
      `port ${port}, needed for ${purpose}, is in use${owner === null ? '' : ` by ${owner}`}.`,
      'Stop that program, or use other ports: npm start -- --port-base 9000\n' +
        (owner === null ? `To see who has the port: lsof -nP -iTCP:${port} -sTCP:LISTEN` : ''),
    );
  }
}

function* describePorts(ports: ClusterPorts): Iterable<readonly [string, number]> {
  for (const port of new Set(ports.edges)) yield ['the gateway', port];
  for (const port of new Set(ports.edgesTls)) yield ['the gateway, with TLS', port];
  yield ['the REST API of the config-service', ports.configApi];
  yield ['the admin pages of the config-service', ports.configAdmin];
  yield ['the admin pages of the health-service', ports.healthAdmin];
  for (const port of ports.edgeAdmins) yield ['the admin pages of an edge', port];
  yield ['Redis', ports.redis];
  yield ['NATS', ports.nats];
  for (const port of ports.demoEndpoints) yield ['a demo endpoint', port];
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}

/** Asks the system's own tools, of which a machine may have none. */
function findListener(port: number): string | null {
  const sockets = run('ss', ['-Hltnp', `sport = :${port}`]);
  const user = /users:\(\("([^"]+)",pid=(\d+)/.exec(sockets);
  if (user !== null) return `${user[1]} (pid ${user[2]})`;
  const files = run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']);
  const found = /^p(\d+)\nc(.+)$/m.exec(files);
  return found === null ? null : `${found[2]} (pid ${found[1]})`;
}

function run(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: 'utf8', timeout: 2000 }).stdout ?? '';
}
