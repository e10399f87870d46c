const NO_BYTES = Buffer.alloc(0);

/** Smallest capacity: most of what comes early is a part of one request. */
const CAPACITY_MIN = 512;

/**
 * Copies of bytes that came before their time, in order. Capacity doubles, so a client that sends byte by byte costs
 * no more copying than one that sends all at once. The bound is the owner's: it stops reading when enough is held.
 */
export class HeldBytes {
  #buffer: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;
  /** Of the last buffer that was made: the one held, or taken. */
  #capacity = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies bytes [start, end) of `chunk`. */
  append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#end + end - start;
    if (needed > this.#buffer.length) this.#grow(this.length + end - start);
    this.#end += chunk.copy(this.#buffer, this.#end, start, end);
  }

  /** Removes and returns everything; the buffer is the caller's from then on. */
  take(): Buffer {
    const taken = this.#buffer.subarray(this.#start, this.#end);
    this.clear();
    return taken;
  }

  /**
   * Holds bytes [start, end) of what {@link take} returned last again; nothing else may be held. They are
   * copied only where they would keep a buffer more than twice their length, so that using up what is held piece by piece
   * costs no more than a few copies.
   */
  putBack(taken: Buffer, start: number, end: number): void {
    if ((end - start) * 2 < this.#capacity) return this.append(taken, start, end);
    this.#buffer = taken.subarray(0, end); // what is appended goes elsewhere: the rest may be another's
    this.#start = start;
    this.#end = end;
  }

  /** Removes and returns the first `length` bytes (there must be as many); they stay as they are. */
  takeBytes(length: number): Buffer {
    const taken = this.#buffer.subarray(this.#start, this.#start + length);
    this.#start += length;
    if (this.#start === this.#end) this.clear();
    return taken;
  }

  /** Removes and returns the first `length` bytes (there must be as many) as latin1. */
  takeText(length: number): string {
    const text = this.#buffer.toString('latin1', this.#start, this.#start + length);
    this.#start += length;
    if (this.#start === this.#end) this.clear();
    return text;
  }

  /** Forgets everything. */
  clear(): void {
    this.#buffer = NO_BYTES;
    this.#start = 0;
    this.#end = 0;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(CAPACITY_MIN, 2 ** Math.ceil(Math.log2(needed))));
    const held = this.#buffer.copy(larger, 0, this.#start, this.#end);
    this.#buffer = larger;
    this.#capacity = larger.length;
    this.#start = 0;
    this.#end = held;
  }
}
