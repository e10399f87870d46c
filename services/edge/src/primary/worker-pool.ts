import type { LimitUsage } from '@headgate/bus';
import type { QuotaMark } from '@headgate/limiting';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import type { WorkerSnapshot } from '@headgate/telemetry';
import type { DocumentOutcome, PrimaryMessage, WorkerSettings } from '../ipc/messages.ts';
import { WorkerProcess, type WorkerEnd } from './worker-process.ts';

/** A worker that ended unexpectedly. */
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
  /** Brings a new worker up to date before it listens. */
  readonly prime: (worker: WorkerProcess) => void;
  readonly onOutcomes: (workerId: string, outcomes: readonly DocumentOutcome[]) => void;
  /** A worker ended unexpectedly and will be replaced. */
  readonly onLost: (worker: LostWorker, reason: string) => void;
  readonly onListening: (port: number) => void;
  readonly onLimitUsage: (entries: readonly LimitUsage[]) => void;
  readonly onQuotas: (marks: readonly QuotaMark[]) => void;
  /** The first workers could not start at all, such as when the port is taken. */
  readonly onNeverListened: (reason: string) => void;
  /** The program of a worker; default: the edge's own. */
  readonly entry?: string;
}

const CHECK_INTERVAL_MS = 1000;
/** A check that is later than this says that the primary was blocked, or the machine asleep. */
const CHECK_LATE_MS = 500;

const RESTART_BASE_MS = 100;
const RESTART_CAP_MS = 5000;
/** A worker that lived this long had no fault of starting: its successor starts at once. */
const STABLE_MS = 10_000;

/** A blocked worker holds up the others' drain no longer than this. */
const STOP_ACCEPTING_MS_MAX = 500;

/** The worker processes of an edge: keeps `size` of them running. */
export class WorkerPool {
  /** Workers that ended and were replaced, by how they ended. */
  readonly restarts: Record<WorkerEnd, number> = { exited: 0, killed: 0, blocked: 0, failed: 0 };
  readonly #deps: WorkerPoolDeps;
  readonly #size: number;
  readonly #workers = new Map<number, WorkerProcess>();
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
    for (let index = 0; index < size; index += 1) this.#spawn(index);
    this.#checkedMs = deps.clock.monotonicMs();
    this.#checkTimer = setInterval(() => this.#checkAlive(), CHECK_INTERVAL_MS);
  }

  get size(): number {
    return this.#size;
  }

  /** Workers that accept connections. */
  get listening(): number {
    let count = 0;
    for (const worker of this.#workers.values()) if (worker.listening) count += 1;
    return count;
  }

  /** Ids of the workers that run now. */
  ids(): string[] {
    return [...this.#workers.values()].map((worker) => worker.id);
  }

  /** Sends a message to every worker. */
  broadcast(message: PrimaryMessage): void {
    for (const worker of this.#workers.values()) worker.send(message);
  }

  /** Sends each worker a message of its own. */
  sendEach(messageFor: (index: number) => PrimaryMessage): void {
    for (const worker of this.#workers.values()) worker.send(messageFor(worker.index));
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
    const workers = [...this.#workers.values()];
    this.broadcast({ type: 'stop_accepting' });
    await Promise.race([
      Promise.all(workers.map((worker) => worker.stoppedAccepting)),
      sleep(STOP_ACCEPTING_MS_MAX, undefined, { ref: false }),
    ]);
    this.broadcast({ type: 'drain', deadlineMs: drainMs });
    const timer = setTimeout(() => {
      for (const worker of workers) worker.kill();
    }, drainMs + graceMs);
    await Promise.all(workers.map((worker) => worker.drained));
    clearTimeout(timer);
    for (const worker of workers) worker.kill();
    await Promise.all(workers.map((worker) => worker.exited));
  }

  #spawn(index: number): void {
    this.#generation += 1;
    const worker = new WorkerProcess(
      `${index}.${this.#generation}`,
      this.#deps.settingsOf(index),
      {
        onLimitUsage: (entries) => this.#deps.onLimitUsage(entries),
        onQuotas: (marks) => this.#deps.onQuotas(marks),
        onListening: (_worker, port) => {
          this.#everListened = true;
          this.#deps.onListening(port);
        },
        onOutcomes: (from, outcomes) => this.#deps.onOutcomes(from.id, outcomes),
        onExit: (ended, end, reason) => this.#onExit(ended, end, reason),
      },
      this.#deps.entry,
    );
    this.#workers.set(index, worker);
    this.#bornMs.set(index, this.#deps.clock.monotonicMs());
    this.#deps.prime(worker);
    if (this.#accepting) worker.send({ type: 'listen' });
  }

  #onExit(worker: WorkerProcess, end: WorkerEnd, reason: string): void {
    if (this.#workers.get(worker.index) === worker) this.#workers.delete(worker.index);
    if (this.#stopping) return;
    if (worker.failure !== '' && !this.#everListened) {
      this.#stopping = true;
      clearInterval(this.#checkTimer);
      this.#deps.onNeverListened(worker.failure);
      return;
    }
    this.restarts[end] += 1;
    const livedMs = this.#deps.clock.monotonicMs() - (this.#bornMs.get(worker.index) ?? 0);
    this.#deps.onLost({ id: worker.id, index: worker.index, livedMs }, reason);
    const attempt = livedMs >= STABLE_MS ? 0 : (this.#attempts.get(worker.index) ?? 0);
    this.#attempts.set(worker.index, attempt + 1);
    const waitMs =
      attempt === 0 ? 0 : fullJitterMs(this.#deps.random, attempt, RESTART_BASE_MS, RESTART_CAP_MS);
    setTimeout(() => {
      if (!this.#stopping) this.#spawn(worker.index);
    }, waitMs);
  }

  #checkAlive(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    const late = nowMs - this.#checkedMs > CHECK_INTERVAL_MS + CHECK_LATE_MS;
    this.#checkedMs = nowMs;
    for (const worker of this.#workers.values()) worker.checkAlive(nowMs, late);
  }
}
