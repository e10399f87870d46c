/** Size of every read buffer: one read of a loopback or 10 GbE socket seldom brings more. */
export const READ_BUFFER_BYTES = 65_536;

/** Buffers kept for the next large body; 64 × 64 KiB = 4 MiB per worker. */
const SPARE_BUFFERS_MAX = 64;

/**
 * Read buffers of one worker.
 *
 *     idle or small messages:   all sockets ─► shared (64 KiB, one for the whole worker)
 *     streaming a large body:   socket      ─► a private buffer from `spare`
 *
 * JavaScript runs one read callback at a time and libuv fills the buffer right before it, so sockets can share one
 * buffer as long as nothing keeps a slice of it after the callback. 10,000 idle connections then cost one buffer
 * instead of 640 MiB. A large body is passed on without a copy, so its socket reads into a buffer of its own.
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
