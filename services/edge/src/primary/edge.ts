import { join } from 'node:path';
import {
  busOptionsOf,
  connectBus,
  createAckPublisher,
  createConfigFeed,
  createPresence,
  EdgePresence,
  REJECTED_MAX,
  trackPresence,
  watchHealth,
  type AckPublisher,
  type Bus,
  type ConfigFeed,
  type Presence,
} from '@headgate/bus';
import { ShutdownStack, systemClock, systemRandom } from '@headgate/runtime';
import {
  createAdminServer,
  createMetricsAggregate,
  type Logger,
  type MetricsAggregate,
} from '@headgate/telemetry';
import type { PrimaryMessage, RevisionFault } from '../ipc/messages.ts';
import { prepareCodeCache } from './code-cache.ts';
import { Configuration, type RejectedDocument } from './configuration.ts';
import { loadSnapshots, lockDataDirectory, markStart } from './data-directory.ts';
import { DemandReports } from './demand-reports.ts';
import { describeConfiguration } from './describe-configuration.ts';
import { HealthRelay } from './health-relay.ts';
import { LiveShare } from './live-share.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { createPrimaryMetrics } from './primary-gauges.ts';
import { ENDS_MAX, Probation, PROBATION_TIMES, type ProbationTimes } from './probation.ts';
import { judgeReadiness } from './readiness.ts';
import { RolloutReports } from './rollout-reports.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { StartMarks } from './start-marks.ts';
import { UsageReports } from './usage-reports.ts';
import { WorkerPool, type LostWorker } from './worker-pool.ts';
import { workerSettings, type WorkerSettingsSource } from './worker-settings.ts';

/** What an edge is started with. */
export interface EdgeOptions extends WorkerSettingsSource {
  readonly logger: Logger;
  /** The edge cannot go on, such as when its port is taken; the caller ends the process. */
  readonly onFatal: (reason: string) => void;
  /** Default: {@link PROBATION_TIMES} with the soak of the settings. */
  readonly probation?: ProbationTimes;
  /** The program of a worker; default: the edge's own. */
  readonly workerEntry?: string;
}

/** Looking for documents that have proved themselves. */
const PROMOTE_MS = 5000;
const METRICS_TIMEOUT_MS = 2000;
const NO_RESTARTS = Object.freeze({ exited: 0, killed: 0, blocked: 0, failed: 0 });
/** A restored edge compares what it holds with the bus once it serves, or after this time: both at once take twice as long. */
const SERVE_FIRST_MS_MAX = 10_000;

/**
 * The primary process of an edge. It serves no request itself:
 *
 *     NATS ─► config feed ─► configuration ─► workers (compile, serve)
 *                                   └─► disk (last good)
 *     NATS ◄─ acknowledgements, presence ◄─┘        admin listener ◄─ metrics of all workers
 */
