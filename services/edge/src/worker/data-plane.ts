import { lookup as resolve } from 'node:dns';
import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay, type ELDHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitUsage } from '@headgate/bus';
import { DEFAULT_HTTP1_LIMITS, HostCache } from '@headgate/http1';
import {
  createLimiter,
  createShardedLimiter,
  limitHeadersOf,
  LOCAL_CONSUMERS_MAX,
  LOCAL_RULES_MAX,
  SharedLevels,
  type EdgeShare,
  type Limiter,
  type QuotaMark,
} from '@headgate/limiting';
import { createRedisLimitStores } from '@headgate/limiting-redis';
import { isRefusedAddress } from '@headgate/model';
import {
  compileAddressRanges,
  createGuardedLookup,
  createNameCache,
  DeadlineSweeper,
  ShutdownStack,
  systemClock,
  systemRandom,
  type Clock,
  type ResolveAll,
} from '@headgate/runtime';
import {
  createAccessLog,
  createLogger,
  createWorkerMetrics,
  startTracing,
  type AccessLog,
  type ServiceLogger,
  type Tracing,
  type WorkerMetrics,
  type WorkerSnapshot,
} from '@headgate/telemetry';
import type { DownstreamDeps } from '../downstream/downstream-deps.ts';
import { connectionsWithinFdLimit } from '../downstream/fd-limit.ts';
import { Listener, type TlsListening } from '../downstream/listener.ts';
import { handleRequest, type RequestPathDeps } from '../handle-request.ts';
import { HeldClock } from '../io/held-clock.ts';
import { ReadBuffers } from '../io/read-buffers.ts';
import type { DocumentOutcome, RevisionFault, WorkerSettings } from '../ipc/messages.ts';
import { compileForwardingRules } from '../request/forwarded-head.ts';
import { localReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import { RequestChains } from '../snapshot/request-chains.ts';
import { THROWS_MAX, type RevisionScope } from '../snapshot/revision-faults.ts';
import { describeFault } from '../snapshot/tenant-entry.ts';
import { TenantStore } from '../snapshot/tenant-store.ts';
import { DenialCells } from '../stages/denial-cells.ts';
import { Shadows, type ShadowDeps } from '../stages/evaluate-shadows.ts';
import { mayGoOn } from '../stages/recheck.ts';
import { Recorder } from '../stages/record.ts';
import type { SecureContexts } from '../tls/secure-contexts.ts';
import { DemandTally, type DemandSecond } from '../usage/demand-tally.ts';
import { UsageTally } from '../usage/usage-tally.ts';
import { ConnectionBudget } from '../upstream/connection-budget.ts';
import type { PoolDeps } from '../upstream/connection-pool.ts';
import { ResponseReaders } from '../upstream/response-readers.ts';
import { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { createDateLine } from './date-line.ts';
import { watchOverload, type OverloadWatch } from './overload-watch.ts';
import { openIssuerKeys, openTokens } from './open-jwt.ts';
import { openTls } from './open-tls.ts';
import { createRequestIds } from './request-ids.ts';
import { exportWorkerMetrics } from './worker-gauges.ts';

/** Bounds of a worker's client side that nobody has to set. */
const DOWNSTREAM = {
  lingerMs: 2000,
  stashBytesMax: 65_536,
  discardBytesMax: 65_536,
} as const;

/**
 * Longest wait for Redis before connections are accepted, in timeouts of Redis, and in ms: a worker that does not know
 * Redis yet admits a share of each limit beside what the others admit through Redis.
 */
const STORE_WAIT_TIMES = 12;
const STORE_WAIT_MS_MAX = 3000;

/** Shed requests may come again after a second; by then the shed share has followed the load. */
const SHED_REPLY = localReply('HG_EDGE_OVERLOADED', 'Retry-After: 1\r\n');

/** Everything that serves requests in one worker. */
export interface DataPlane {
  readonly tenants: TenantStore;
  readonly upstreams: UpstreamRegistry;
  setShare(share: EdgeShare): void;
  /** Connections of clients. */
  openConnections(): number;
  /** Starts to accept; resolves with the port. */
  listen(): Promise<number>;
  takeMetrics(): WorkerSnapshot;
  /** What limits admitted and refused since the last call. */
  takeLimitUsage(): LimitUsage[];
  /** What tenants asked for in the seconds that are over since the last call. */
  takeDemand(): readonly DemandSecond[];
  /** What an earlier run knew of quotas. */
  restoreQuotas(marks: readonly QuotaMark[]): void;
  /** What has changed of quotas since the last call. */
  takeQuotaMarks(): QuotaMark[];
  /** Stops to accept; connections go on. Resolves when new ones are refused. */
  stopAccepting(): Promise<void>;
  /** Ends all connections within `deadlineMs` from now, then closes everything. */
  drain(deadlineMs: number): Promise<void>;
}

/** What a data plane tells its worker. */
export interface DataPlaneReports {
  /** Outcomes that nobody waits for. */
  readonly onOutcomes: (outcomes: readonly DocumentOutcome[]) => void;
  /** Requests of a revision throw, one after the other. */
  readonly onFault: (fault: RevisionFault) => void;
  /** Entered while a revision is compiled. */
  readonly scope: RevisionScope;
}

/** Wires the data plane of a worker. */
export async function createDataPlane(
  settings: WorkerSettings,
  reports: DataPlaneReports,
): Promise<DataPlane> {
  const shutdown = new ShutdownStack();
  const outputs = await openOutputs(settings, shutdown);
  const { log, metrics } = outputs;
  const { tenantHeader } = settings;
  const isTrusted = compileAddressRanges(settings.trustedProxies);
  let share: EdgeShare = { liveEdges: 1, rank: 0 };
  let draining = false;
  const { limiter, inUse } = openLimiter(settings, log, () => share, shutdown);
  const sweeper = startSweeper(log, shutdown);
  const buffers = new ReadBuffers();
  const clock = new HeldClock(systemClock);
  const fdShare = connectionsWithinFdLimit(settings.tls === null ? 1 : 2);
  const budget = new ConnectionBudget(fdShare);
  const names = createNameCache({ resolve });
  const upstreams = openUpstreams(settings, names, { buffers, sweeper, clock, budget }, metrics);
  const tls = openTls(settings.tls, log);
  const tenants = openTenants(settings, { upstreams, names, metrics, log, ...tls }, reports);
  const recorder = openRecorder(settings, outputs, clock);
  const tally = new UsageTally();
  const sharedLevels = new SharedLevels({ limiter, note: tally.note.bind(tally) });
  const shared = { sharedLimits: tenants.sharedLimits, sharedLevels, demand: new DemandTally() };
  const shadows = openShadows({ limiter, tally, isTrusted }, metrics);
  const limitHeaders = limitHeadersOf(settings.limitHeaders);
  const verdicts = { tally, shadows, limitHeaders };
  const limits = { limiter, ...shared, ...verdicts, chains: new RequestChains() };
  const requestPath = { tenants, tenantHeader, isTrusted, ...openTokens(), ...limits };
  const overload = openOverloadWatch(settings, log, () => listener, shutdown);
  const serve = serveWith(overload, requestPath);
  const parts: ListenerParts = {
    buffers,
    hosts: new HostCache(),
    sweeper,
    clock,
    recorder,
    limiter,
    isTrusted,
    ...verdicts,
    draining: () => draining,
    overloaded: () => overload.ladder.level > 0,
    letsGo: () => overload.ladder.letsGo(),
    mayGoOn: (context) => mayGoOn(context, tenants, systemClock.nowMs()),
    handle: serve,
    onBug: (error, context) => onRequestBug(error, context, log, reports),
  };
  const listener = openListener(settings, fdShare, parts, tls.listening(tenants, serve));
  const gauged = { limiter, listener, recorder, upstreams, budget, ladder: overload.ladder };
  exportWorkerMetrics({ ...outputs, ...gauged, tls, loopDelay: openLoopDelay() });
  return {
    tenants,
    upstreams,
    setShare: (next) => (share = next),
    openConnections: () => listener.openConnections,
    listen: () => Promise.race([inUse, storeWait(settings)]).then(() => listener.listen()),
    takeMetrics: () => metrics.takeSnapshot(),
    takeLimitUsage: () => tally.take(),
    takeDemand: () => shared.demand.take(systemClock.nowMs()),
    restoreQuotas: (marks) => limiter.restoreQuotas(marks),
    takeQuotaMarks: () => limiter.takeQuotaMarks(),
    stopAccepting: () => listener.stopAccepting(),
    async drain(deadlineMs) {
      draining = true;
      await listener.drain(monotonicMs() + deadlineMs);
      await shutdown.close();
    },
  };
}

function serveWith(
  overload: OverloadWatch,
  requestPath: RequestPathDeps,
): DownstreamDeps['handle'] {
  return (exchange) => {
    if (overload.sheds(exchange.context.startMs)) exchange.answer(SHED_REPLY);
    else handleRequest(exchange, requestPath);
  };
}

function storeWait({ redisTimeoutMs }: WorkerSettings): Promise<void> {
  return sleep(Math.min(redisTimeoutMs * STORE_WAIT_TIMES, STORE_WAIT_MS_MAX));
}

function onRequestBug(
  error: unknown,
  context: RequestContext | null,
  log: ServiceLogger,
  reports: DataPlaneReports,
): void {
  const tenantId = context === null ? null : context.tenantId;
  log.logger.error({ err: error, tenantId }, 'the request path failed');
  const faults = context?.tenant?.faults;
  if (faults?.threw(context?.route ?? null) !== true) return;
  const { key, revision } = faults;
  const reason = `${THROWS_MAX} requests in a row threw; the last one: ${describeFault(error)}`;
  reports.onFault({ key, revision, reason });
}

function startSweeper(log: ServiceLogger, shutdown: ShutdownStack): DeadlineSweeper {
  const sweeper = new DeadlineSweeper({
    now: monotonicMs,
    onError: (error) => log.logger.error({ err: error }, 'a deadline handler failed'),
  });
  sweeper.start();
  shutdown.push('sweeper', () => sweeper.stop());
  return sweeper;
}

function openUpstreams(
  { allowedAddresses }: WorkerSettings,
  names: ResolveAll,
  parts: Pick<PoolDeps, 'buffers' | 'sweeper' | 'clock' | 'budget'>,
  metrics: WorkerMetrics,
): UpstreamRegistry {
  const isAllowed = compileAddressRanges(allowedAddresses);
  return new UpstreamRegistry({
    ...parts,
    lookup: createGuardedLookup(names, (address, name) =>
      isRefusedAddress(address, name, isAllowed),
    ),
    readers: new ResponseReaders(),
    random: systemRandom,
    onEjected: (cause) =>
      (metrics.counter('headgate_outlier_ejections_total', { cause }).value += 1),
  });
}

function openTenants(
  settings: WorkerSettings,
  parts: Pick<Outputs, 'metrics' | 'log'> & {
    readonly upstreams: UpstreamRegistry;
    readonly names: ResolveAll;
    readonly contexts: SecureContexts | null;
  },
  { scope, onOutcomes }: DataPlaneReports,
): TenantStore {
  const { upstreams, names, metrics, log, contexts } = parts;
  const { tenantHeader, ring } = settings;
  const issuerKeys = openIssuerKeys(settings, names, parts);
  return new TenantStore({
    ...{ upstreams, issuerKeys, metrics, tenantHeader, ring, scope, contexts },
    onOutcome: (outcome) => onOutcomes([outcome]),
    onConflict: (tenantId, pattern, holderId) =>
      log.logger.warn({ tenantId, pattern, holderId }, 'the pattern belongs to another tenant'),
  });
}

function openShadows(parts: Omit<ShadowDeps, 'onDenied'>, metrics: WorkerMetrics): Shadows {
  const denials = new DenialCells(metrics, 'headgate_limit_shadow_denials_total');
  return new Shadows({ ...parts, onDenied: (rule) => denials.count(rule) });
}

function openLoopDelay(): ELDHistogram {
  const loopDelay = monitorEventLoopDelay({ resolution: 20 });
  loopDelay.enable();
  return loopDelay;
}

const monotonicMs = (): number => systemClock.monotonicMs();

interface Outputs {
  readonly log: ServiceLogger;
  readonly accessLog: AccessLog;
  readonly metrics: WorkerMetrics;
  readonly tracing: Tracing;
}

async function openOutputs(settings: WorkerSettings, shutdown: ShutdownStack): Promise<Outputs> {
  const { nodeId } = settings;
  const log = createLogger({ service: 'edge', nodeId, level: settings.logLevel });
  shutdown.push('log', async () => void (await log.flush()));
  const tracing = await startTracing({
    service: 'edge',
    nodeId,
    version: settings.version,
    environment: settings.tracing,
    onError: (error) => log.logger.warn({ err: error }, 'spans were not exported'),
  });
  shutdown.push('tracing', async () => void (await tracing.shutdown()));
  const accessLog = createAccessLog();
  shutdown.push('access log', async () => void (await accessLog.flush()));
  return { log, accessLog, metrics: createWorkerMetrics(), tracing };
}

function openRecorder(settings: WorkerSettings, outputs: Outputs, clock: Clock): Recorder {
  const accessLog = settings.accessRecords ? outputs.accessLog : null;
  return new Recorder({ ...outputs, accessLog, clock, nodeId: settings.nodeId });
}

/** What a listener gets from its worker. */
type ListenerParts = Omit<
  DownstreamDeps,
  'settings' | 'forwarding' | 'dateLine' | 'nextRequestId' | 'stats' | 'addresses' | 'onClosed'
>;

function openListener(
  settings: WorkerSettings,
  connectionsWithinFds: number,
  parts: ListenerParts,
  tls: TlsListening | null,
): Listener {
  const { proxyProtocol, clients } = settings;
  return new Listener(
    {
      ...settings.listen,
      connectionsMax: clients.connectionsMax,
      connectionsPerAddressMax: clients.connectionsPerAddressMax,
      connectionsWithinFds,
    },
    {
      ...parts,
      settings: {
        ...DOWNSTREAM,
        http1: DEFAULT_HTTP1_LIMITS,
        proxyProtocol,
        headerTimeoutMs: clients.headerTimeoutMs,
        keepAliveTimeoutMs: clients.keepAliveTimeoutMs,
        clientBytesPerSecondMin: clients.bytesPerSecondMin,
        bodyStallMs: clients.bodyStallMs,
        writeStallMs: clients.writeStallMs,
        requestsPerConnectionMax: clients.requestsPerConnectionMax || Infinity,
      },
      forwarding: compileForwardingRules(settings.tenantHeader),
      dateLine: createDateLine(parts.clock),
      nextRequestId: createRequestIds(),
    },
    tls,
  );
}

/** Each change of the level is logged; the highest one stops accepting. */
function openOverloadWatch(
  settings: WorkerSettings,
  log: ServiceLogger,
  listener: () => Listener,
  shutdown: ShutdownStack,
): OverloadWatch {
  const watch = watchOverload(systemClock, settings.overloadLagMs, (change) => {
    const { level, previous } = change;
    log.logger[level > previous ? 'warn' : 'info'](change, 'overload level');
    if (level === 3) listener().pause('overload');
    else listener().resume('overload');
  });
  shutdown.push('overload watch', () => watch.close());
  return watch;
}

/** The limiter, and when it first asks Redis rather than admitting its share. */
function openLimiter(
  settings: WorkerSettings,
  log: ServiceLogger,
  share: () => EdgeShare,
  shutdown: ShutdownStack,
): { readonly limiter: Limiter; readonly inUse: Promise<void> } {
  const { promise: inUse, resolve } = Promise.withResolvers<void>();
  const stores = createRedisLimitStores(
    {
      redis: settings.redis,
      random: systemRandom,
      onEvent: (event) => log.logger.info({ event }, 'limit store'),
    },
    { commandTimeoutMs: settings.redisTimeoutMs },
  );
  shutdown.push('limit store', () => stores.close());
  const holderId = `${settings.nodeId}/${randomBytes(9).toString('base64url')}`;
  const shards = stores.shards.map((store, shard) =>
    createLimiter(
      {
        ...{ store, clock: systemClock, random: systemRandom, share, holderId },
        onEvent: (event) => {
          const level = event.type === 'store_in_use' ? 'info' : 'warn';
          log.logger[level]({ event, ...(stores.shards.length > 1 ? { shard } : {}) }, 'limiter');
          if (!limiter.degraded) resolve();
        },
      },
      {
        localRulesMax: Math.ceil(LOCAL_RULES_MAX / stores.shards.length),
        localConsumersMax: Math.ceil(LOCAL_CONSUMERS_MAX / stores.shards.length),
        leases: settings.leases,
      },
    ),
  );
  const limiter = createShardedLimiter(shards, (key) => stores.shardOf(key));
  shutdown.push('limiter', async () => {
    await limiter.settle();
    limiter.close();
  });
  return { limiter, inUse };
}
