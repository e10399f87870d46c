import { ShutdownStack } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { request } from 'undici';
import { REQUEST_PATH } from '../../bench/side-by-side/settings.ts';
import { tenantHost } from '../../bench/side-by-side/tenant-documents.ts';
import {
  changedPath,
  changeTenant,
  loadTenants,
  tenantOfChange,
} from '../../bench/config/tenants.ts';
import {
  startCluster,
  type Cluster,
  type ClusterEdge,
  type ClusterOptions,
} from '../../cluster/cluster.ts';
import { runLoad, tally, type Outcome } from '../../cluster/load.ts';
import { NatsLink } from '../../cluster/nats-link.ts';
import { waitForPublished } from '../../cluster/wait-for-published.ts';
import { UNBOUNDED_RATES } from '../../cluster/unbounded-rates.ts';
import { HeldEndpoint, type Gate } from './held-endpoint.ts';

/** A change that the config-service has acknowledged. */
export interface MadeChange {
  readonly tenant: number;
  readonly change: number;
  readonly revision: number;
  /** When the reply was there, in ms of `performance.now()`. */
  readonly repliedMs: number;
}

/** What requests saw while something happened, and what that returned. */
export interface UnderLoad<Value> {
  readonly value: Value;
  readonly outcomes: readonly Outcome[];
  readonly failed: number;
  /** For people. */
  readonly text: string;
}

/** What `/config` of an edge tells. */
export interface HeldConfig {
  readonly total: number;
  /** Documents that have not soaked. */
  readonly onProbation: number;
  readonly feed: { readonly revision: number; readonly synced: boolean; readonly epoch: string };
  readonly documents: readonly { readonly key: string; readonly revision: number }[];
  readonly rejected: readonly {
    readonly key: string;
    readonly revision: number;
    readonly reason: string;
  }[];
}

/** Options of {@link FaultRig.start}. */
export interface FaultRigOptions {
  readonly edges: number;
  readonly tenants: number;
  /** Further routes of each tenant, of about 125 bytes. Default 0. */
  readonly furtherRoutes?: number;
  readonly cluster?: Pick<ClusterOptions, 'edgeEntry' | 'edgeEnv'>;
}

const LOAD_PER_SECOND = 200;
const LOADED_HOSTS = 16;
const PER_BUNDLE = 1000;
const CONFIG_SERVICE = 'config-service';

/** A cluster on PostgreSQL, each of whose parts has a way of its own to NATS. Faults are tried on it one after the other. */
export class FaultRig {
  readonly cluster: Cluster;
  readonly #options: FaultRigOptions;
  readonly #endpoint: HeldEndpoint;
  readonly #links: ReadonlyMap<string, NatsLink>;
  readonly #shutdown: ShutdownStack;
  #change = 0;

  private constructor(
    cluster: Cluster,
    options: FaultRigOptions,
    endpoint: HeldEndpoint,
    links: ReadonlyMap<string, NatsLink>,
    shutdown: ShutdownStack,
  ) {
    this.cluster = cluster;
    this.#options = options;
    this.#endpoint = endpoint;
    this.#links = links;
    this.#shutdown = shutdown;
  }

  static async start(options: FaultRigOptions): Promise<FaultRig> {
    const shutdown = new ShutdownStack();
    const links = new Map<string, NatsLink>();
    const endpoint = await HeldEndpoint.start();
    shutdown.push('endpoint', () => endpoint.close());
    shutdown.push('links', async () => {
      for (const link of links.values()) await link.close();
    });
    try {
      const cluster = await startCluster({
        edges: options.edges,
        healthService: false,
        database: 'postgres',
        configEnv: UNBOUNDED_RATES,
        async natsUrlOf(component, nats) {
          const link = await NatsLink.open(nats.port);
          links.set(component, link);
          return link.url;
        },
        ...options.cluster,
        // What they log is looked at, and only the last of it is kept.
        edgeEnv: { HEADGATE_EDGE_ACCESS_RECORDS: 'off', ...options.cluster?.edgeEnv },
      });
      shutdown.push('cluster', () => cluster.stop());
      const rig = new FaultRig(cluster, options, endpoint, links, shutdown);
      await rig.changeAll();
      await rig.untilServed(await rig.change());
      return rig;
    } catch (error) {
      await shutdown.close();
      throw error;
    }
  }