export class Edge {
  adminAddress = '';
  readonly #options: EdgeOptions;
  readonly #probation: ProbationTimes;
  readonly #shutdown = new ShutdownStack();
  readonly #configuration: Configuration;
  readonly #files: SnapshotFiles;
  readonly #codeCache: string;
  readonly #health: HealthRelay;
  readonly #quotas: QuotaLedger;
  readonly #aggregate: MetricsAggregate;
  readonly #startedAtMs = systemClock.nowMs();
  #workers: WorkerPool | null = null;
  #bus: Bus | null = null;
  #feed: ConfigFeed | null = null;
  #acks: AckPublisher | null = null;
  #share: LiveShare | null = null;
  #usage: UsageReports | null = null;
  #demand: DemandReports | null = null;
  #announcement: Presence | null = null;
  #loaded: EdgePresence['loaded'];
  #rollouts: RolloutReports | null = null;
  /** What the disk holds is known: workers can be brought up to date. */
  #restored = false;
  #complete = false;
  #synced = false;
  #draining = false;
  #lastWorkerEnd = '';
  #revisionFaults = 0;
  #announcedReady = false;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const { soakMs } = options.settings;
    this.#probation = options.probation ?? { ...PROBATION_TIMES, soakMs };
    const broadcast = (message: PrimaryMessage) => {
      if (this.#restored) this.#workers?.broadcast(message); // until then workers know nothing that could change
    };
    this.#files = new SnapshotFiles(join(options.settings.dataDirectory, 'snapshots'));
    this.#codeCache = join(options.settings.dataDirectory, 'code');
    this.#health = new HealthRelay(broadcast);
    this.#quotas = new QuotaLedger(options.settings.dataDirectory, systemClock);
    this.#aggregate = createMetricsAggregate({ nowMs: () => systemClock.monotonicMs() });
    this.#configuration = new Configuration({
      clock: systemClock,
      ring: options.settings.ring,
      files: this.#files,
      probation: new Probation(systemClock, this.#probation),
      broadcast,
      workerIds: () => this.#workers?.ids() ?? [],
      onDecided: ({ key, revision, outcome, reason }, at) => {
        if (outcome === 'rejected') {
          options.logger.error(
            { document: key, revision, reason },
            'document rejected; last good one stays',
          );
        }
        const why = reason === '' ? {} : { reason };
        this.#acks?.add({ key, revision, outcome, ...why, at });
      },
      onLoaded: (revision, at) => {
        this.#loaded = { revision, at };
        this.#announcement?.announce();
      },
      onDiskError: (error) =>
        options.logger.error({ err: error }, 'the last good configuration was not written'),
    });
  }

  /** Brings everything up; ready comes later, when a complete configuration is there. @throws at start-up faults. */
  async start(): Promise<void> {
    const { settings, logger } = this.#options;
    await this.#openAdmin();
    const lock = await lockDataDirectory(settings.dataDirectory, logger);
    this.#shutdown.push('data directory', async () => lock?.release());
    if (lock !== null) await prepareCodeCache(this.#codeCache, logger);
    const shortStarts = await this.#markStart();
    const workers = this.#openWorkers(settings.workers); // they load their code while this process reads the disk
    this.#workers = workers;
    const loaded = await loadSnapshots(this.#files, logger);
    this.#shutdown.push('configuration', () => this.#configuration.close());
    this.#configuration.restore(loaded);
    this.#watchProbation(shortStarts);
    this.#complete = this.#configuration.complete;
    await this.#openQuotas();
    const bus = this.#openBus();
    this.#share = await this.#openShare(bus);
    this.#openReports(bus);
    this.#restored = true;
    workers.prime();
    if (this.#complete) {
      workers.startAccepting();
      await workers.untilOpened(SERVE_FIRST_MS_MAX);
    }
    if (!this.#draining) this.#openFeed(bus);
  }

  /** Drains the workers, then closes everything in reverse order. */
  async stop(): Promise<void> {
    const { settings, logger } = this.#options;
    this.#draining = true;
    const { drainDelayMs: delayMs, drainMs } = settings;
    logger.info({ delayMs, drainMs }, 'draining');
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.#workers?.stop(drainMs);
    for (const { name, error } of await this.#shutdown.close()) {
      logger.error({ err: error, step: name }, 'shutdown step failed');
    }
  }

  async #markStart(): Promise<number> {
    const { settings, logger } = this.#options;
    const marks = new StartMarks(settings.dataDirectory);
    const shortStarts = await markStart(marks, logger);
    const clear = () =>
      marks.clear().catch((error: unknown) => logger.error({ err: error }, 'start mark stays'));
    const timer = setTimeout(() => void clear(), this.#probation.soonMs);
    this.#shutdown.push('start mark', async () => {
      clearTimeout(timer);
      await clear();
    });
    return shortStarts;
  }

  /** Promotes what has soaked; after starts that did not last it goes back to what has. */
  #watchProbation(shortStarts: number): void {
    const { logger } = this.#options;
    if (shortStarts >= ENDS_MAX) {
      const reason = `the edge ended soon after its start, ${shortStarts} times in a row`;
      const keys = this.#configuration.onProbation();
      this.#logWithdrawn(this.#configuration.withdraw(keys, reason), reason);
    }
    const everyMs = Math.min(PROMOTE_MS, this.#probation.soakMs / 4);
    const timer = setInterval(() => this.#configuration.promote(), everyMs);
    this.#shutdown.push('probation', () => clearInterval(timer));
    logger.debug({ shortStarts }, 'probation');
  }

  #logWithdrawn(withdrawn: readonly RejectedDocument[], reason: string): void {
    if (withdrawn.length === 0) return;
    const fields = { documents: withdrawn.length, reason };
    this.#options.logger.error(fields, 'newest documents withdrawn; the last good ones serve');
  }

  #onFault(fault: RevisionFault): void {
    const { key: document, revision, reason } = fault;
    this.#revisionFaults += 1;
    this.#options.logger.error({ document, revision, reason }, 'a revision threw');
    this.#logWithdrawn(this.#configuration.faulted(fault), reason);
  }

  #onWorkerLost(worker: LostWorker, reason: string): void {
    this.#lastWorkerEnd = reason.split('\n', 1)[0] ?? '';
    this.#options.logger.error({ workerId: worker.id, reason }, 'worker lost; starting another');
    const withdrawn = this.#configuration.workerLost(worker, this.#lastWorkerEnd);
    this.#logWithdrawn(withdrawn, this.#lastWorkerEnd);
    this.#aggregate.removeWorker(worker.id);
  }

  #openBus(): Bus {
    const { settings, logger } = this.#options;
    const deps = { clock: systemClock, random: systemRandom };
    const bus = connectBus(deps, busOptionsOf(settings, logger));
    this.#bus = bus;
    this.#shutdown.push('bus', () => bus.close());
    return bus;
  }

  async #openShare(bus: Bus): Promise<LiveShare> {
    const { settings, logger } = this.#options;
    const edges = trackPresence(bus, { clock: systemClock }, 'edge', EdgePresence);
    this.#shutdown.push('presence tracker', () => edges.unsubscribe());
    const { dataDirectory, nodeId, workers } = settings;
    const share = new LiveShare(dataDirectory, nodeId, workers, edges);
    await share.restore();
    const stopKeeping = share.keep(bus, {
      onShare: () => this.#workers?.sendEach((index) => ({ type: 'share', ...share.of(index) })),
      onDiskError: (error) => logger.warn({ err: error }, 'share was not saved'),
    });
    this.#shutdown.push('share timer', stopKeeping);
    return share;
  }

  async #openQuotas(): Promise<void> {
    await this.#quotas.restore();
    const stopSaving = this.#quotas.saveRegularly((error) => {
      this.#options.logger.warn({ err: error }, 'usage of quotas was not saved');
    });
    this.#shutdown.push('quotas', stopSaving);
  }

  #openReports(bus: Bus): void {
    const edgeId = this.#options.settings.nodeId;
    const usage = new UsageReports(bus, { clock: systemClock, edgeId });
    this.#usage = usage;
    this.#shutdown.push('reports on limits', () => usage.close());
    const demand = new DemandReports(bus, { clock: systemClock, edgeId });
    this.#demand = demand;
    this.#shutdown.push('reports on demand', () => demand.close());
    const rollouts = new RolloutReports(bus, {
      edgeId,
      rollouts: () => this.#configuration.rollouts(),
      takeMetrics: () => this.#takeMetrics(),
    });
    this.#rollouts = rollouts;
    this.#shutdown.push('rollout counts', () => rollouts.close());
  }

  #openWorkers(size: number): WorkerPool {
    const { workerEntry } = this.#options;
    return new WorkerPool(
      {
        clock: systemClock,
        random: systemRandom,
        settingsOf: (index) => workerSettings(this.#options, index),
        prime: (worker) => {
          if (!this.#restored) return;
          const messages = this.#configuration.primingMessages(worker.id);
          for (const message of messages) worker.send(message);
          worker.send(this.#health.primingMessage());
          worker.send({ type: 'quotas', marks: this.#quotas.marks() });
          const share = this.#share?.of(worker.index);
          if (share !== undefined) worker.send({ type: 'share', ...share });
        },
        onOutcomes: (workerId, outcomes) => this.#configuration.decide(workerId, outcomes),
        onBarrier: (workerId) => this.#configuration.barrierReached(workerId),
        onLimitUsage: (entries) => this.#usage?.add(entries),
        onDemand: (seconds) => this.#demand?.add(seconds),
        onQuotas: (marks) => this.#quotas.add(marks),
        onListening: (port) => this.#onListening(port),
        onLost: (worker, reason) => this.#onWorkerLost(worker, reason),
        onFault: (fault) => this.#onFault(fault),
        onNeverListened: (reason) => this.#options.onFatal(reason),
        program: {
          codeCache: this.#codeCache,
          ...(workerEntry === undefined ? {} : { entry: workerEntry }),
        },
      },
      size,
    );
  }

  #openFeed(bus: Bus): void {
    const { logger, settings } = this.#options;
    const { nodeId } = settings;
    const acks = createAckPublisher(bus, { clock: systemClock }, { edgeId: nodeId, flushMs: 5 });
    this.#acks = acks;
    this.#shutdown.push('acknowledgements', () => acks.close());
    const feed = createConfigFeed(
      bus,
      { clock: systemClock, random: systemRandom },
      {
        onDocument: (document) => this.#configuration.receive(document, this.#synced),
        onRemoved: (key, revision) => this.#configuration.remove(key, revision),
        onRejected: (key, reason) =>
          logger.error({ document: key, reason }, 'unusable document on the bus'),
        onSynced: (revision) => this.#onSynced(revision),
        onEvent: (event) => logger.debug({ event }, 'config feed'),
      },
      { held: this.#configuration.known() },
    );
    this.#feed = feed;
    this.#shutdown.push('config feed', () => feed.close());
    const health = watchHealth(
      bus,
      { random: systemRandom },
      {
        onState: (state) => this.#health.receive(state),
        onRemoved: (key) => this.#health.remove(key),
        onRejected: (key, reason) =>
          logger.warn({ upstream: key, reason }, 'unusable health state'),
      },
    );
    this.#shutdown.push('health watch', () => health.close());
    const presence = createPresence(bus, {
      kind: 'edge',
      id: nodeId,
      info: () => this.#presence(),
    });
    this.#announcement = presence;
    this.#shutdown.push('presence', () => presence.close());
  }

  async #openAdmin(): Promise<void> {
    const { settings, logger } = this.#options;
    const own = createPrimaryMetrics(() => ({
      documents: this.#configuration.size,
      quarantined: this.#configuration.rejected().length,
      revision: this.#configuration.revision,
      configAgeSeconds: this.#configAgeSeconds(),
      busConnected: this.#bus?.connected ?? false,
      draining: this.#draining,
      workerRestarts: this.#workers?.restarts ?? NO_RESTARTS,
      revisionFaults: this.#revisionFaults,
    }));
    const admin = await createAdminServer({
      listen: settings.adminListen,
      readiness: () =>
        judgeReadiness({
          configurationComplete: this.#complete,
          listeningWorkers: this.#workers?.listening ?? 0,
          lastWorkerEnd: this.#lastWorkerEnd,
          draining: this.#draining,
        }),
      metrics: async () => {
        await this.#takeMetrics();
        this.#aggregate.apply('primary', own.takeSnapshot());
        return this.#aggregate.render();
      },
      routes: { '/config': () => ({ body: this.#describe() }) },
      logger,
    });
    this.adminAddress = `${admin.host}:${admin.port}`;
    this.#shutdown.push('admin listener', () => admin.close());
  }

  /** Each snapshot holds increments, so all that anybody counts by goes through here. */
  async #takeMetrics(): Promise<void> {
    const taken = (await this.#workers?.takeMetrics(METRICS_TIMEOUT_MS)) ?? [];
    for (const [workerId, snapshot] of taken) {
      this.#aggregate.apply(workerId, snapshot);
      this.#rollouts?.add(snapshot);
    }
  }

  #onSynced(revision: number): void {
    this.#synced = true;
    this.#complete = true;
    this.#configuration.synced(revision);
    this.#options.logger.info({ ...this.#feed?.status() }, 'configuration synced');
    this.#workers?.startAccepting();
  }

  #onListening(port: number): void {
    if (this.#announcedReady) return;
    this.#announcedReady = true;
    const { host } = this.#options.settings.listen;
    const documents = this.#configuration.size;
    const fields = { address: `${host}:${port}`, admin: this.adminAddress, documents };
    this.#options.logger.info(fields, 'ready');
  }

  #presence(): EdgePresence {
    const rejected = this.#configuration.rejected();
    const toldOfAll = this.#loaded !== undefined && rejected.length <= REJECTED_MAX;
    return {
      zone: this.#options.settings.zone,
      ring: this.#options.settings.ring,
      revision: this.#feed?.status().revision ?? this.#configuration.revision,
      documents: this.#configuration.size,
      synced: this.#feed?.status().synced ?? false,
      rejected: rejected.slice(0, REJECTED_MAX),
      ...(toldOfAll ? { loaded: this.#loaded } : {}),
      startedAt: this.#startedAtMs,
      version: this.#options.version,
      adminAddress: this.adminAddress,
      workers: this.#options.settings.workers,
    };
  }

  #configAgeSeconds(): number {
    const lastMs = this.#feed?.status().lastMessageAt ?? this.#startedAtMs;
    return Math.max(0, (systemClock.nowMs() - lastMs) / 1000);
  }

  #describe(): object {
    const { nodeId, ring } = this.#options.settings;
    return {
      nodeId,
      ring,
      complete: this.#complete,
      feed: this.#feed?.status() ?? null,
      ...describeConfiguration(this.#configuration),
      workers: { size: this.#workers?.size ?? 0, listening: this.#workers?.listening ?? 0 },
    };
  }
}
