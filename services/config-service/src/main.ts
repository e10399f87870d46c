/**
 * Entry of the config-service: reads the environment, wires the parts, and ends them in reverse on
 * SIGTERM or SIGINT.
 *
 *     REST ─► store (resource + revision + audit + outbox, one transaction)
 *                  └─ wake ─► publisher (leader) ─► JetStream KV bucket ─► edges
 *     edges ─► requests for digests, lists, documents ─► answered from the store
 *     edges ─► acknowledgements, presence ─► cluster view ─► status, convergence
 */
import { randomBytes } from 'node:crypto';
import {
  connectBus,
  createBusLog,
  createConfigPublisher,
  createPresence,
  DOCUMENT_BYTES_MAX,
  serveConfigRequests,
  type Bus,
} from '@headgate/bus';
import { EnvironmentError, ShutdownStack, systemClock, systemRandom } from '@headgate/runtime';
import {
  AdminListenError,
  createAdminServer,
  createLogger,
  createMetricsRegistry,
  startTracing,
  type Logger,
  type ServiceLogger,
  type Tracing,
} from '@headgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { createApp } from './app.ts';
import { readSettings, type Settings } from './environment.ts';
import { listenApi } from './listen-api.ts';
import { createMetrics, type ConfigServiceMetrics } from './metrics.ts';
import { createConfigSource } from './publish/config-source.ts';
import { createPostgresLease, SOLE_LEASE } from './publish/lease.ts';
import { createPublisher, type Publisher } from './publish/publisher.ts';
import { createPublisherLog } from './publish/publisher-log.ts';
import { revisionOperation, statusOperation } from './resources/status.ts';
import { StartError } from './start-error.ts';
import { createClusterView, type ClusterView } from './status/cluster-view.ts';
import { openDatabase } from './store/database.ts';
import { createStore, type Store } from './store/store.ts';

const SERVICE = 'config-service';
/** Left for edges' replies and protocol around a document, within the server's bound. */
const PAYLOAD_RESERVE_BYTES = 4096;
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;
/** A shutdown that takes longer than this has failed. */
const SHUTDOWN_MS_MAX = 10_000;

const clock = systemClock;
const random = systemRandom;

try {
  await run();
} catch (error) {
  const expected =
    error instanceof EnvironmentError ||
    error instanceof AdminListenError ||
    error instanceof StartError;
  if (!expected) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

interface Parts {
  readonly settings: Settings;
  readonly output: ServiceLogger;
  readonly tracing: Tracing;
  readonly bus: Bus;
  readonly store: Store;
  readonly view: ClusterView;
  readonly metrics: ConfigServiceMetrics;
  readonly shutdown: ShutdownStack;
}

async function run(): Promise<void> {
  const { settings, unknown } = readSettings(process.env);
  const { nodeId, logLevel } = settings;
  const output = createLogger({ service: SERVICE, nodeId, level: logLevel });
  const { logger } = output;
  if (unknown.length > 0) logger.warn({ names: unknown }, 'unknown environment variables');
  const shutdown = new ShutdownStack();
  endOnSignal(shutdown, output);
  const tracing = await startTracing({
    service: SERVICE,
    nodeId,
    version: manifest.version,
    environment: process.env,
    onError: (error) => logger.warn({ err: error }, 'spans could not be exported'),
  });
  shutdown.push('tracing', async () => void (await tracing.shutdown()));
  const database = await openDatabase(settings.database, (error) =>
    logger.warn({ err: error }, 'database connection lost'),
  ).catch((error: unknown) => {
    throw StartError.from('cannot open the database', error);
  });
  shutdown.push('database', () => database.close());
  const store = createStore({ clock }, database);
  const bus = openBus(settings, logger);
  shutdown.push('bus', () => bus.close());
  const view = createClusterView(bus, { clock, random });
  shutdown.push('cluster view', () => view.close());
  const sources = { store, view, bus, tracing, output, clock };
  const metrics = createMetrics(createMetricsRegistry(SERVICE), sources);
  await serve({ settings, output, tracing, bus, store, view, metrics, shutdown });
}

async function serve(parts: Parts): Promise<void> {
  const { settings, output, tracing, bus, store, view, metrics, shutdown } = parts;
  const { logger } = output;
  const publisher = startPublisher(parts);
  const source = serveConfigRequests(bus, createConfigSource(store.outbox));
  shutdown.push('config requests', () => source.unsubscribe());
  const info = () => ({ version: manifest.version });
  const presence = createPresence(bus, { kind: 'config-service', id: settings.nodeId, info });
  shutdown.push('presence', () => presence.close());
  const app = await createApp(
    {
      store,
      convergence: metrics.measureConvergence(view.acknowledgements),
      documentBytesMax: () => documentBytesMax(bus),
      onCommitted: () => publisher.wake(),
      randomBytes,
    },
    [statusOperation({ store, view, bus }), revisionOperation({ store, view, bus })],
    {
      adminToken: settings.adminToken,
      logger,
      requestsPerSecondMax: settings.requestsPerSecondMax,
      observer: { tracing, onAnswered: (request) => metrics.countRequest(request) },
    },
  );
  shutdown.push('management API', () => app.close());
  // Before the API, which waits for its open requests.
  shutdown.push('waits for convergence', () => view.acknowledgements.close());
  const url = await listenApi(app, settings.listen);
  const admin = await createAdminServer({
    listen: settings.adminListen,
    // Ready without NATS: changes are accepted, and published when it is there.
    readiness: () => ({ ready: true, reasons: [] }),
    metrics: () => metrics.render(),
    logger,
  });
  shutdown.push('admin listener', () => admin.close());
  logger.info({ url, admin: `http://${admin.host}:${admin.port}`, store: store.kind }, 'ready');
}

function startPublisher({ settings, output, bus, store, metrics, shutdown }: Parts): Publisher {
  const lease =
    settings.database.kind === 'postgres'
      ? createPostgresLease({ random }, settings.database.url, () => publisher.wake())
      : SOLE_LEASE;
  const publisher: Publisher = createPublisher({
    outbox: store.outbox,
    bus,
    target: createConfigPublisher(bus, { replicas: settings.bucketReplicas }),
    lease,
    clock,
    random,
    observer: createPublisherLog(output.logger, metrics.publisher),
  });
  shutdown.push('lease', () => lease.close());
  shutdown.push('publisher', () => publisher.close());
  return publisher;
}

function documentBytesMax(bus: Bus): number {
  const payloadBytesMax = bus.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT;
  return Math.min(DOCUMENT_BYTES_MAX, payloadBytesMax - PAYLOAD_RESERVE_BYTES);
}

function openBus(settings: Settings, logger: Logger): Bus {
  return connectBus(
    { clock, random },
    {
      servers: settings.natsServers,
      name: settings.nodeId,
      ...(settings.natsUser === undefined ? {} : { user: settings.natsUser }),
      ...(settings.natsPassword === undefined ? {} : { password: settings.natsPassword }),
      onEvent: createBusLog(logger),
    },
  );
}

function endOnSignal(shutdown: ShutdownStack, output: ServiceLogger): void {
  const { logger } = output;
  const end = async (signal: string) => {
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), SHUTDOWN_MS_MAX).unref();
    const failures = await shutdown.close();
    for (const { name, error } of failures) logger.error({ part: name, err: error }, 'not closed');
    logger.info('stopped');
    await output.flush();
    process.exit(failures.length === 0 ? 0 : 1);
  };
  process.once('SIGTERM', (signal) => void end(signal));
  process.once('SIGINT', (signal) => void end(signal));
}
