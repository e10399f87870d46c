import { join } from 'node:path';
import {
  createHttpOrigin,
  freePort,
  providePGlite,
  startNats,
  startProcess,
  temporaryDirectory,
  type HttpOrigin,
  type StartedProcess,
} from '@headgate/testkit';
import { CLUSTER_TOKEN } from './cli-cluster.ts';
import { run, type CliRun } from './cli-harness.ts';

const services = join(import.meta.dirname, '..', '..');
/** The first edge is the canary. */
const RINGS = ['canary', 'default', 'default', 'default'] as const;

/** What an edge answered to requests of one tenant. */
export type Answers = Map<string, number>;

/** A config-service and four edges, the first of them in ring `canary`, as processes of their own. */
export class RolloutCluster {
  readonly #stops: (() => Promise<unknown>)[] = [];
  readonly #running = new Map<string, StartedProcess>();
  readonly #ports: number[] = [];
  #configPort = 0;
  #natsUrl = '';
  #directory = '';

  /** Starts all of it; whoever does closes it. */
  static async open(): Promise<RolloutCluster> {
    const cluster = new RolloutCluster();
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((started) => started.stop(0)));
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  /** An endpoint that answers every request with this status and text. */
  async backend(status: number, text: string): Promise<HttpOrigin> {
    const backend = await createHttpOrigin((_request, response) => {
      response.writeHead(status).end(text);
    });
    this.#stops.push(() => backend.close());
    return backend;
  }

  headgate(...args: string[]): Promise<CliRun> {
    const url = `http://127.0.0.1:${this.#configPort}`;
    return run([...args, '--url', url], { env: { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN } });
  }

  get folder(): string {
    return this.#directory;
  }

  /** Status and text that an edge (0 is the canary) answers to a tenant's request. */
  async ask(edge: number, tenantId: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#ports[edge] ?? 0}/${tenantId}`);
    return `${response.status} ${await response.text()}`;
  }

  /** What the edges answer to a tenant's request, one after the other. */
  async askAll(tenantId: string): Promise<string[]> {
    return Promise.all(RINGS.map((_, edge) => this.ask(edge, tenantId)));
  }

  /** Sends requests of the tenants to all edges until the returned function is called, which tells the answers. */
  load(tenantIds: readonly string[]): () => Promise<readonly ReadonlyMap<string, Answers>[]> {
    let isOver = false;
    const loops = RINGS.map(async (_, edge) => {
      const byTenant = new Map(tenantIds.map((id) => [id, new Map<string, number>()]));
      while (!isOver) {
        for (const [tenantId, answers] of byTenant) {
          const answer = await this.ask(edge, tenantId);
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      }
      return byTenant;
    });
    return () => {
      isOver = true;
      return Promise.all(loops);
    };
  }

  /** Ends a process as a crash does. */
  async kill(name: string): Promise<void> {
    const started = this.#running.get(name);
    started?.kill('SIGKILL');
    await started?.exited;
    this.#running.delete(name);
  }

  async startConfigService(): Promise<void> {
    await this.#run('config-service', 'config-service', {
      HEADGATE_CONFIG_LISTEN: `127.0.0.1:${this.#configPort}`,
      HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN,
      HEADGATE_DATABASE_URL: undefined,
    });
  }

  /** Starts an edge, with what it left on its disk. */
  async startEdge(edge: number): Promise<void> {
    await this.#run(`edge-${edge}`, 'edge', {
      HEADGATE_NODE_ID: `edge-${edge}`,
      HEADGATE_EDGE_RING: RINGS[edge],
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${this.#ports[edge] ?? 0}`,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_EDGE_ACCESS_RECORDS: 'off',
      HEADGATE_REDIS_URL: 'redis://127.0.0.1:1',
    });
  }

  async #start(): Promise<void> {
    const directory = await temporaryDirectory('rollouts');
    this.#stops.push(() => directory.remove());
    this.#directory = directory.path;
    await providePGlite(join(directory.path, 'config-service', 'pglite'));
    const nats = await startNats();
    this.#stops.push(() => nats.stop());
    this.#natsUrl = nats.url;
    this.#configPort = await freePort();
    for (const _ of RINGS) this.#ports.push(await freePort());
    await this.startConfigService();
    await Promise.all(RINGS.map((_, edge) => this.startEdge(edge)));
  }

  async #run(
    name: string,
    service: string,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<void> {
    const started = await startProcess({
      name,
      command: process.execPath,
      args: [join(services, service, 'src', 'main.ts')],
      env: {
        HEADGATE_DATA_DIR: join(this.#directory, name),
        HEADGATE_NATS_URL: this.#natsUrl,
        ...env,
      },
      readyWhen: /"msg":"ready"/,
      readyTimeoutMs: 60_000,
    });
    this.#running.set(name, started);
  }
}
