import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerProcess } from './worker-process.ts';

/** A blocked worker holds up others no longer than this. */
const STOP_ACCEPTING_MS_MAX = 500;
/** Nobody knows the state that the exception left behind, so connections get less time than in an orderly stop. */
const DRAIN_MS = 5000;
const GRACE_MS = 1000;

/**
 * Workers that serve on although an exception has hit them that is nobody's. They are replaced one after the other, so
 * that a bug that hits all workers in the same moment leaves no moment without one:
 *
 *     waiting ── its successor serves ──► refuses new connections ──► drains ──► ended
 */
export class FailingWorkers {
  readonly #takeOver: (index: number) => Promise<boolean>;
  readonly #waiting = new Set<WorkerProcess>();
  readonly #leaving = new Set<WorkerProcess>();
  #last: Promise<void> = Promise.resolve();

  /** @param takeOver starts another worker at a place; true once it serves, false if all are to end. Never rejects. */
  constructor(takeOver: (index: number) => Promise<boolean>) {
    this.#takeOver = takeOver;
  }

  /** All that have not ended. */
  *[Symbol.iterator](): Generator<WorkerProcess> {
    yield* this.#waiting;
    yield* this.#leaving;
  }

  /** Those whose successor does not serve yet. */
  waiting(): Iterable<WorkerProcess> {
    return this.#waiting;
  }

  /** @param waitMs before its successor starts, on top of the turns of those before it. */
  add(worker: WorkerProcess, waitMs: number): void {
    this.#waiting.add(worker);
    this.#last = this.#last.then(() => this.#replace(worker, waitMs));
  }

  /** It has ended; false if it was not here. A place whose worker ends before its turn gets its successor still. */
  delete(worker: WorkerProcess): boolean {
    return this.#waiting.delete(worker) || this.#leaving.delete(worker);
  }

  async #replace(worker: WorkerProcess, waitMs: number): Promise<void> {
    await sleep(waitMs, undefined, { ref: false });
    if (!(await this.#takeOver(worker.index)) || !this.#waiting.delete(worker)) return;
    this.#leaving.add(worker);
    await refusesConnections(worker);
    void drain(worker);
  }
}

/** Asks a worker to refuse new connections; resolves when it does, or does not answer. */
export async function refusesConnections(worker: WorkerProcess): Promise<void> {
  worker.send({ type: 'stop_accepting' });
  await Promise.race([
    worker.stoppedAccepting,
    sleep(STOP_ACCEPTING_MS_MAX, undefined, { ref: false }),
  ]);
}

async function drain(worker: WorkerProcess): Promise<void> {
  worker.send({ type: 'drain', deadlineMs: DRAIN_MS });
  await Promise.race([worker.drained, sleep(DRAIN_MS + GRACE_MS, undefined, { ref: false })]);
  worker.kill();
}
