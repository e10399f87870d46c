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
  busOptionsOf,
  connectBus,
  createConfigPublisher,
  createPresence,
  DOCUMENT_BYTES_MAX,
  serveConfigRequests,
  subscribeLimitUsage,
  subscribeTenantDemand,
  type Bus,
} from '@headgate/bus';
import {
  compileAddressRanges,
  SecretsKeys,
  StartError,
  systemClock,
  systemRandom,
} from '@headgate/runtime';
import {
  createAdminServer,
  createMetricsRegistry,
  runService,
  type ServiceProcess,
  type Tracing,
} from '@headgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { createFetchJson } from './access/oidc/fetch-json.ts';
import { createIssuerKeys } from './access/oidc/issuer-keys.ts';
import type { OidcSettings } from './access/oidc/oidc-settings.ts';
import { createVerifyJwt, type VerifyJwt } from './access/oidc/verify-jwt.ts';
import { createApp } from './app.ts';
import { readSettings, type Settings } from './environment.ts';
import { listenApi } from './listen-api.ts';
import { DemandHistory } from './limits/demand-history.ts';
import { LimitEvents } from './limits/limit-events.ts';
import { LimitWatch } from './limits/limit-watch.ts';
import { startDriftWatch } from './drift/drift-watch.ts';
import { countDrift } from './drift/find-drift.ts';
import { createMetrics, type ConfigServiceMetrics } from './metrics.ts';
import { createConfigSource } from './publish/config-source.ts';
import { createPostgresLease, SOLE_LEASE, type Lease } from './publish/lease.ts';
import { createPublisher, type Publisher } from './publish/publisher.ts';
import { createPublisherLog } from './publish/publisher-log.ts';
import { clusterOperations } from './resources/cluster-operations.ts';
import { rolloutOperations } from './resources/rollouts.ts';
import { startRolloutController } from './rollouts/controller.ts';
import { createRolloutGuardian, type RolloutGuardian } from './rollouts/guard.ts';
import { createClusterView, type ClusterView } from './status/cluster-view.ts';
import { createStoreReadiness } from './status/store-readiness.ts';
import { openDatabase } from './store/database.ts';
import { createStore, type Store } from './store/store.ts';

const SERVICE = 'config-service';
/** Left for edges' replies and protocol around a document, within the server's bound. */
const PAYLOAD_RESERVE_BYTES = 4096;
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;
/** Bounds of each answer of the OIDC issuer; sets of keys have some KiB. */
const ISSUER_TIMEOUT_MS = 3000;
const ISSUER_BYTES_MAX = 256 * 1024;
/** A shutdown that takes longer than this has failed. */
const SHUTDOWN_MS_MAX = 10_000;

/** docs/access.md says more. */
const NO_WALL =
  'row-level security does not hold: the user of the database is above it and cannot take on the role ' +
  'headgate_limited; see docs/access.md, "The second wall"';

const clock = systemClock;
const random = systemRandom;

await runService({
  service: SERVICE,
  version: manifest.version,
  readSettings,
  shutdownMsMax: () => SHUTDOWN_MS_MAX,
  start,
});

interface Parts extends ServiceProcess<Settings> {
  readonly tracing: Tracing;
  readonly bus: Bus;
  readonly store: Store;
  readonly view: ClusterView;
  readonly watch: LimitWatch;
  readonly events: LimitEvents;
  readonly history: DemandHistory;
  readonly metrics: ConfigServiceMetrics;
}

async function start(service: ServiceProcess<Settings>): Promise<void> {
  const { settings, output, shutdown } = service;
  const { logger } = output;
  const tracing = await service.startTracing();
  const database = await openDatabase(settings.database, (error) =>
    logger.warn({ err: error }, 'database connection lost'),
  ).catch((error: unknown) => {
    throw StartError.from('cannot open the database', error);
  });
  shutdown.push('database', () => database.close());
  if (database.wall === 'none') logger.warn(NO_WALL);
  const store = createStore(
    { clock, isAllowedAddress: compileAddressRanges(settings.allowedAddresses) },
    database,
  );
  const bus = connectBus({ clock, random }, busOptionsOf(settings, logger));
  shutdown.push('bus', () => bus.close());
  const view = createClusterView(bus, { clock, random });
  shutdown.push('cluster view', () => view.close());
  const watch = new LimitWatch({
    clock,
    onExcess: (usage, excess) => {
      metrics.countExcess(excess.cause);
      logger.error({ limit: usage, excess }, 'edges admitted more than a limit allows');
    },
  });
  const sources = { store, view, watch, bus, tracing, output, clock };
  const metrics = createMetrics(createMetricsRegistry(SERVICE), sources);
  const events = tellLimitEvents(logger, metrics);
  const usage = subscribeLimitUsage(bus, (report) => {
    watch.receive(report);
    events.receive(report);
  });
  shutdown.push('reports on limits', () => usage.unsubscribe());
  const history = new DemandHistory({ clock });
  const demand = subscribeTenantDemand(bus, (report) => history.receive(report));
  shutdown.push('reports on demand', () => demand.unsubscribe());
  await serve({ ...service, tracing, bus, store, view, watch, events, history, metrics });
}

