import { Buffer } from 'node:buffer';

const BYTES_AT_FIRST = 1024;
/** A buffer above this is given back when the head is done: idle connections stay small. */
const BYTES_KEPT_MAX = 2048;
const NOTHING = Buffer.alloc(0);

/** Holds the beginning of a head that arrived in pieces. Grows by doubling up to the bound. */
export class HeadBuffer {
  /** The held bytes are `bytes[0, length)`. */
  bytes: Uint8Array = NOTHING;
  length = 0;

  /** Copies as much of `chunk[start, end)` as fits under `bytesMax` behind what is held. */
  append(chunk: Uint8Array, start: number, end: number, bytesMax: number): void {
    const taken = Math.min(end - start, bytesMax - this.length);
    const length = this.length + taken;
    if (length > this.bytes.length) {
      let capacity = Math.max(BYTES_AT_FIRST, this.bytes.length);
      while (capacity < length) capacity *= 2;
      // Zero-filled memory is not needed: only bytes below `length` are ever read.
      const larger = Buffer.allocUnsafeSlow(capacity);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(chunk.subarray(start, start + taken), this.length);
    this.length = length;
  }

  /** Forgets the bytes. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > BYTES_KEPT_MAX) this.bytes = NOTHING;
  }
}
