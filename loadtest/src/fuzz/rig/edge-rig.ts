import { firstEdge, startCluster, waitForRevision, type Cluster } from '../../cluster/cluster.ts';

/** A real edge, with the services that it needs; all targets of a run share one. */
export interface EdgeRig {
  /** Takes clients that begin with a PROXY protocol v2 header. */
  readonly port: number;
  /** Process id of the primary. */
  readonly pid: number;
  /** Sends the requests of the tenants t1 and t2 to the backend on this port from now on. */
  useBackend(port: number): Promise<void>;
  /** Log lines that tell of a bug or of a lost process, so far. */
  troubles(): readonly string[];
  /** Value of a gauge or counter, summed over its labels. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** The hosts of the two tenants; every other host is unknown. */
export const TENANT_HOSTS: readonly string[] = ['t1.test', 't2.test'];

const TROUBLE =
  /"msg":"(?:the request path failed|a deadline handler failed|a revision threw|worker lost; starting another)"/;

/** Longest time in ms for a backend's answer, and between its bytes; only a backend that hangs gets there. */
const BACKEND_TIMEOUT_MS = 5000;

/** Starts an edge with one worker; {@link EdgeRig.useBackend} comes first. */
export async function startEdgeRig(): Promise<EdgeRig> {
  return rigOf(
    await startCluster({
      edges: 1,
      healthService: false,
      edgeEnv: { HEADGATE_EDGE_PROXY_PROTOCOL: 'v2' },
    }),
  );
}

function rigOf(cluster: Cluster): EdgeRig {
  const edge = firstEdge(cluster);
  const { process } = edge.component;
  return {
    port: edge.port,
    pid: process.pid,
    async useBackend(backendPort) {
      const revision = await cluster.api.apply(bundle(backendPort));
      await waitForRevision(cluster, revision);
    },
    troubles: () => {
      const lines = [...process.stdout(), ...process.stderr()].filter((line) => TROUBLE.test(line));
      const exit = process.exit();
      return exit === null ? lines : [...lines, `the edge exited: ${JSON.stringify(exit)}`];
    },
    async metric(name) {
      const text = await (await fetch(`${edge.admin}/metrics`)).text();
      const lines = text.split('\n').filter((line) => /^[^{ ]*/.exec(line)?.[0] === name);
      if (lines.length === 0) throw new Error(`the edge has no metric ${name}`);
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    stop: () => cluster.stop(),
  };
}

function bundle(backendPort: number): object {
  const timeouts = { perTryTimeoutMs: BACKEND_TIMEOUT_MS, idleTimeoutMs: BACKEND_TIMEOUT_MS };
  const tenant = (host: string): object => ({
    planId: 'fuzz',
    identity: { hosts: [host] },
    upstreams: { backend: { endpoints: [{ host: '127.0.0.1', port: backendPort }] } },
    routes: { all: { upstreamId: 'backend', ...timeouts, retries: 0 } },
  });
  return {
    apiVersion: 'headgate/v1',
    plans: { fuzz: {} },
    tenants: Object.fromEntries(TENANT_HOSTS.map((host) => [host.slice(0, 2), tenant(host)])),
  };
}
