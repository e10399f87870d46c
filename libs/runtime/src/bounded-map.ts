/**
 * A map that never holds more than `capacity` entries: adding one more evicts the entry that was set longest ago.
 * A `Map` keeps insertion order, so the oldest entry is its first key and both operations stay O(1).
 *
 *     oldest ─► [k1, k2, k3, … kN] ◄─ newest       set(kN+1) drops k1
 */
export class BoundedMap<Key, Value> {
  readonly capacity: number;
  /** How many entries were dropped to make room. */
  evictions = 0;
  readonly #entries = new Map<Key, Value>();

  /** @param capacity at least 1. */
  constructor(capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`capacity must be at least 1, got ${capacity}`);
    this.capacity = capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Adds or replaces; the entry becomes the newest. */
  set(key: Key, value: Value): void {
    if (!this.#entries.delete(key) && this.#entries.size >= this.capacity) this.#evictOldest();
    this.#entries.set(key, value);
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Entries from oldest to newest. */
  entries(): MapIterator<[Key, Value]> {
    return this.#entries.entries();
  }

  /** Values from oldest to newest. */
  values(): MapIterator<Value> {
    return this.#entries.values();
  }

  #evictOldest(): void {
    const oldest = this.#entries.keys().next();
    if (oldest.done === true) return;
    this.#entries.delete(oldest.value);
    this.evictions += 1;
  }
}
