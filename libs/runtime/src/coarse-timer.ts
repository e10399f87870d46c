/**
 * Coarse timers for deadlines that are set on every request and almost never fire.
 *
 * Precision: a deadline fires between 0 and `tickMs` (default 250 ms) late, never early. Use it for idle, header,
 * per-try and total timeouts; use `setTimeout` where precision matters. Setting or clearing a deadline is one field
 * write; the cost is one sweep over the live entries per tick (about 20 ns each), whether or not they were used.
 */
export interface Expirable {
  /** Monotonic time in ms at which `onExpire` is due; `Infinity` for none. Write it at will. */
  deadlineMs: number;
  /** Called once when the deadline has passed; the sweep sets `deadlineMs` to `Infinity` first. */
  onExpire(nowMs: number): void;
}

/** Some 15 µs each, an answer included: 1 ms in one go. */
const EXPIRED_PER_TURN = 64;

/** Holds the live entries and sweeps them once per tick. */
export class DeadlineSweeper {
  readonly #entries = new Set<Expirable>();
  readonly #tickMs: number;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | null = null;
  /** A sweep is due in the next turn of the event loop. */
  #due = false;

  constructor(options: {
    /** Monotonic clock in ms. */
    readonly now: () => number;
    /** Distance of sweeps in ms; default 250. */
    readonly tickMs?: number;
    /** Gets what an `onExpire` threw, so that one bad entry cannot stop the sweep. */
    readonly onError: (error: unknown) => void;
  }) {
    this.#now = options.now;
    this.#tickMs = options.tickMs ?? 250;
    this.#onError = options.onError;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(entry: Expirable): void {
    this.#entries.add(entry);
  }

  remove(entry: Expirable): void {
    this.#entries.delete(entry);
  }

  /**
   * Starts sweeping; the timer does not keep the process alive. A sweep comes after the sockets of the same turn of the
   * event loop: what arrived in time is seen first, however late the loop is. Else one long turn would expire all that
   * was due meanwhile, such as connections that have stood for seconds.
   */
  start(): void {
    this.#timer ??= setInterval(() => this.#sweepSoon(), this.#tickMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /**
   * One pass; public so that tests can drive it with a fake clock. What is due beyond {@link EXPIRED_PER_TURN} follows in
   * the next turns of the event loop, so that thousands that expire at once (an attack that is cut) hold up nobody else.
   */
  sweep(): void {
    const nowMs = this.#now();
    let expired = 0;
    for (const entry of this.#entries) {
      if (entry.deadlineMs > nowMs) continue;
      if (expired === EXPIRED_PER_TURN) {
        this.#sweepSoon();
        break;
      }
      expired += 1;
      entry.deadlineMs = Infinity;
      try {
        entry.onExpire(nowMs);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /** After the sockets of this turn of the event loop. */
  #sweepSoon(): void {
    if (this.#due || this.#timer === null) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.sweep();
    }).unref();
  }
}
