import { PacedWalk } from './paced-walk.ts';

/**
 * Coarse timers for deadlines that are set on every request and almost never fire.
 *
 * Precision: a deadline fires between 0 and `tickMs` (default 250 ms) late, never early; when thousands are due at once,
 * those that somebody waits for come first, and the others at 4,000 a second, see {@link PacedWalk}. Use it for idle,
 * header, per-try and total timeouts; use `setTimeout` where precision matters. Setting or clearing a deadline is one
 * field write; the cost is one sweep over the live entries per tick (about 20 ns each), whether or not they were used.
 */
export interface Expirable {
  /** Monotonic time in ms at which `onExpire` is due; `Infinity` for none. Write it at will. */
  deadlineMs: number;
  /** Somebody waits for what happens at the deadline, as for the answer to a request. */
  readonly urgent: boolean;
  /** Called once when the deadline has passed; the sweep sets `deadlineMs` to `Infinity` first. */
  onExpire(nowMs: number): void;
}

/** Holds the live entries and sweeps them once per tick. */
export class DeadlineSweeper {
  readonly #entries = new Set<Expirable>();
  readonly #tickMs: number;
  readonly #now: () => number;
  readonly #walk: PacedWalk<Expirable>;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    /** Monotonic clock in ms. */
    readonly now: () => number;
    /** Distance of sweeps in ms; default 250. */
    readonly tickMs?: number;
    /** Gets what an `onExpire` threw, so that one bad entry cannot stop the sweep. */
    readonly onError: (error: unknown) => void;
  }) {
    const { now, tickMs, onError } = options;
    this.#tickMs = tickMs ?? 250;
    this.#now = now;
    this.#walk = new PacedWalk({
      visit: (entry, nowMs) => this.#entries.has(entry) && expireIfDue(entry, nowMs, onError),
      now,
    });
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
   * Starts sweeping; the timer does not keep the process alive. What is due expires after the sockets of the same turn of
   * the event loop: what arrived in time is seen first, however late the loop is. Else one long turn would expire all
   * that was due meanwhile, such as connections that have stood for seconds.
   */
  start(): void {
    this.#timer ??= setInterval(() => this.#sweep(), this.#tickMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#walk.stop();
  }

  /** Everyone who is due, also of the sweeps before, so that those whom somebody waits for never queue behind the rest. */
  #sweep(): void {
    const nowMs = this.#now();
    const urgent: Expirable[] = [];
    const others: Expirable[] = [];
    for (const entry of this.#entries) {
      if (entry.deadlineMs <= nowMs) (entry.urgent ? urgent : others).push(entry);
    }
    if (urgent.length + others.length > 0) this.#walk.begin(urgent.concat(others));
  }
}

function expireIfDue(entry: Expirable, nowMs: number, onError: (error: unknown) => void): boolean {
  if (entry.deadlineMs > nowMs) return false;
  entry.deadlineMs = Infinity;
  try {
    entry.onExpire(nowMs);
  } catch (error) {
    onError(error);
  }
  return true;
}
