import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LimitUsage } from '@headgate/bus';
import type { QuotaMark } from '@headgate/limiting';
import type { WorkerSnapshot } from '@headgate/telemetry';
import {
  isOrdered,
  unpackOutcomes,
  type DocumentOutcome,
  type PrimaryMessage,
  type RevisionFault,
  type WorkerMessage,
  type WorkerSettings,
} from '../ipc/messages.ts';
import type { DemandSecond } from '../usage/demand-tally.ts';
import { OrderedSends } from './ordered-sends.ts';

/** What a worker process tells its owner. */
export interface WorkerEvents {
  onListening(worker: WorkerProcess, port: number): void;
  onOutcomes(worker: WorkerProcess, outcomes: readonly DocumentOutcome[]): void;
  onBarrier(worker: WorkerProcess): void;
  onLimitUsage(entries: readonly LimitUsage[]): void;
  onDemand(seconds: readonly DemandSecond[]): void;
  onQuotas(marks: readonly QuotaMark[]): void;
  /** A revision threw; the worker is well. */
  onFault(fault: RevisionFault): void;
  /** It serves on after an exception that is nobody's; told once. */
  onFailing(worker: WorkerProcess, reason: string): void;
  onExit(worker: WorkerProcess, end: WorkerEnd, reason: string): void;
}

/** What a worker process runs. */
export interface WorkerProgram {
  /** Default: the edge's own. */
  readonly entry?: string;
  /** Directory in which Node keeps compiled code for the next start; `NODE_COMPILE_CACHE` of the environment wins. */
  readonly codeCache?: string;
}

/** How a worker ended: by itself, by somebody's signal, blocked and killed, or by a fault that it told of. */
export type WorkerEnd = 'exited' | 'killed' | 'blocked' | 'failed';

/** A worker that does not answer for this long is taken for dead: its event loop is blocked, or it is stopped. */
const BLOCKED_MS = 5000;
/** The same while it starts: on a busy machine a start takes a while, and a kill would only repeat it. */
const START_MS_MAX = 30_000;

/**
 * Threads of libuv in a worker, by default: half of them may look up names of endpoints and wait for DNS, which is what
 * the cache of names counts on.
 */
const THREADPOOL_SIZE = '16';

/** The compiled bundle and the sources differ in the name's ending. */
const ENTRY = fileURLToPath(new URL(`../worker/worker-main.ts`, import.meta.url));

/**
 * How V8 runs a worker, see docs/adr/0018-v8-flags-of-workers.md. There is a worker per core, so garbage collection on
 * helper threads takes its time from the others' requests; a collection of a worker that has nothing to do throws away the
 * machine code of the request path; one request runs through more small functions than V8 would put into one piece of
 * machine code; and what documents leave behind while they are compiled must not outlive the next collection.
 */
const V8_FLAGS = [
  '--single-threaded-gc',
  '--no-memory-reducer',
  '--no-allocation-site-pretenuring',
  '--no-scavenger-updates-allocation-limit',
  '--page-promotion-threshold=5',
  '--expose-gc', // for buffers that nobody needs, see worker/overload-watch.ts
  '--max-inlined-bytecode-size=1200',
  '--max-inlined-bytecode-size-cumulative=3000',
];

/** One worker process as the primary sees it. */
export class WorkerProcess {
  readonly index: number;
  /** Unique over all restarts. */
  readonly id: string;
  listening = false;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #ordered = new OrderedSends((message, onSent) => this.#sendNow(message, onSent));
  readonly #snapshots = new Map<number, (snapshot: WorkerSnapshot) => void>();
  #nextSnapshotId = 0;
  #pingId = 0;
  #answeredPingId = 0;
  #pingSinceMs = 0;
  #failure = '';
  #blocked = false;
  #hasStarted = false;
  #markStarted: () => void = () => undefined;
  #markOpened: () => void = () => undefined;
  #markStoppedAccepting: () => void = () => undefined;
  #markDrained: () => void = () => undefined;
  /** Resolves once the worker takes messages. */
  readonly started: Promise<void>;
  /** Resolves when it accepts connections. */
  readonly opened: Promise<void>;
  /** Resolves when the worker refuses connections. */
  readonly stoppedAccepting: Promise<void>;
  readonly drained: Promise<void>;

