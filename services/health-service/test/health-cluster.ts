import { fileURLToPath } from 'node:url';
import {
  ConfigDigest,
  connectBus,
  createConfigPublisher,
  digestBucket,
  encodeDocument,
  serveConfigRequests,
  watchHealth,
  type Bus,
} from '@headgate/bus';
import { documentKey, healthKey, type EndpointHealth } from '@headgate/model';
import { systemClock, systemRandom } from '@headgate/runtime';
import {
  startNats,
  startProcess,
  waitFor,
  type NatsServer,
  type StartedProcess,
} from '@headgate/testkit';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** A running health-service. */
export interface Replica {
  readonly process: StartedProcess;
  /** What a GET of the admin listener answers. */
  get(path: string): Promise<{ status: number; body: string }>;
  /** How many upstreams it takes care of. */
  upstreams(): Promise<number>;
  /** Its log lines so far. */
  log(): readonly Record<string, unknown>[];
}

/** NATS, a publisher of configuration, any number of health-services, and what they publish. */
export interface HealthCluster {
  readonly nats: NatsServer;
  /** Publishes a tenant with these upstreams; `body` replaces the whole document. */
  putTenant(id: string, upstreams: readonly object[], body?: string): Promise<void>;
  removeTenant(id: string): Promise<void>;
  /** Publishes a shared upstream; null deletes it. */
  putShared(id: string, upstream: object | null): Promise<void>;
  startReplica(env?: Readonly<Record<string, string>>): Promise<Replica>;
  /** Published endpoints of an upstream; undefined if there are none. */
  endpoints(upstream: string): readonly EndpointHealth[] | undefined;
  /** Waits until the endpoint of an upstream is published in a state. Resolves to its reason. */
  waitForState(upstream: string, port: number, state: string, deadlineMs?: number): Promise<string>;
  /** Messages about health so far. */
  messages(): number;
  stop(): Promise<void>;
}

/** Starts NATS and a publisher of configuration; whoever starts stops. */
export async function startHealthCluster(): Promise<HealthCluster> {
  const nats = await startNats();
  const bus = connectBus(
    { clock: systemClock, random: systemRandom },
    { servers: [nats.url], name: 'test', reconnectWaitMsMax: 200 },
  );
  await waitFor(() => bus.connected, { message: 'the test to connect' });
  const config = await publishConfig(bus);
  const states = new Map<string, readonly EndpointHealth[]>();
  let messages = 0;
  const watch = watchHealth(
    bus,
    { random: systemRandom },
    {
      onState(state) {
        messages += 1;
        states.set(healthKey(state), state.endpoints);
      },
      onRemoved: (key) => states.delete(key),
    },
  );
  const replicas: Replica[] = [];
  const cluster: HealthCluster = {
    nats,
    putTenant: (id, upstreams, body) => config.put('tenant', id, body ?? tenantBody(id, upstreams)),
    removeTenant: (id) => config.put('tenant', id, null),
    putShared: (id, upstream) =>
      config.put('upstream', id, upstream === null ? null : JSON.stringify({ upstream })),
    async startReplica(env = {}) {
      const replica = await startReplica(nats.url, env);
      replicas.push(replica);
      return replica;
    },
    endpoints: (upstream) => states.get(upstream),
    async waitForState(upstream, port, state, deadlineMs = 60_000) {
      const find = () => states.get(upstream)?.find(({ id }) => id === `127.0.0.1:${port}`);
      await waitFor(() => find()?.state === state, {
        message: `${upstream} 127.0.0.1:${port} to be ${state}`,
        deadlineMs,
        describe: find,
      });
      return find()?.reason ?? '';
    },
    messages: () => messages,
    async stop() {
      await Promise.all(replicas.map(({ process }) => process.stop()));
      await watch.close();
      config.close();
      await bus.close();
      await nats.stop();
    },
  };
  return cluster;
}

/** The config-service's side of the bus, over documents in memory. */
async function publishConfig(bus: Bus) {
  const publisher = createConfigPublisher(bus);
  await publisher.ensureBucket();
  const digest = new ConfigDigest();
  const revisions = new Map<string, number>();
  const encoded = new Map<string, Uint8Array>();
  let revision = 0;
  const message = () => digest.toMessage('epoch-1', revision);
  await publisher.putDigest(message());
  const server = serveConfigRequests(bus, {
    digest: message,
    list: (bucket) =>
      Promise.resolve({
        epoch: 'epoch-1',
        revision,
        entries: [...revisions].filter(([key]) => digestBucket(key) === bucket),
      }),
    get: (keys) => Promise.resolve([...encoded].filter(([key]) => keys.includes(key))),
  });
  return {
    async put(kind: 'tenant' | 'upstream', id: string, body: string | null) {
      const key = documentKey(kind, id);
      const before = revisions.get(key);
      revision += 1;
      if (before !== undefined) digest.remove(key, before);
      revisions.delete(key);
      const header = { kind, id, revision, deleted: body === null } as const;
      encoded.set(key, encodeDocument(header, body ?? ''));
      if (body !== null) {
        digest.add(key, revision);
        revisions.set(key, revision);
      }
      await publisher.put(header, body ?? '');
      await publisher.putDigest(message());
      publisher.broadcastDigest(message());
    },
    close: () => server.unsubscribe(),
  };
}

function tenantBody(id: string, upstreams: readonly object[]): string {
  const tenant = { id, planId: 'gold', identity: { hosts: [`${id}.test`] } };
  return JSON.stringify({ tenant, upstreams, routes: [], apiKeys: [] });
}

async function startReplica(
  natsUrl: string,
  env: Readonly<Record<string, string>>,
): Promise<Replica> {
  const process = await startProcess({
    name: 'health-service',
    command: 'node',
    args: [MAIN],
    env: {
      HEADGATE_NATS_URL: natsUrl,
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_HEALTH_FLIP_DISTANCE_MS: '0',
      ...env,
    },
    readyWhen: /"msg":"listening"/,
  });
  const log = () =>
    process
      .stdout()
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>); // pino writes objects
  const admin = String(log().find(({ msg }) => msg === 'listening')?.['admin']);
  const get = async (path: string) => {
    const reply = await fetch(`${admin}${path}`, { signal: AbortSignal.timeout(2000) });
    return { status: reply.status, body: await reply.text() };
  };
  return {
    process,
    get,
    log,
    upstreams: async () =>
      Number((JSON.parse((await get('/status')).body) as { upstreams: unknown }).upstreams),
  };
}

/** A health check that decides within a fraction of a second. */
export const quickCheck = {
  intervalMs: 100,
  timeoutMs: 200,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
};

/** An upstream on 127.0.0.1. */
export function upstream(id: string, ports: readonly number[], healthCheck: object = quickCheck) {
  return { id, endpoints: ports.map((port) => ({ host: '127.0.0.1', port })), healthCheck };
}
