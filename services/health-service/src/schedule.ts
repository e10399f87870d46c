import { BoundedQueue, type Clock, type Random } from '@headgate/runtime';
import type { Probe, ProbeOutcome } from './probe.ts';
import type { ProbeTarget } from './targets.ts';
import { TimerWheel, type WheelTimer } from './timer-wheel.ts';

/** Part of the interval by which each run is moved at random, so that replicas and probes do not fall into step. */
const JITTER = 0.1;

/** What the schedule needs. */
export interface ScheduleDependencies {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly random: Random;
  /** Gets what a probe threw; a bug, but none that may stop the others. */
  readonly onError: (error: unknown) => void;
}

/** Bounds of the schedule. */
export interface ScheduleOptions {
  /** Probes in flight at once. */
  readonly concurrencyMax: number;
  /** Probes that can be scheduled. */
  readonly probesMax: number;
}

/** A probe that runs again and again until it is removed. */
export interface ScheduledProbe {
  /** Stops it; an outcome that is still on its way is dropped. Idempotent. */
  remove(): void;
}

/** One finished run. */
export interface ProbeRun extends ProbeOutcome {
  readonly durationMs: number;
  /** How much later than planned it started. */
  readonly lagMs: number;
}

/**
 * Runs probes at their intervals over one timer wheel, never more than `concurrencyMax` at once. A probe's first run is
 * at a random point of its interval, which spreads any number of them evenly; a run that is late because all places
 * are taken waits its turn and the next one is planned from its start, so overload stretches intervals instead of
 * piling up.
 *
 *     wheel ─ due ─► queue ─ a place is free ─► in flight ─► onRun ─► wheel
 */
export class Schedule {
  readonly #dependencies: ScheduleDependencies;
  readonly #concurrencyMax: number;
  readonly #probesMax: number;
  readonly #wheel: TimerWheel;
  readonly #due: BoundedQueue<Entry>;
  /** Per probe in flight, what ends it early. */
  readonly #inFlight = new Map<AbortController, Promise<void>>();
  #size = 0;
  #closed = false;

  constructor(dependencies: ScheduleDependencies, options: ScheduleOptions) {
    this.#dependencies = dependencies;
    this.#concurrencyMax = options.concurrencyMax;
    this.#probesMax = options.probesMax;
    this.#wheel = new TimerWheel(dependencies.clock.monotonicMs());
    // Twice: an entry that was removed while queued keeps its place until its turn.
    this.#due = new BoundedQueue(options.probesMax * 2);
  }

  /** Probes that are scheduled. */
  get size(): number {
    return this.#size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Schedules a probe; null when `probesMax` are scheduled already. `onRun` must not throw. */
  add(target: ProbeTarget, onRun: (run: ProbeRun) => void): ScheduledProbe | null {
    if (this.#size >= this.#probesMax || this.#closed) return null;
    this.#size += 1;
    const entry: Entry = {
      target,
      onRun,
      removed: false,
      dueMs: this.#dependencies.clock.monotonicMs(),
      timer: this.#wheel.createTimer(() => this.#enqueue(entry)),
    };
    entry.dueMs += this.#dependencies.random.next() * target.check.intervalMs;
    this.#wheel.set(entry.timer, entry.dueMs);
    return { remove: () => this.#remove(entry) };
  }

  /** Starts what is due; the owner calls it about every 50 ms. */
  tick(): void {
    this.#wheel.advance(this.#dependencies.clock.monotonicMs());
    this.#startDue();
  }

  /** Ends all probes and waits until none is in flight. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = [...this.#inFlight.values()];
    for (const deadline of this.#inFlight.keys()) deadline.abort(new Error('shutting down'));
    await Promise.all(running);
  }

  #remove(entry: Entry): void {
    if (entry.removed) return;
    entry.removed = true;
    this.#size -= 1;
    this.#wheel.clear(entry.timer);
  }

  #enqueue(entry: Entry): void {
    // Full only if probes are removed and added faster than the queue moves: then this run is left out.
    if (!this.#due.push(entry)) this.#plan(entry);
  }

  #startDue(): void {
    while (this.#inFlight.size < this.#concurrencyMax && !this.#closed) {
      const entry = this.#due.shift();
      if (entry === undefined) return;
      if (!entry.removed) this.#start(entry);
    }
  }

  #start(entry: Entry): void {
    const deadline = new AbortController();
    const timeout = this.#wheel.createTimer(() =>
      deadline.abort(new DOMException('the probe took too long', 'TimeoutError')),
    );
    const startMs = this.#dependencies.clock.monotonicMs();
    this.#wheel.set(timeout, startMs + entry.target.check.timeoutMs);
    const run = this.#run(entry, startMs, deadline.signal).then(() => {
      this.#wheel.clear(timeout);
      this.#inFlight.delete(deadline);
      this.#startDue();
    });
    this.#inFlight.set(deadline, run);
  }

  /** Never rejects. */
  async #run(entry: Entry, startMs: number, signal: AbortSignal): Promise<void> {
    const { probe, clock, onError } = this.#dependencies;
    const lagMs = Math.max(0, startMs - entry.dueMs);
    try {
      const outcome = await probe(entry.target, signal);
      if (entry.removed || this.#closed) return;
      entry.onRun({ ...outcome, durationMs: clock.monotonicMs() - startMs, lagMs });
    } catch (error) {
      onError(error);
    }
    entry.dueMs = startMs;
    this.#plan(entry);
  }

  /** Plans the next run one interval, give or take the jitter, after the present `dueMs`. */
  #plan(entry: Entry): void {
    if (entry.removed || this.#closed) return;
    const spread = 1 - JITTER + 2 * JITTER * this.#dependencies.random.next();
    entry.dueMs += entry.target.check.intervalMs * spread;
    this.#wheel.set(entry.timer, entry.dueMs);
  }
}

interface Entry {
  readonly target: ProbeTarget;
  readonly onRun: (run: ProbeRun) => void;
  readonly timer: WheelTimer;
  dueMs: number;
  removed: boolean;
}