  constructor(
    id: string,
    settings: WorkerSettings,
    events: WorkerEvents,
    { entry = ENTRY, codeCache }: WorkerProgram = {},
  ) {
    this.index = settings.workerIndex;
    this.id = id;
    this.started = new Promise((resolve) => (this.#markStarted = resolve));
    this.opened = new Promise((resolve) => (this.#markOpened = resolve));
    this.stoppedAccepting = new Promise((resolve) => (this.#markStoppedAccepting = resolve));
    this.drained = new Promise((resolve) => (this.#markDrained = resolve));
    this.#child = fork(entry, [], {
      execArgv: [...process.execArgv, ...V8_FLAGS],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        UV_THREADPOOL_SIZE: THREADPOOL_SIZE,
        ...(codeCache === undefined ? {} : { NODE_COMPILE_CACHE: codeCache }),
        ...process.env,
      },
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.listening = false;
        this.#markStarted();
        this.#markOpened();
        this.#markStoppedAccepting();
        this.#markDrained();
        const end = this.#endOf(signal);
        const said = end === 'blocked' ? 'gave no sign of life' : this.#failure;
        events.onExit(this, end, said || `ended with ${signal ?? `code ${code}`}`);
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

  /** The configuration is sent in order; everything else passes what of it waits. */
  send(message: PrimaryMessage): void {
    if (isOrdered(message)) this.#ordered.push(message);
    else this.#sendNow(message, () => undefined);
  }

  #sendNow(message: PrimaryMessage, onSent: () => void): void {
    if (this.#child.connected) this.#child.send(message, onSent); // its exit tells of a lost channel
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

  /**
   * Asks for a sign of life unless one is due; kills the worker if it has been due for too long.
   *
   * @param excused the primary itself was late, so the worker's answers may just not have been read.
   */
  checkAlive(nowMs: number, excused: boolean): void {
    if (this.#answeredPingId === this.#pingId) {
      this.#pingId += 1;
      this.#pingSinceMs = nowMs;
      this.send({ type: 'ping', id: this.#pingId });
    } else if (excused) {
      this.#pingSinceMs = nowMs;
    } else if (nowMs - this.#pingSinceMs > (this.#hasStarted ? BLOCKED_MS : START_MS_MAX)) {
      this.#blocked = true;
      this.kill();
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #endOf(signal: string | null): WorkerEnd {
    if (this.#blocked) return 'blocked';
    if (this.#failure !== '') return 'failed';
    return signal === null ? 'exited' : 'killed';
  }

  #receive(message: WorkerMessage, events: WorkerEvents): void {
    switch (message.type) {
      case 'started':
        this.#hasStarted = true;
        this.#markStarted();
        break;
      case 'listening':
        this.listening = true;
        this.#markOpened();
        events.onListening(this, message.port);
        break;
      case 'failed':
        this.#failure = message.reason;
        this.kill();
        break;
      case 'failing':
        events.onFailing(this, message.reason);
        break;
      case 'fault':
        events.onFault(message.fault);
        break;
      case 'outcomes':
        events.onOutcomes(this, unpackOutcomes(message.outcomes));
        break;
      case 'barrier_reached':
        events.onBarrier(this);
        break;
      case 'metrics':
        this.#snapshots.get(message.id)?.(message.snapshot);
        this.#snapshots.delete(message.id);
        break;
      case 'limit_usage':
        events.onLimitUsage(message.entries);
        break;
      case 'demand':
        events.onDemand(message.seconds);
        break;
      case 'quotas':
        events.onQuotas(message.marks);
        break;
      case 'pong':
        this.#answeredPingId = message.id;
        break;
      case 'stopped_accepting':
        this.#markStoppedAccepting();
        break;
      case 'drained':
        this.#markDrained();
        break;
    }
  }
}