  get tenants(): number {
    return this.#options.tenants;
  }

  /** The way of an edge to NATS. */
  linkOf(edge: ClusterEdge): NatsLink {
    return this.#link(edge.component.name);
  }

  /** The way of the config-service to NATS. */
  get configLink(): NatsLink {
    return this.#link(CONFIG_SERVICE);
  }

  /** Changes the route of a tenant, all tenants in turn. @throws Error with the answer if it is refused */
  async change(): Promise<MadeChange> {
    this.#change += 1;
    const change = this.#change;
    const tenant = tenantOfChange(change, this.tenants);
    const revision = await changeTenant(this.cluster.api, tenant, change);
    return { tenant, change, revision, repliedMs: performance.now() };
  }

  /** Makes the same change to all tenants; returns that of the last one. */
  async changeAll(): Promise<MadeChange> {
    this.#change += 1;
    const change = this.#change;
    const { tenants: count, furtherRoutes = 0 } = this.#options;
    const revision = await loadTenants(this.cluster.api, {
      count,
      endpointPorts: [this.#endpoint.port],
      change,
      furtherRoutes,
      perBundle: PER_BUNDLE,
    });
    return { tenant: this.tenants - 1, change, revision, repliedMs: performance.now() };
  }

  /** Time in ms from the reply until edges serve requests as a change says. @throws Error after `deadlineMs` */
  async untilServed(
    made: MadeChange,
    edges: readonly ClusterEdge[] = this.cluster.edges,
    deadlineMs = 60_000,
  ): Promise<number> {
    await Promise.all(
      edges.map((edge) =>
        waitFor(() => this.serves(edge, made.tenant, changedPath(made.change)), {
          message: `${edge.component.name} to serve revision ${made.revision}`,
          deadlineMs,
          intervalMs: 10,
        }),
      ),
    );
    return performance.now() - made.repliedMs;
  }

  /** Whether an edge answers a request to a tenant with 200. @throws Error if it does not answer */
  async serves(edge: ClusterEdge, tenant: number, path?: string): Promise<boolean> {
    return (await this.status(edge, tenant, path)) === 200;
  }

  /** The status that an edge answers a request to a tenant with. @throws Error if it does not answer */
  async status(
    { port }: ClusterEdge,
    tenant: number,
    path: string = REQUEST_PATH,
  ): Promise<number> {
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      headers: { host: tenantHost(tenant) },
      reset: true,
    });
    await answer.body.dump();
    return answer.statusCode;
  }

  /** From now on the endpoint holds requests for `HELD_PATH` back. */
  holdRequests(): Gate {
    return this.#endpoint.closeGate();
  }

  /** Waits until everything is published. */
  published(): Promise<void> {
    return waitForPublished(this.cluster.api, 60_000);
  }

  async config({ admin }: ClusterEdge): Promise<HeldConfig> {
    return (await (await fetch(`${admin}/config`)).json()) as HeldConfig; // of our own edge
  }

  /** Does something while all edges, or those given, get requests for several tenants. */
  async underLoad<Value>(
    work: () => Promise<Value>,
    edges: readonly ClusterEdge[] = this.cluster.edges,
  ): Promise<UnderLoad<Value>> {
    let ended = false;
    const load = runLoad({
      urls: edges.map(({ port }) => `http://127.0.0.1:${port}`),
      host: Array.from({ length: Math.min(LOADED_HOSTS, this.tenants) }, (_, at) => tenantHost(at)),
      path: REQUEST_PATH,
      perSecond: LOAD_PER_SECOND,
      until: () => ended,
    });
    try {
      const value = await work();
      ended = true;
      const outcomes = await load.done;
      const failed = outcomes.filter(({ status }) => status !== 200).length;
      const odd = failed === 0 ? '' : ` ${JSON.stringify(tally(outcomes))}`;
      return {
        value,
        outcomes,
        failed,
        text: `${failed} of ${outcomes.length} requests failed${odd}`,
      };
    } finally {
      ended = true;
    }
  }

  async stop(): Promise<void> {
    await this.#shutdown.close();
  }

  #link(component: string): NatsLink {
    const link = this.#links.get(component);
    if (link === undefined) throw new Error(`${component} has no link`);
    return link;
  }
}
