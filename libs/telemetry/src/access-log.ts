import type { ChunkWriter } from './chunk-writer.ts';
import { LineSink } from './line-sink.ts';

/** Options of {@link createAccessLog}. */
export interface AccessLogOptions {
  /** A file descriptor (default 1, standard output) or a writer. */
  readonly destination?: number | ChunkWriter;
  /** Bound of records not yet written, in bytes. Default 4 MiB (some 10,000 records). */
  readonly bufferBytes?: number;
  /**
   * Bytes per write. Default 4096 on pipes, the most that is never mixed with the records of other
   * workers on the same pipe, and 64 KiB on files. A process that owns its pipe may use 64 KiB.
   */
  readonly batchBytes?: number;
  /** How long a record may wait for others, in ms. Default 100. */
  readonly flushIntervalMs?: number;
}

/** The writer of access records. */
export interface AccessLog {
  /** Takes one line of {@link accessRecordLine}; false when it was dropped (and counted). @hot */
  write(line: string): boolean;
  /** Records dropped so far; `headgate_access_records_dropped_total`. */
  droppedRecords(): number;
  /** Writes what is buffered; true when all is written within `deadlineMs` (default 1000). */
  flush(deadlineMs?: number): Promise<boolean>;
}

/** Creates the writer of access records: batched, bounded, never blocking; see {@link LineSink}. */
export function createAccessLog(options: AccessLogOptions = {}): AccessLog {
  const sink = new LineSink({
    bufferBytesMax: options.bufferBytes ?? 4_194_304,
    flushIntervalMs: options.flushIntervalMs ?? 100,
    ...(options.destination === undefined ? {} : { destination: options.destination }),
    ...(options.batchBytes === undefined ? {} : { batchBytes: options.batchBytes }),
  });
  return {
    write: (line) => sink.write(line, line.length),
    droppedRecords: () => sink.droppedLines,
    flush: (deadlineMs) => sink.flush(deadlineMs),
  };
}
