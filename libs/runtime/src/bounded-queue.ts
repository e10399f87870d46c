/**
 * A first-in first-out queue with a bound, as a ring in one array.
 *
 *     head ─► [ a b c . . . . ] ◄─ tail          length = 3, capacity = 7
 *
 * `push` and `shift` are O(1), unlike `Array.prototype.shift` on long arrays.
 */
export class BoundedQueue<Item> {
  readonly capacity: number;
  /** How many items were refused because the queue was full. */
  refusals = 0;
  readonly #slots: (Item | undefined)[];
  #head = 0;
  #length = 0;

  /** @param capacity at least 1. */
  constructor(capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`capacity must be at least 1, got ${capacity}`);
    this.capacity = capacity;
    this.#slots = [];
  }

  get length(): number {
    return this.#length;
  }

  /** Returns false, and counts a refusal, when the queue is full. */
  push(item: Item): boolean {
    if (this.#length === this.capacity) {
      this.refusals += 1;
      return false;
    }
    this.#slots[(this.#head + this.#length) % this.capacity] = item;
    this.#length += 1;
    return true;
  }

  /** The oldest item, removed; undefined when empty. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.capacity;
    this.#length -= 1;
    return item;
  }
}
