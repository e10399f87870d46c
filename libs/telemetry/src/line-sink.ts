import { openChunkWriter, type ChunkWriter } from './chunk-writer.ts';

/** Options of {@link LineSink}. */
export interface LineSinkOptions {
  /** Where chunks go: a file descriptor (1 = standard output) or a writer. Default 1. */
  readonly destination?: number | ChunkWriter;
  /** Bound of the memory held for lines that are not written yet, in bytes. Default 1 MiB. */
  readonly bufferBytesMax?: number;
  /** Longest line in bytes, newline included; longer ones are dropped. Default 64 KiB. */
  readonly lineBytesMax?: number;
  /** Size of one write in bytes. Default: the largest that does not mix with other writers. */
  readonly batchBytes?: number;
  /** How long a line may wait for others before it is written, in ms. Default 100. */
  readonly flushIntervalMs?: number;
}

/** Lines on their way to one write. */
interface Batch {
  readonly buffer: Buffer;
  bytes: number;
  lines: number;
}

/** Buffers kept for the next batches. */
const SPARE_BATCHES_MAX = 4;

/**
 * Carries lines to an output without ever blocking the event loop or growing beyond a bound.
 *
 *     write(line) ─► open batch ─(full, or flushIntervalMs)─► full batches ─► one write in flight
 *                    └──────────── at most bufferBytesMax together ──────────────┘
 *
 * If the output is blocked, the bound is reached and new lines are dropped and counted; what is
 * already buffered stays in order. Each write ends at the end of a line.
 */
export class LineSink {
  /** Lines that were not written: buffer full, line too long, or the write failed. */
  droppedLines = 0;
  /** Writes that failed, such as ENOSPC or EPIPE. */
  failedWrites = 0;
  readonly #writer: ChunkWriter;
  readonly #bufferBytesMax: number;
  readonly #lineBytesMax: number;
  readonly #batchBytes: number;
  readonly #flushIntervalMs: number;
  readonly #batches: Batch[] = [];
  /** Written batches of the usual size. */
  readonly #spare: Batch[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  /** Takes lines; null if there are none. */
  #open: Batch | null = null;
  #bufferedBytes = 0;
  #inFlight: Batch | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @throws Error if the destination is a descriptor that is not open. */
  constructor(options: LineSinkOptions) {
    const destination = options.destination ?? 1;
    this.#writer = typeof destination === 'number' ? openChunkWriter(destination) : destination;
    this.#bufferBytesMax = options.bufferBytesMax ?? 1_048_576;
    this.#lineBytesMax = options.lineBytesMax ?? 65_536;
    this.#batchBytes = options.batchBytes ?? this.#writer.atomicBytesMax;
    this.#flushIntervalMs = options.flushIntervalMs ?? 100;
  }

  /** Bytes accepted and not yet written. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Accepts one line, which ends with its only `\n`. Returns false, and counts it, when it is
   * dropped.
   *
   * The line is copied at once: as one long text joined from thousands of pieces, a batch took three times as long, for
   * by the time it was written its pieces were out of the caches.
   *
   * @param bytes its length in bytes; a caller who knows that the line is ASCII saves counting it.
   * @hot
   */
  write(line: string, bytes: number = Buffer.byteLength(line)): boolean {
    if (bytes > this.#lineBytesMax || this.#bufferedBytes + bytes > this.#bufferBytesMax) {
      this.droppedLines += 1;
      return false;
    }
    const batch = this.#batchFor(bytes);
    batch.buffer.write(line, batch.bytes, bytes, bytes === line.length ? 'latin1' : 'utf8');
    batch.bytes += bytes;
    batch.lines += 1;
    this.#bufferedBytes += bytes;
    if (this.#timer === null && this.#inFlight === null) this.#schedule();
    return true;
  }

  /**
   * Writes what is buffered. Resolves to true once all is written, or to false when `deadlineMs`
   * (default 1000) has passed or a write failed meanwhile; never rejects.
   */
  flush(deadlineMs = 1000): Promise<boolean> {
    const failuresBefore = this.failedWrites;
    this.#flushOpen();
    if (this.#bufferedBytes === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), deadlineMs);
      this.#idleWaiters.push(() => {
        clearTimeout(timer);
        resolve(this.failedWrites === failuresBefore);
      });
    });
  }

  /** The open batch, with room for a line. @hot */
  #batchFor(bytes: number): Batch {
    if (this.#open !== null && this.#open.bytes + bytes > this.#batchBytes) this.#closeBatch();
    this.#open ??= this.#newBatch(bytes);
    return this.#open;
  }

  /** A line of more bytes than a batch has goes alone. */
  #newBatch(bytes: number): Batch {
    const spare = bytes > this.#batchBytes ? undefined : this.#spare.pop();
    if (spare !== undefined) return spare;
    const buffer = Buffer.allocUnsafeSlow(Math.max(bytes, this.#batchBytes));
    return { buffer, bytes: 0, lines: 0 };
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#flushOpen(), this.#flushIntervalMs);
  }

  #flushOpen(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#closeBatch();
  }

  #closeBatch(): void {
    if (this.#open === null) return;
    this.#batches.push(this.#open);
    this.#open = null;
    if (this.#inFlight === null) this.#writeNext();
  }

  #writeNext(): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#inFlight = batch;
    const { buffer, bytes } = batch;
    this.#writer.write(buffer.subarray(0, bytes), (error) => this.#onWritten(batch, error));
  }

  #onWritten(batch: Batch, error: Error | null): void {
    this.#inFlight = null;
    this.#bufferedBytes -= batch.bytes;
    if (error !== null) {
      this.failedWrites += 1;
      this.droppedLines += batch.lines;
    }
    this.#keepForLater(batch);
    if (this.#batches.length > 0) this.#writeNext();
    else if (this.#idleWaiters.length > 0) this.#flushOpen();
    else if (this.#open !== null && this.#timer === null) this.#schedule();
    if (this.#bufferedBytes > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #keepForLater(batch: Batch): void {
    if (this.#spare.length === SPARE_BATCHES_MAX || batch.buffer.length !== this.#batchBytes)
      return;
    batch.bytes = 0;
    batch.lines = 0;
    this.#spare.push(batch);
  }
}
