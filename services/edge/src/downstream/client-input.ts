import type { ByteSocket } from '../io/byte-socket.ts';
import { HeldBytes } from '../io/held-bytes.ts';

/** Who uses the bytes of a {@link ClientInput}. */
export interface InputSteps {
  /** Uses bytes from `position` on and moves it; false when what follows has to wait. @hot */
  step(): boolean;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * The bytes of a client in their order: the chunk that is gone through, or what had to be held.
 *
 *     chunk   | used          | to be used           |
 *                              ▲ position             ▲ limit
 *
 * Reading pauses while `heldBytesMax` or more are held. A client that resets meanwhile is noticed by the write that waits
 * for it; where none does, as the endpoint has not answered yet, by the first one, or by the timeouts of its route.
 */
export class ClientInput {
  /** The chunk that is gone through, from `position` to `limit`; only within a step. */
  chunk: Buffer = NO_BYTES;
  position = 0;
  limit = 0;
  /** A chunk is being gone through: what may be used now is reached by the steps that follow. */
  processing = false;
  readonly #bytes: ByteSocket;
  readonly #heldBytesMax: number;
  readonly #steps: InputSteps;
  readonly #held = new HeldBytes();
  /** What was held, while it is gone through. */
  #taken: Buffer | null = null;

  constructor(bytes: ByteSocket, heldBytesMax: number, steps: InputSteps) {
    this.#bytes = bytes;
    this.#heldBytesMax = heldBytesMax;
    this.#steps = steps;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** Bytes that are here and were not used, held or in the chunk. */
  get unusedBytes(): number {
    return this.#held.length + this.limit - this.position;
  }

  /** All bytes were used. */
  get empty(): boolean {
    return this.unusedBytes === 0;
  }

  /** Goes through bytes [0, length) of `chunk`, after those that are held. @hot */
  process(chunk: Buffer, length: number): void {
    if (this.#held.length === 0) {
      this.#goThrough(chunk, length);
    } else {
      this.#held.append(chunk, 0, length);
      this.processHeld();
    }
  }

  /** Goes through what is held. */
  processHeld(): void {
    if (this.#held.length === 0) return;
    const all = this.#held.take();
    this.#taken = all;
    this.#goThrough(all, all.length);
    this.#taken = null;
  }

  /** Copies what came too early; stops reading when enough is held. */
  hold(chunk: Buffer, start: number, end: number): void {
    if (chunk === this.#taken && this.#held.length === 0) this.#held.putBack(chunk, start, end);
    else this.#held.append(chunk, start, end);
    if (this.#held.length >= this.#heldBytesMax) this.#bytes.pause();
  }

  /** Uses the next `length` bytes, as latin1; null if there are not as many yet. @hot */
  takeText(length: number): string | null {
    if (this.processing) {
      const start = this.position;
      if (this.limit - start < length) return null;
      this.position = start + length;
      return this.chunk.toString('latin1', start, this.position);
    }
    if (this.#held.length < length) return null;
    const text = this.#held.takeText(length);
    this.resumeReading();
    return text;
  }

  /** Drops the rest of the chunk. */
  skipChunk(): void {
    this.position = this.limit;
  }

  /** Drops what is held. */
  dropHeld(): void {
    this.#held.clear();
  }

  /** Reads on, unless enough is held that waits for its turn. */
  resumeReading(): void {
    if (this.#held.length < this.#heldBytesMax) this.#bytes.resume();
  }

  /** What cannot be used yet is held. @hot */
  #goThrough(chunk: Buffer, length: number): void {
    this.chunk = chunk;
    this.position = 0;
    this.limit = length;
    this.processing = true;
    let goesOn = true;
    while (goesOn && this.position < this.limit) goesOn = this.#steps.step();
    this.processing = false;
    if (this.position < this.limit) this.hold(chunk, this.position, this.limit);
    this.chunk = NO_BYTES;
    this.position = this.limit;
  }
}
