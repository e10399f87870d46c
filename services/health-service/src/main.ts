/**
 * Entry of the health-service: reads the environment, wires the parts, and ends them in reverse on SIGTERM or SIGINT.
 *
 *     config feed ─► monitor (sharding) ─► registry (shared probes) ─► schedule ─► probes
 *     presence ────────┘    └─ read ◄─ publisher ◄─ markChanged ◄─ verdict ┘
 *                                          └─► health bucket
 */
import { lookup as resolve } from 'node:dns';
import {
  busOptionsOf,
  connectBus,
  createHealthPublisher,
  createPresence,
  type Bus,
} from '@headgate/bus';
import { HEALTH_REFRESH_MS } from '@headgate/health';
import { isRefusedAddress } from '@headgate/model';
import {
  compileAddressRanges,
  createGuardedLookup,
  createNameCache,
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
import { readSettings, type Settings } from './environment.ts';
import { followConfig } from './follow-config.ts';
import { createHealthSink } from './health-sink.ts';
import { createHealthMetrics } from './metrics.ts';
import { Monitor } from './monitor.ts';
import { createHttpProbe } from './probe-http.ts';
import { ProbeRegistry } from './probe-registry.ts';
import { createTcpProbe } from './probe-tcp.ts';
import { createProbe } from './probe.ts';
import { HealthPublisher } from './publisher.ts';
import { watchReplicas, type ReplicaPresence } from './replica-watch.ts';
import { Schedule } from './schedule.ts';
import { createTracedProbe } from './traced-probe.ts';

const SERVICE = 'health-service';
const TICK_MS = 50;
const REPLICAS_TICK_MS = 500;
/** A shutdown that takes longer than this has failed. */
const SHUTDOWN_MS_MAX = 8000;
/** Of names that were resolved, and as many of others: libuv looks two names up at the same time. */
const LOOKUPS_MAX = 1;

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
}

async function start(service: ServiceProcess<Settings>): Promise<void> {
  const { settings, output, shutdown } = service;
  const tracing = await service.startTracing();
  const bus = connectBus({ clock, random }, busOptionsOf(settings, output.logger));
  shutdown.push('bus', () => bus.close());
  await serve({ ...service, tracing, bus });
}

async function serve(parts: Parts): Promise<void> {
  const { settings, output, tracing, bus, shutdown } = parts;
  const { logger } = output;
  const metrics = createHealthMetrics(createMetricsRegistry(SERVICE), {
    countVerdicts: () => registry.countVerdicts(),
    bus,
    tracing,
    output,
  });
  const schedule = openSchedule(parts);
  shutdown.push('probes', () => schedule.close());
  const registry = new ProbeRegistry({
    schedule,
    clock,
    flipDistanceMs: settings.flipDistanceMs,
    onRun: (_, result) => metrics.countRun(result),
    onVerdict({ endpointId }, state) {
      metrics.countVerdict(state);
      const { verdict, reason } = state;
      logger.info({ endpoint: endpointId, state: verdict, reason }, 'endpoint state');
    },
    onRefused: ({ endpointId }) =>
      logger.warn({ endpoint: endpointId, max: settings.probesMax }, 'too many probes'),
  });
  const publisher: HealthPublisher = new HealthPublisher(
    {
      sink: openSink(parts),
      read: (key) => monitor.read(key),
      clock,
      random,
      onOutcome: (published) => metrics.countPublication(published),
    },
    { refreshMs: HEALTH_REFRESH_MS },
  );
  const monitor = new Monitor({ registry, publisher }, settings.nodeId);
  const ticker = setInterval(() => {
    schedule.tick();
    publisher.tick();
  }, TICK_MS);
  shutdown.push('ticker', () => clearInterval(ticker));
  await join(parts, monitor, () => metrics.render());
}

/** Takes part: configuration, the other replicas, and the admin listener. */
async function join(
  { settings, output, bus, shutdown }: Parts,
  monitor: Monitor,
  metrics: () => Promise<string>,
): Promise<void> {
  const { logger } = output;
  let synced = false;
  const config = followConfig({
    bus,
    clock,
    random,
    setUpstreams: (documentKey, upstreams) => monitor.setUpstreams(documentKey, upstreams),
    onSynced() {
      synced = true;
      logger.info({ upstreams: monitor.ownedCount }, 'ready');
    },
    onRejected: (document, reason) => logger.warn({ document, reason }, 'document rejected'),
  });
  shutdown.push('config feed', () => config.feed.close());
  const replicas = watchReplicas(bus, { clock }, (ids) => {
    monitor.setReplicas(ids);
    logger.info({ replicas: ids, upstreams: monitor.ownedCount }, 'replicas changed');
  });
  const replicasTicker = setInterval(() => replicas.tick(), REPLICAS_TICK_MS);
  shutdown.push('replicas', () => {
    clearInterval(replicasTicker);
    replicas.close();
  });
  const startedAt = clock.nowMs();
  const info = (): ReplicaPresence => ({
    version: manifest.version,
    startedAt,
    upstreams: monitor.ownedCount,
    rejectedDocuments: config.rejected().length,
  });
  const presence = createPresence(bus, { kind: 'health-service', id: settings.nodeId, info });
  shutdown.push('presence', () => presence.close());
  const admin = await createAdminServer({
    listen: settings.adminListen,
    readiness: () =>
      synced
        ? { ready: true, reasons: [] }
        : { ready: false, reasons: ['the configuration has not arrived yet'] },
    metrics,
    routes: { '/status': () => ({ body: { ...info(), rejected: config.rejected() } }) },
    logger,
  });
  shutdown.push('admin listener', () => admin.close());
  logger.info({ admin: `http://${admin.host}:${admin.port}` }, 'listening');
}

function openSchedule({ settings, tracing, output }: Parts): Schedule {
  const isAllowed = compileAddressRanges(settings.allowedAddresses);
  const names = createNameCache({ resolve }, { lookupsMax: LOOKUPS_MAX });
  const lookup = createGuardedLookup(names, (address, name) =>
    isRefusedAddress(address, name, isAllowed),
  );
  const probe = createTracedProbe(
    createProbe({ http: createHttpProbe(lookup), tcp: createTcpProbe(lookup) }),
    tracing,
  );
  const onError = (error: unknown) => output.logger.error({ err: error }, 'probe failed to run');
  return new Schedule({ probe, clock, random, onError }, settings);
}

function openSink({ settings, bus, output, shutdown }: Parts) {
  const publisher = createHealthPublisher(
    bus,
    { clock },
    // Half of the own refresh: only a state that went out a moment ago is held back.
    { refreshMs: HEALTH_REFRESH_MS / 2, replicas: settings.bucketReplicas },
  );
  const connection = bus.onConnection((connected) => {
    if (connected) void publisher.ensureBucket();
  });
  shutdown.push('bucket', () => connection.unsubscribe());
  return createHealthSink(publisher, (working, detail) => {
    if (working) output.logger.info('health is published again');
    else output.logger.warn({ detail }, 'health cannot be published');
  });
}
