/** Something that is due at a tick. Create it with {@link TimerWheel.createTimer}. */
export interface WheelTimer {
  readonly fire: () => void;
  /** Tick at which it fires; -1 while not set. */
  dueTick: number;
}

const SLOTS = 512;

/**
 * A hashed timer wheel (Varghese and Lauck 1987): setting and clearing are O(1), and one tick looks only at its slot,
 * however many thousand timers there are.
 *
 *     tick 7 ─► slot 7: { due 7 → fires, due 519 → stays for the next turn }
 *
 * Precision: a timer fires 0 to 1 tick late, never early. One tick of 50 ms and 512 slots make a turn of 25.6 s.
 */
export class TimerWheel {
  readonly tickMs: number;
  readonly #slots: Set<WheelTimer>[] = Array.from({ length: SLOTS }, () => new Set());
  /** The last tick that was run. */
  #tick: number;
  #size = 0;

  /** @param nowMs monotonic time at which the wheel starts; @param tickMs default 50. */
  constructor(nowMs: number, tickMs = 50) {
    this.tickMs = tickMs;
    this.#tick = Math.floor(nowMs / tickMs);
  }

  /** Timers that are set. */
  get size(): number {
    return this.#size;
  }

  createTimer(fire: () => void): WheelTimer {
    return { fire, dueTick: -1 };
  }

  /** Sets or moves a timer to fire at `dueMs`; a time in the past means the next tick. */
  set(timer: WheelTimer, dueMs: number): void {
    this.clear(timer);
    timer.dueTick = Math.max(Math.ceil(dueMs / this.tickMs), this.#tick + 1);
    this.#slotOf(timer.dueTick).add(timer);
    this.#size += 1;
  }

  clear(timer: WheelTimer): void {
    if (timer.dueTick === -1) return;
    this.#slotOf(timer.dueTick).delete(timer);
    timer.dueTick = -1;
    this.#size -= 1;
  }

  /** Fires what is due. After a stall of the process one full turn catches up, as it visits every slot. */
  advance(nowMs: number): void {
    const last = Math.floor(nowMs / this.tickMs);
    const first = Math.max(this.#tick + 1, last - SLOTS + 1);
    // Set first: a timer that `fire` sets again must land after this run.
    this.#tick = Math.max(this.#tick, last);
    for (let tick = first; tick <= last; tick += 1) {
      for (const timer of this.#slotOf(tick)) {
        if (timer.dueTick > last) continue;
        this.clear(timer);
        timer.fire();
      }
    }
  }

  #slotOf(tick: number): Set<WheelTimer> {
    const slot = this.#slots[tick % SLOTS];
    if (slot === undefined) throw new RangeError(`tick ${tick} is not a natural number`);
    return slot;
  }
}
