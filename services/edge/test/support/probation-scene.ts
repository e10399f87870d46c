import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createRecordingOrigin,
  freePort,
  startNats,
  startProcess,
  temporaryDirectory,
  waitFor,
  type NatsServer,
  type RecordingOrigin,
  type StartedProcess,
} from '@headgate/testkit';
import type { WireDocument } from '../../src/ipc/wire-document.ts';
import { SnapshotFiles } from '../../src/primary/snapshot-files.ts';
import { createConfigSource, type ConfigSource } from './config-source.ts';
import { metricValue } from './edge-metrics.ts';
import { planDocument, tenantDocument } from './edge-process.ts';
import { requestOnce } from './raw-client.ts';

const MAIN = fileURLToPath(new URL('./scaled-edge.ts', import.meta.url));

/** What `/config` of an edge says. */
export interface ConfigReport {
  readonly complete: boolean;
  readonly onProbation: number;
  readonly workers: { readonly listening: number };
  readonly documents: readonly { readonly key: string; readonly revision: number }[];
  readonly rejected: readonly {
    readonly key: string;
    readonly revision: number;
    readonly reason: string;
  }[];
}

/** An edge under test. */
export interface ScaledEdge {
  readonly process: StartedProcess;
  readonly port: number;
  readonly admin: string;
  /** Status that a tenant's host answers with; 0 if the connection is refused. */
  status(host: string): Promise<number>;
  config(): Promise<ConfigReport>;
  /** Revision in force; null for none. */
  revision(key: string): Promise<number | null>;
  readiness(): Promise<{ readonly status: number; readonly reasons: readonly string[] }>;
  kill(): Promise<void>;
}

/** Times of probation in ms; by default nothing soaks within a test, and everything is soon. */
export interface ScaledTimes {
  readonly soakMs?: number;
  readonly soonMs?: number;
}

/** NATS, an origin and a data directory that edges are started on, one after the other. */
export class ProbationScene {
  readonly nats: NatsServer;
  readonly source: ConfigSource;
  readonly origin: RecordingOrigin;
  readonly dataDirectory: string;
  readonly #remove: () => Promise<void>;
  readonly #edges: ScaledEdge[] = [];

  private constructor(
    nats: NatsServer,
    source: ConfigSource,
    origin: RecordingOrigin,
    directory: { readonly path: string; remove(): Promise<void> },
  ) {
    this.nats = nats;
    this.source = source;
    this.origin = origin;
    this.dataDirectory = directory.path;
    this.#remove = () => directory.remove();
  }

  static async open(): Promise<ProbationScene> {
    const nats = await startNats();
    const source = await createConfigSource(nats.url);
    const origin = await createRecordingOrigin();
    origin.respondWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    return new ProbationScene(nats, source, origin, await temporaryDirectory());
  }

  /** A tenant with the host `<id>.test`; a route named for a poison makes it one. */
  tenant(id: string, revision: number, poison?: string): WireDocument {
    const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: this.origin.port }] } };
    const path = { prefix: '/poison' };
    const routes = {
      rest: { upstreamId: 'main' },
      ...(poison === undefined ? {} : { [poison]: { upstreamId: 'main', match: { path } } }),
    };
    return tenantDocument({ id, hosts: [`${id}.test`], upstreams, routes }, revision);
  }

  /** Puts a plan and the tenants `a` (revision 2) and `b` (3) on the disk as good ones, and on the bus. */
  async seed(): Promise<void> {
    const documents = [planDocument({}, 1), this.tenant('a', 2), this.tenant('b', 3)];
    await (await this.files()).compact(documents);
    await this.source.put(...documents);
  }

  get snapshots(): string {
    return join(this.dataDirectory, 'snapshots');
  }

  /** The files of the edge, while it does not run. */
  async files(): Promise<SnapshotFiles> {
    const files = new SnapshotFiles(this.snapshots);
    await files.load();
    return files;
  }

  /** Starts an edge with two workers; resolves when `until` appears in its log. */
  async start(
    times: ScaledTimes = {},
    until = /"msg":"ready"/,
    dataDirectory = this.dataDirectory,
  ): Promise<ScaledEdge> {
    const [port, adminPort] = [await freePort(), await freePort()];
    const started = await startProcess({
      name: 'edge',
      command: process.execPath,
      args: [MAIN],
      env: {
        HEADGATE_NODE_ID: 'edge-under-test',
        HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
        HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
        HEADGATE_EDGE_WORKERS: '2',
        HEADGATE_EDGE_DRAIN_MS: '100',
        HEADGATE_DATA_DIR: dataDirectory,
        HEADGATE_NATS_URL: this.nats.url,
        HEADGATE_REDIS_URL: 'redis://127.0.0.1:1',
        SOAK_MS: String(times.soakMs ?? 600_000),
        SOON_MS: String(times.soonMs ?? 60_000),
      },
      readyWhen: until,
      readyTimeoutMs: 60_000,
    });
    const edge = describeEdge(started, port, `http://127.0.0.1:${adminPort}`);
    this.#edges.push(edge);
    return edge;
  }

  async close(): Promise<void> {
    await Promise.all(this.#edges.map((edge) => edge.kill()));
    await this.source.close();
    await this.nats.stop();
    await this.origin.close();
    await this.#remove();
  }
}

function describeEdge(started: StartedProcess, port: number, admin: string): ScaledEdge {
  const config = async (): Promise<ConfigReport> =>
    (await (await fetch(`${admin}/config`)).json()) as ConfigReport; // written by the edge itself
  return {
    process: started,
    port,
    admin,
    config,
    async status(host) {
      const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return requestOnce(port, request).then(
        ({ status }) => status,
        () => 0,
      );
    },
    async revision(key) {
      const { documents } = await config();
      return documents.find((one) => one.key === key)?.revision ?? null;
    },
    async readiness() {
      const reply = await fetch(`${admin}/readyz`);
      const { reasons } = (await reply.json()) as { reasons: string[] }; // written by the edge itself
      return { status: reply.status, reasons };
    },
    async kill() {
      started.kill('SIGKILL');
      await started.exited;
    },
  };
}

/** Waits until an edge rejects a revision; returns the reason. */
export async function rejectionOf(edge: ScaledEdge, key: string): Promise<string> {
  const found = await waitFor(
    async () => (await edge.config()).rejected.find((one) => one.key === key),
    { message: `${key} to be rejected` },
  );
  return `${found.revision}: ${found.reason}`;
}

/** Waits until a host is answered with a status. */
export async function serves(edge: ScaledEdge, host: string, status = 200): Promise<void> {
  await waitFor(async () => (await edge.status(host)) === status, {
    message: `${host} to answer ${status}`,
  });
}

/** Waits until a revision is in force; null: none is. */
export async function inForce(
  edge: ScaledEdge,
  key: string,
  revision: number | null,
): Promise<void> {
  await waitFor(async () => (await edge.revision(key)) === revision, {
    message: `${key}@${revision}`,
  });
}

/** How many workers have been replaced so far. */
export async function restarts(edge: ScaledEdge): Promise<number> {
  let sum = 0;
  for (const cause of ['exited', 'killed', 'blocked', 'failed']) {
    sum += await metricValue(edge.admin, `headgate_worker_restarts_total{cause="${cause}"}`);
  }
  return sum;
}