async function serve(parts: Parts): Promise<void> {
  const { settings, output, tracing, bus, store, view, metrics, shutdown } = parts;
  const { watch, events, history } = parts;
  const { logger } = output;
  const { publisher, lease } = startPublisher(parts);
  const source = serveConfigRequests(bus, createConfigSource({ clock }, store.outbox));
  shutdown.push('config requests', () => source.unsubscribe());
  const info = () => ({ version: manifest.version });
  const presence = createPresence(bus, { kind: 'config-service', id: settings.nodeId, info });
  shutdown.push('presence', () => presence.close());
  const guardian = createRolloutGuardian({ clock }, bus, view);
  shutdown.push('rollout guardian', () => guardian.close());
  const context = {
    store,
    convergence: metrics.measureConvergence(view.acknowledgements),
    documentBytesMax: () => documentBytesMax(bus),
    onCommitted: () => publisher.wake(),
    randomBytes,
    certificates: { clock, secrets: secretsOf(settings) },
    guardian,
  };
  const app = await createApp(
    context,
    [
      ...clusterOperations({ store, view, bus, watch, events, history }),
      ...rolloutOperations(context),
    ],
    {
      clock,
      adminToken: settings.adminToken,
      verifyJwt: settings.oidc === null ? null : verifyJwtOf(settings.oidc, logger),
      logger,
      isTrustedProxy: compileAddressRanges(settings.trustedProxies),
      requestsPerSecondMax: settings.requestsPerSecondMax,
      credentialRequestsPerSecondMax: settings.credentialRequestsPerSecondMax,
      observer: { tracing, onAnswered: (request) => metrics.countRequest(request) },
    },
  );
  shutdown.push('management API', () => app.close());
  // Before the API, which waits for its open requests.
  shutdown.push('waits for convergence', () => view.acknowledgements.close());
  controlRollouts(parts, { guardian, lease, publisher });
  watchDrift(parts, lease);
  const url = await listenApi(app, settings.listen);
  const readiness = createStoreReadiness(store);
  shutdown.push('readiness', () => readiness.close());
  const admin = await createAdminServer({
    listen: settings.adminListen,
    readiness: () => readiness.current(),
    metrics: () => metrics.render(),
    logger,
  });
  shutdown.push('admin listener', () => admin.close());
  logger.info({ url, admin: `http://${admin.host}:${admin.port}`, store: store.kind }, 'ready');
}

function tellLimitEvents(
  logger: Parts['output']['logger'],
  metrics: ConfigServiceMetrics,
): LimitEvents {
  return new LimitEvents({
    clock,
    observer: {
      onCount: (event) => metrics.countLimitEvent(event),
      // `level` is that of the line.
      onEvent: ({ atMs: _, event, level: limitLevel, ...limit }) =>
        logger.info({ event: `limit-${event}`, limitLevel, ...limit }, 'limit near or reached'),
      onLeftOut: (count) => logger.warn({ count }, 'events of limits were left out'),
    },
  });
}

function controlRollouts(
  { output: { logger }, bus, store, shutdown }: Parts,
  { guardian, lease, publisher }: { guardian: RolloutGuardian; lease: Lease; publisher: Publisher },
): void {
  const controller = startRolloutController({
    ...{ clock, store, guardian, lease, documentBytesMax: () => documentBytesMax(bus) },
    onCommitted: () => publisher.wake(),
    observer: {
      onStep: ({ tenantId, state, reason }, ring) =>
        logger.info({ tenantId, state, ring, reason }, 'rollout'),
      onFailure: (error) => logger.warn({ err: error }, 'a rollout was not looked at'),
    },
  });
  shutdown.push('rollout controller', () => controller.close());
}

/** Resources that the event of a drift names; GET /v1/drift shows all. */
const DRIFT_NAMED_MAX = 10;

function watchDrift({ output: { logger }, store, shutdown }: Parts, lease: Lease): void {
  const watch = startDriftWatch({
    ...{ clock, store, lease },
    observer: {
      onBegin({ revision, changes }) {
        const resources = changes
          .slice(0, DRIFT_NAMED_MAX)
          .map(({ kind, tenantId, id }) => ({ kind, tenantId, id }));
        const event = { event: 'drift-begin', revision, ...countDrift(changes), resources };
        logger.warn(event, 'the configuration has drifted from what was declared');
      },
      onEnd: (revision) =>
        logger.info({ event: 'drift-end', revision }, 'the configuration is as declared again'),
      onFailure: (error) => logger.warn({ err: error }, 'drift was not looked for'),
    },
  });
  shutdown.push('drift watch', () => watch.close());
}

function startPublisher({ settings, output, bus, store, metrics, shutdown }: Parts) {
  const lease: Lease =
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
    forgetOld: () => store.forgetOld(),
  });
  shutdown.push('lease', () => lease.close());
  shutdown.push('publisher', () => publisher.close());
  return { publisher, lease };
}

function verifyJwtOf(oidc: OidcSettings, logger: Parts['output']['logger']): VerifyJwt {
  const fetchJson = createFetchJson({
    fetch,
    timeoutMs: ISSUER_TIMEOUT_MS,
    bytesMax: ISSUER_BYTES_MAX,
  });
  const onFailure = (error: Error) => logger.warn({ err: error }, 'cannot fetch OIDC keys');
  const keys = createIssuerKeys({ clock, fetchJson, onFailure }, oidc);
  return createVerifyJwt({ clock, keys }, oidc);
}

function secretsOf({ secretsKeys }: Settings): SecretsKeys | null {
  return secretsKeys.length === 0 ? null : new SecretsKeys(secretsKeys);
}

function documentBytesMax(bus: Bus): number {
  const payloadBytesMax = bus.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT;
  return Math.min(DOCUMENT_BYTES_MAX, payloadBytesMax - PAYLOAD_RESERVE_BYTES);
}
