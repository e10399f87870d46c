import type { LimitUsage } from '@headgate/bus';
import type { QuotaMark } from '@headgate/limiting';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import type { WorkerSnapshot } from '@headgate/telemetry';
import type {
  DocumentOutcome,
  PrimaryMessage,
  RevisionFault,
  WorkerSettings,
} from '../ipc/messages.ts';
import type { DemandSecond } from '../usage/demand-tally.ts';
import { FailingWorkers, refusesConnections } from './failing-workers.ts';
import { WorkerProcess, type WorkerEnd, type WorkerProgram } from './worker-process.ts';

/** A worker that ended unexpectedly, or that has to be replaced. */
export interface LostWorker {
  readonly id: string;
  /** Its place in the pool, which the worker that replaces it has too. */
  readonly index: number;
  /** From its start to its end, in ms. */
  readonly livedMs: number;
}

/** What the pool works with. */
export interface WorkerPoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Settings of the worker with this index. */
  readonly settingsOf: (index: number) => WorkerSettings;
  /** Brings a worker up to date before it listens: a new one, or all of them on {@link WorkerPool.prime}. */
  readonly prime: (worker: WorkerProcess) => void;
  readonly onOutcomes: (workerId: string, outcomes: readonly DocumentOutcome[]) => void;
  /** A worker has acted on all that was sent before the barrier. */
  readonly onBarrier: (workerId: string) => void;
  /** A revision threw in a worker, which is well. */
  readonly onFault: (fault: RevisionFault) => void;
  /** A worker ended unexpectedly, or serves on after an exception that is nobody's: it will be replaced. */
  readonly onLost: (worker: LostWorker, reason: string) => void;
  readonly onListening: (port: number) => void;
  readonly onLimitUsage: (entries: readonly LimitUsage[]) => void;
  readonly onDemand: (seconds: readonly DemandSecond[]) => void;
  readonly onQuotas: (marks: readonly QuotaMark[]) => void;
  /** The first workers could not start at all, such as when the port is taken. */
  readonly onNeverListened: (reason: string) => void;
  readonly program?: WorkerProgram;
}

const CHECK_INTERVAL_MS = 1000;
/** A check that is later than this says that the primary was blocked, or the machine asleep. */
const CHECK_LATE_MS = 500;

const RESTART_BASE_MS = 100;
const RESTART_CAP_MS = 5000;
/** A worker that lived this long had no fault of starting: its successor starts at once. */
const STABLE_MS = 10_000;

/** One that takes longer to start does not hold up the end of the one that it replaces. */
const TAKE_OVER_MS_MAX = 30_000;

/** The worker processes of an edge: keeps `size` of them running. */
export class WorkerPool {
  /** Workers that were replaced, by how they ended. */
  readonly restarts: Record<WorkerEnd, number> = { exited: 0, killed: 0, blocked: 0, failed: 0 };
  readonly #deps: WorkerPoolDeps;
  readonly #size: number;
  readonly #workers = new Map<number, WorkerProcess>();
  /** Not among `#workers` any more: their answers are not waited for. */
  readonly #failing: FailingWorkers;
  readonly #bornMs = new Map<number, number>();
  readonly #attempts = new Map<number, number>();
  readonly #checkTimer: NodeJS.Timeout;
  #accepting = false;
  #stopping = false;
  #generation = 0;
  #checkedMs: number;
  #everListened = false;

  constructor(deps: WorkerPoolDeps, size: number) {
    this.#deps = deps;
    this.#size = size;
    this.#failing = new FailingWorkers((index) => this.#takeOver(index));
    for (let index = 0; index < size; index += 1) this.#spawn(index);
    this.#checkedMs = deps.clock.monotonicMs();
    this.#checkTimer = setInterval(() => this.#checkAlive(), CHECK_INTERVAL_MS);
  }

  get size(): number {
    return this.#size;
  }

