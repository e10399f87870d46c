import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Writes one chunk at a time to an output that may be slow, blocked or gone. */
export interface ChunkWriter {
  /**
   * Chunks up to this many bytes are not mixed with those of other processes that write to the
   * same output: PIPE_BUF (4096 on Linux, pipe(7)) for pipes and sockets, more for files, which
   * are opened for appending.
   */
  readonly atomicBytesMax: number;
  /**
   * Writes all of `chunk`, which must not change before `done`. The caller waits for `done` before
   * the next call; an error means that the chunk is lost.
   */
  write(chunk: Buffer, done: (error: Error | null) => void): void;
}

const PIPE_ATOMIC_BYTES = 4096;
const FILE_ATOMIC_BYTES = 65_536;
const RETRY_MS = 20;

/**
 * Opens a writer on a file descriptor that never blocks the event loop. The descriptor stays open.
 *
 * Pipes and sockets go through libuv's non-blocking stream. `fs.write` is wrong for them: a write
 * to a full pipe would hold one of the four threads of the pool, and Node waits for that thread
 * when it exits, so that a process with a stuck reader could only be killed. For files and
 * terminals there is no other way.
 *
 * @throws Error if the descriptor is not open.
 */
export function openChunkWriter(fileDescriptor: number): ChunkWriter {
  const stat = fstatSync(fileDescriptor);
  if (stat.isFIFO() || stat.isSocket()) return createStreamWriter(streamOf(fileDescriptor));
  return createFileWriter(fileDescriptor);
}

/** libuv allows one handle per descriptor, so outputs 1 and 2 are shared with `process`. */
function streamOf(fileDescriptor: number): Writable {
  if (fileDescriptor === 1) return process.stdout;
  if (fileDescriptor === 2) return process.stderr;
  return new Socket({ fd: fileDescriptor, readable: false, writable: true });
}

function createStreamWriter(stream: Writable): ChunkWriter {
  // Without a listener a closed reader (EPIPE) would end the process; `done` reports the error.
  stream.on('error', () => undefined);
  return {
    atomicBytesMax: PIPE_ATOMIC_BYTES,
    write(chunk, done) {
      stream.write(chunk, (error) => done(error ?? null));
    },
  };
}

function createFileWriter(fileDescriptor: number): ChunkWriter {
  function writeFrom(chunk: Buffer, offset: number, done: (error: Error | null) => void): void {
    write(fileDescriptor, chunk, offset, chunk.length - offset, null, (error, written) => {
      if (error !== null && error.code === 'EAGAIN') {
        setTimeout(() => writeFrom(chunk, offset, done), RETRY_MS);
      } else if (error !== null) {
        done(error);
      } else if (offset + written < chunk.length) {
        writeFrom(chunk, offset + written, done);
      } else {
        done(null);
      }
    });
  }
  return {
    atomicBytesMax: FILE_ATOMIC_BYTES,
    write: (chunk, done) => writeFrom(chunk, 0, done),
  };
}
