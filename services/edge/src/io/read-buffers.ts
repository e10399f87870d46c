/**
 * Size of every read buffer. One read of a small message brings far less; for large bodies 128 KiB take 30 % less CPU
 * than 64 KiB and 256 KiB some 10 % less again, which is not worth what slow readers would pin.
 */
export const READ_BUFFER_BYTES = 131_072;

/** Buffers kept for the next large body; 64 × 128 KiB = 8 MiB per worker. */
const SPARE_BUFFERS_MAX = 64;

/**
 * Read buffers of one worker.
 *
 *     idle or small messages:   all sockets ─► shared (128 KiB, one for the whole worker)
 *     streaming a large body:   socket      ─► a private buffer from `spare`
 *
 * JavaScript runs one read callback at a time and libuv fills the buffer right before it, so sockets can share one
 * buffer as long as nothing keeps a slice of it after the callback. 10,000 idle connections then cost one buffer
 * instead of 1.3 GiB. A large body is passed on without a copy, so its socket reads into a buffer of its own.
 */
export class ReadBuffers {
  readonly shared: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  readonly #spare: Buffer[] = [];

  /** A private buffer; ends with {@link giveBack}, or with the garbage collector if a pending write keeps it. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }

  /** Only for a buffer that no pending write refers to. */
  giveBack(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer);
  }
}
