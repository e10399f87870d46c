import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { WorkerSnapshot } from '@headgate/telemetry';
import type {
  DocumentOutcome,
  PrimaryMessage,
  WorkerMessage,
  WorkerSettings,
} from '../ipc/messages.ts';

/** What a worker process tells its owner. */
export interface WorkerEvents {
  onListening(worker: WorkerProcess, port: number): void;
  onOutcomes(worker: WorkerProcess, outcomes: readonly DocumentOutcome[]): void;
  onExit(worker: WorkerProcess, reason: string): void;
}

/** The compiled bundle and the sources differ in the name's ending. */
const ENTRY = fileURLToPath(new URL(`../worker/worker-main.ts`, import.meta.url));

/** One worker process as the primary sees it. */
export class WorkerProcess {
  readonly index: number;
  /** Unique over all restarts. */
  readonly id: string;
  listening = false;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #snapshots = new Map<number, (snapshot: WorkerSnapshot) => void>();
  #nextSnapshotId = 0;
  #pingId = 0;
  #answeredPingId = 0;
  #pingSinceMs = 0;
  #failure = '';
  #markStarted: () => void = () => undefined;
  #markDrained: () => void = () => undefined;
  /** Resolves once the worker takes messages. */
  readonly started: Promise<void>;
  readonly drained: Promise<void>;

  constructor(id: string, settings: WorkerSettings, events: WorkerEvents, entry: string = ENTRY) {
    this.index = settings.workerIndex;
    this.id = id;
    this.started = new Promise((resolve) => (this.#markStarted = resolve));
    this.drained = new Promise((resolve) => (this.#markDrained = resolve));
    this.#child = fork(entry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.listening = false;
        this.#markStarted();
        this.#markDrained();
        events.onExit(this, this.#failure || `ended with ${signal ?? `code ${code}`}`);
        resolve();
      });
    });
    this.#child.on('error', (error) => (this.#failure = error.message));
    this.#child.on('message', (message: WorkerMessage) => this.#receive(message, events));
    this.send({ type: 'start', settings });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why the worker could not start; '' if it did. */
  get failure(): string {
    return this.#failure;
  }

  send(message: PrimaryMessage): void {
    if (this.#child.connected) this.#child.send(message, () => undefined); // its exit tells of a lost channel
  }

  /** What the worker counted since the last call; null if it does not answer in time. */
  takeMetrics(timeoutMs: number): Promise<WorkerSnapshot | null> {
    const id = (this.#nextSnapshotId += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), timeoutMs);
      this.#snapshots.set(id, (snapshot) => {
        clearTimeout(timer);
        resolve(snapshot);
      });
      this.send({ type: 'take_metrics', id });
    });
  }

  /** Sends a ping unless one is unanswered; returns for how long the worker has not answered, in ms. */
  checkAlive(nowMs: number): number {
    if (this.#answeredPingId === this.#pingId) {
      this.#pingId += 1;
      this.#pingSinceMs = nowMs;
      this.send({ type: 'ping', id: this.#pingId });
    }
    return nowMs - this.#pingSinceMs;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #receive(message: WorkerMessage, events: WorkerEvents): void {
    switch (message.type) {
      case 'started':
        this.#markStarted();
        break;
      case 'listening':
        this.listening = true;
        events.onListening(this, message.port);
        break;
      case 'failed':
        this.#failure = message.reason;
        this.kill();
        break;
      case 'outcomes':
        events.onOutcomes(this, message.outcomes);
        break;
      case 'metrics':
        this.#snapshots.get(message.id)?.(message.snapshot);
        this.#snapshots.delete(message.id);
        break;
      case 'pong':
        this.#answeredPingId = message.id;
        break;
      case 'drained':
        this.#markDrained();
        break;
    }
  }
}
