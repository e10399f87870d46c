/** Counts over a trailing time, in slots. Time may step back; what is older than all slots is dropped. */
export class SlottedCount {
  readonly #slotMs: number;
  readonly #counts: number[];
  #newest = 0;

  /** @param slots of `slotMs` each, in ms; both at least 1. */
  constructor(slotMs: number, slots: number) {
    this.#slotMs = slotMs;
    this.#counts = Array.from({ length: slots }, () => 0);
  }

  add(atMs: number, count: number): void {
    const slot = Math.floor(atMs / this.#slotMs);
    const size = this.#counts.length;
    if (slot > this.#newest) {
      const fresh = Math.min(size, slot - this.#newest);
      for (let step = 0; step < fresh; step += 1) this.#counts[(slot - step) % size] = 0;
      this.#newest = slot;
    }
    if (slot <= this.#newest - size) return;
    this.#counts[slot % size] = (this.#counts[slot % size] ?? 0) + count;
  }

  /** What was counted in the whole slots of the last `spanMs`; the slot of `nowMs` counts as one. */
  sum(nowMs: number, spanMs: number): number {
    const size = this.#counts.length;
    const now = Math.floor(nowMs / this.#slotMs);
    const oldest = Math.max(now - Math.floor(spanMs / this.#slotMs) + 1, this.#newest - size + 1);
    let sum = 0;
    for (let slot = oldest; slot <= Math.min(now, this.#newest); slot += 1) {
      sum += this.#counts[slot % size] ?? 0;
    }
    return sum;
  }
}