  /** Places of the pool with a worker that accepts connections. */
  get listening(): number {
    const places = new Set<number>();
    for (const worker of this.#all()) if (worker.listening) places.add(worker.index);
    return places.size;
  }

  /** Ids of the workers that run now and will not be replaced. */
  ids(): string[] {
    return [...this.#workers.values()].map((worker) => worker.id);
  }

  /** Sends a message to every worker. */
  broadcast(message: PrimaryMessage): void {
    for (const worker of this.#all()) worker.send(message);
  }

  /** Sends each worker a message of its own. */
  sendEach(messageFor: (index: number) => PrimaryMessage): void {
    for (const worker of this.#all()) worker.send(messageFor(worker.index));
  }

  /** Brings all workers up to date. */
  prime(): void {
    for (const worker of this.#all()) this.#deps.prime(worker);
  }

  /** Resolves when each worker there is accepts connections or has ended, or after `timeoutMs`. */
  async untilOpened(timeoutMs: number): Promise<void> {
    const opened = Promise.all([...this.#all()].map((worker) => worker.opened));
    await Promise.race([opened, sleep(timeoutMs, undefined, { ref: false })]);
  }

  /** From now on workers accept connections, those that replace others too. */
  startAccepting(): void {
    if (this.#accepting) return;
    this.#accepting = true;
    this.broadcast({ type: 'listen' });
  }

  /** Snapshots of all workers that answer within `timeoutMs`, with their ids. */
  async takeMetrics(timeoutMs: number): Promise<[string, WorkerSnapshot][]> {
    const taken = await Promise.all(
      [...this.#workers.values()].map(
        async (worker) => [worker.id, await worker.takeMetrics(timeoutMs)] as const,
      ),
    );
    return taken.flatMap(([id, snapshot]): [string, WorkerSnapshot][] =>
      snapshot === null ? [] : [[id, snapshot]],
    );
  }

  /**
   * Drains all workers; those that have not ended `graceMs` after the deadline are killed. No connection is asked to end
   * before every worker refuses new ones: its client would come back to a socket that is about to close.
   */
  async stop(drainMs: number, graceMs = 1000): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#checkTimer);
    const workers = [...this.#workers.values(), ...this.#failing.waiting()];
    await Promise.all(workers.map(refusesConnections));
    for (const worker of workers) worker.send({ type: 'drain', deadlineMs: drainMs });
    const all = [...this.#all()];
    const timer = setTimeout(() => {
      for (const worker of all) worker.kill();
    }, drainMs + graceMs);
    await Promise.all(all.map((worker) => worker.drained));
    clearTimeout(timer);
    for (const worker of all) worker.kill();
    await Promise.all(all.map((worker) => worker.exited));
  }

  *#all(): Generator<WorkerProcess> {
    yield* this.#workers.values();
    yield* this.#failing;
  }

  /** Starts a worker at a place; resolves once it serves. False if all are to end. */
  async #takeOver(index: number): Promise<boolean> {
    if (this.#stopping) return false;
    const worker = this.#spawn(index);
    await Promise.race([
      this.#accepting ? worker.opened : worker.started,
      sleep(TAKE_OVER_MS_MAX, undefined, { ref: false }),
    ]);
    return true;
  }

  #spawn(index: number): WorkerProcess {
    this.#generation += 1;
    const worker = new WorkerProcess(
      `${index}.${this.#generation}`,
      this.#deps.settingsOf(index),
      {
        onLimitUsage: (entries) => this.#deps.onLimitUsage(entries),
        onDemand: (seconds) => this.#deps.onDemand(seconds),
        onQuotas: (marks) => this.#deps.onQuotas(marks),
        onListening: (_worker, port) => {
          this.#everListened = true;
          this.#deps.onListening(port);
        },
        onOutcomes: (from, outcomes) => this.#deps.onOutcomes(from.id, outcomes),
        onBarrier: (from) => this.#deps.onBarrier(from.id),
        onFault: (fault) => this.#deps.onFault(fault),
        onFailing: (failing, reason) => this.#onFailing(failing, reason),
        onExit: (ended, end, reason) => this.#onExit(ended, end, reason),
      },
      this.#deps.program,
    );
    this.#workers.set(index, worker);
    this.#bornMs.set(index, this.#deps.clock.monotonicMs());
    this.#deps.prime(worker);
    if (this.#accepting) worker.send({ type: 'listen' });
    return worker;
  }

  #onFailing(worker: WorkerProcess, reason: string): void {
    if (this.#stopping || this.#workers.get(worker.index) !== worker) return;
    this.#workers.delete(worker.index);
    this.#failing.add(worker, this.#noteLost(worker, 'failed', reason));
  }

  #onExit(worker: WorkerProcess, end: WorkerEnd, reason: string): void {
    if (this.#workers.get(worker.index) === worker) this.#workers.delete(worker.index);
    if (this.#failing.delete(worker) || this.#stopping) return;
    if (worker.failure !== '' && !this.#everListened) {
      this.#stopping = true;
      clearInterval(this.#checkTimer);
      this.#deps.onNeverListened(worker.failure);
      return;
    }
    const waitMs = this.#noteLost(worker, end, reason);
    setTimeout(() => {
      if (!this.#stopping) this.#spawn(worker.index);
    }, waitMs);
  }

  /** Returns how long to wait before another one starts in its place, in ms. */
  #noteLost(worker: WorkerProcess, end: WorkerEnd, reason: string): number {
    this.restarts[end] += 1;
    const livedMs = this.#deps.clock.monotonicMs() - (this.#bornMs.get(worker.index) ?? 0);
    this.#deps.onLost({ id: worker.id, index: worker.index, livedMs }, reason);
    const attempt = livedMs >= STABLE_MS ? 0 : (this.#attempts.get(worker.index) ?? 0);
    this.#attempts.set(worker.index, attempt + 1);
    if (attempt === 0) return 0;
    return fullJitterMs(this.#deps.random, attempt, RESTART_BASE_MS, RESTART_CAP_MS);
  }

  #checkAlive(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    const late = nowMs - this.#checkedMs > CHECK_INTERVAL_MS + CHECK_LATE_MS;
    this.#checkedMs = nowMs;
    for (const worker of this.#all()) worker.checkAlive(nowMs, late);
  }
}
