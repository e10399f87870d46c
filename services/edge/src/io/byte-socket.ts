import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { resetSocket, type GuardedLookup } from '@headgate/runtime';
import type { ReadBuffers } from './read-buffers.ts';
import {
  openStreamHandle,
  WRITE_DONE,
  WRITE_PENDING,
  type HandleEvents,
  type StreamHandle,
} from './stream-handle.ts';
import { writeQueue, type QueuedWriter } from './write-queue.ts';

/** Who handles what a socket reads. None of these may throw: they are called by the event loop. */
export interface ByteReceiver {
  /**
   * Bytes [0, length) of `chunk`, valid until the callback returns. To read no further: {@link ByteSocket.pause}.
   *
   * @hot
   */
  onBytes(chunk: Buffer, length: number): void;
  /** The peer will send no more (FIN). */
  onEnd(): void;
  /** All that was written has gone to the kernel. */
  onDrain(): void;
  /** The socket is gone; `error` is null after an orderly close. Called once. */
  onClose(error: Error | null): void;
}

/** Texts up to this length are joined to one write; longer data is written as it lies in the read buffer. */
export const JOINED_WRITE_BYTES_MAX = 16_384;

/**
 * A read that took longer is the last one of its socket in this turn of the event loop. libuv reads up to 32 full buffers of
 * a socket in a row: with chunks of one byte, 20 ms of work each, 50 such bodies blocked a worker for more than 5 s.
 */
const READ_MS_MAX = 2;

/**
 * Small reads in a row after which a private buffer goes back: a WebSocket that once sent much, or a stream that became
 * slow, would keep 128 KiB for its life. A large read after that costs one copy again.
 */
const QUIET_READS_MAX = 8;

/**
 * A socket whose reads land in a reused buffer (`onread`) instead of a fresh one per read through the Readable
 * machinery: 7.2 against 9.0 µs of CPU for a keep-alive request that is answered at once.
 *
 * Buffer ownership: a slice of the read buffer may be passed to {@link ByteSocket.writeSlice} of another socket; if
 * the kernel does not take all of it at once, the pending write keeps that buffer and this socket goes on reading
 * into another one.
 */
export class ByteSocket implements HandleEvents, QueuedWriter {
  readonly socket: net.Socket;
  /** The TCP connection below TLS, which alone can be reset; null: `socket` itself. */
  #below: net.Socket | null = null;
  /** Carries the bytes once the socket is connected; null before, and where it is not available. */
  #handle: StreamHandle | null = null;
  /** Writes of `#handle` that the kernel has not taken yet. */
  #pendingWrites = 0;
  /** The peer has sent FIN. */
  #ended = false;
  /** Neither is FIN sent or due, nor has a write failed, nor is the socket gone. */
  #writable = true;
  /**
   * A write that fails does not end the reading: a server that takes no more of a request may have answered it. A client
   * that takes no more of its answer is gone: nothing that it has sent is worth reading, and while reading is paused
   * nobody would see its RST.
   */
  #outlivesWrites = false;
  /** FIN is due once the pending writes are done: while one is queued in libuv, the socket cannot be reset. */
  #endsWhenWritten = false;
  #paused = false;
  readonly #buffers: ReadBuffers;
  readonly #receiver: ByteReceiver;
  #current: Buffer;
  /** Where reads go from the next one on; null for no change. */
  #next: Buffer | null;
  /** A pending write refers to the current buffer. */
  #kept = false;
  /** Small reads into the current private buffer since the last large one. */
  #quietReads = 0;
  #text = '';
  /** In the write queue. */
  #queued = false;
  /** The kernel has taken something; who begins a message sets it to false. */
  hasWritten = false;
  /** Buffers of other sockets that pending writes of this one refer to. */
  #unwritten: Buffer[] = [];
  #error: Error | null = null;

  /** Opens a connection; `onConnect` is called once it stands, `receiver.onClose` if it fails. */
  static connect(
    target: { readonly host: string; readonly port: number; readonly lookup?: GuardedLookup },
    buffers: ReadBuffers,
    receiver: ByteReceiver,
    onConnect: () => void,
    openHandle = openStreamHandle,
  ): ByteSocket {
    const byteSocket: ByteSocket = new ByteSocket(buffers, receiver, (onread) =>
      net.connect({ ...target, noDelay: true, allowHalfOpen: true, onread }, () => {
        byteSocket.#handle = openHandle(byteSocket.socket, byteSocket);
        onConnect();
      }),
    );
    byteSocket.#outlivesWrites = true;
    return byteSocket;
  }

  /**
   * Takes over a socket that a server with `pauseOnConnect` accepted. There is no public option for `onread` on
   * accepted sockets, so the handle moves to a new socket made with it. Where a Node version does not expose the
   * handle, the socket's `'data'` events serve instead.
   */
  static adopt(
    accepted: net.Socket,
    buffers: ReadBuffers,
    receiver: ByteReceiver,
    openHandle = openStreamHandle,
  ): ByteSocket {
    if (!canAdopt(accepted)) return ByteSocket.listen(accepted, buffers, receiver);
    const holder = accepted as unknown as HandleHolder; // canAdopt() has proven the field
    const handle = holder._handle;
    holder._handle = null;
    const byteSocket = new ByteSocket(buffers, receiver, (onread) => {
      const options = { handle, onread, allowHalfOpen: true };
      const socket = new net.Socket(options as unknown as net.SocketConstructorOpts); // see above
      socket.resume();
      return socket;
    });
    byteSocket.#handle = openHandle(byteSocket.socket, byteSocket);
    return byteSocket;
  }

  /** Serves a socket through its `'data'` events; each chunk is a fresh buffer. */
  static listen(socket: net.Socket, buffers: ReadBuffers, receiver: ByteReceiver): ByteSocket {
    const byteSocket = new ByteSocket(buffers, receiver, () => socket);
    socket.on('data', (chunk: Buffer) => receiver.onBytes(chunk, chunk.length));
    socket.resume();
    return byteSocket;
  }

  /**
   * Serves a connection with TLS, whose handshake is done. As {@link listen}: records of up to 16 KiB come decrypted, each in a buffer of
   * its own, so there is no read buffer to share, and nothing below `'data'` to be won (ADR 33).
   *
   * @param below the TCP connection that it runs over.
   */
  static secured(
    socket: net.Socket,
    below: net.Socket,
    buffers: ReadBuffers,
    receiver: ByteReceiver,
  ): ByteSocket {
    const byteSocket = ByteSocket.listen(socket, buffers, receiver);
    byteSocket.#below = below;
    // After end() there is no 'drain' any more, and somebody waits for the end of what is unsent.
    socket.on('finish', () => {
      byteSocket.#releaseWritten();
      receiver.onDrain();
    });
    return byteSocket;
  }

  private constructor(
    buffers: ReadBuffers,
    receiver: ByteReceiver,
    open: (onread: net.OnReadOpts) => net.Socket,
  ) {
    this.#buffers = buffers;
    this.#receiver = receiver;
    this.#current = buffers.shared;
    this.#next = buffers.shared;
    this.socket = open({
      // Called before the first read and after each one; anything but a buffer keeps the present one.
      buffer: this.#nextBuffer as () => Uint8Array,
      callback: this.#onRead,
    });
    this.socket.on('end', () => {
      this.#ended = true;
      this.#receiver.onEnd();
      if (this.#error !== null) this.socket.destroy(); // over both ways
    });
    this.socket.on('drain', () => {
      this.#releaseWritten();
      this.#receiver.onDrain();
    });
    this.socket.on('error', (error) => (this.#error = error));
    this.socket.on('close', () => {
      this.#writable = false;
      this.#receiver.onClose(this.#error);
    });
  }

  /**
   * Keeps latin1 text until {@link flush}: head, chunk framing and small bodies leave in one system call.
   *
   * @hot
   */
  writeText(text: string): void {
    this.#text = this.#text === '' ? text : this.#text + text;
    if (this.#text.length > JOINED_WRITE_BYTES_MAX) this.#writeText();
  }

  /**
   * Writes bytes [start, end) of `chunk`, which `source` is reading at this moment. Small slices join the queued text,
   * what lies in the shared buffer is copied, the rest is passed on as it is.
   *
   * @hot
   */
  writeSlice(chunk: Buffer, start: number, end: number, source: ByteSocket): void {
    if (end - start <= JOINED_WRITE_BYTES_MAX) {
      this.writeText(chunk.toString('latin1', start, end));
      return;
    }
    this.#writeText();
    if (!this.#writable) return;
    if (this.unsentBytes === 0) this.#releaseWritten();
    if (chunk === this.#buffers.shared) {
      source.usePrivateBuffer(); // so much at once: more will follow
      this.#writeCopy(chunk, start, end);
      return;
    }
    this.#writeBytes(chunk.subarray(start, end));
    if (this.unsentBytes > 0 && source.#keep(chunk)) this.#unwritten.push(chunk);
  }

  /** The text goes to the kernel at the end of this turn of the event loop. Every entry from the loop ends with it. @hot */
  flush(): void {
    if (this.#text === '' || this.#queued) return;
    this.#queued = true;
    writeQueue.add(this);
  }

  /** @hot */
  writeQueued(): void {
    this.#queued = false;
    this.#writeText();
  }

  /** Whether the peer reads slower than we write: stop reading the source until `onDrain`. */
  get congested(): boolean {
    return this.#handle === null ? this.socket.writableNeedDrain : this.#pendingWrites > 0;
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    if (this.#handle === null) return this.socket.writableLength;
    return this.#pendingWrites === 0 ? 0 : this.#handle.queuedBytes;
  }

  /**
   * From the next read on, reads land in a buffer of this socket's own. Only for peers that have just sent much at once:
   * an announced length proves nothing, and thousands of slow uploads would pin 128 KiB each.
   */
  usePrivateBuffer(): void {
    if (this.#current === this.#buffers.shared && this.#next === null) {
      this.#next = this.#buffers.take();
      this.#quietReads = 0;
    }
  }

  /** Back to the shared buffer with the next read; call it when the body is done. */
  useSharedBuffer(): void {
    const { shared } = this.#buffers;
    if (this.#next === shared) return;
    if (this.#next !== null) this.#buffers.giveBack(this.#next);
    this.#next = this.#current === shared ? null : shared; // no read has left it yet
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.socket.resume();
  }

  /** Whether {@link pause} stopped the reading. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Sends what is queued, then FIN. */
  end(): void {
    this.#writeText();
    this.#writable = false;
    if (this.#pendingWrites > 0) this.#endsWhenWritten = true;
    else this.socket.end();
  }

  /** Closes at once; queued data is dropped. */
  destroy(): void {
    this.#writable = false;
    this.socket.destroy();
  }

  /** Closes at once with an RST, see {@link resetSocket}; queued data is dropped. */
  reset(): void {
    this.#writable = false;
    resetSocket(this.#below ?? this.socket);
  }

  /** A pending write refers to `chunk`, which must not be read into again. False if that was known, or is no concern. */
  #keep(chunk: Buffer): boolean {
    // A fresh chunk of a 'data' event belongs to nobody else.
    if (chunk !== this.#current || this.#kept) return false;
    this.#kept = true;
    this.#next ??= this.#buffers.take();
    return true;
  }

  /** All writes are done: the buffers that they kept can be read into again. */
  #releaseWritten(): void {
    if (this.#unwritten.length === 0) return;
    for (const buffer of this.#unwritten) this.#buffers.giveBack(buffer);
    this.#unwritten = [];
  }

  /**
   * The copy lies in a buffer that is used again: fresh ones, 64 KiB per large body, had the garbage collector run so
   * often that it took 16 % of the CPU time with 10,000 tenants in the heap.
   */
  #writeCopy(chunk: Buffer, start: number, end: number): void {
    const copy = this.#buffers.take();
    chunk.copy(copy, 0, start, end);
    this.#writeBytes(copy.subarray(0, end - start));
    if (this.unsentBytes > 0) this.#unwritten.push(copy);
    else this.#buffers.giveBack(copy);
  }

  /** Hands the text to the kernel. @hot */
  #writeText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    if (!this.#writable) return;
    this.#note(this.#handle === null ? this.#push(text) : this.#handle.writeText(text));
  }

  #writeBytes(bytes: Uint8Array): void {
    this.#note(this.#handle === null ? this.#push(bytes) : this.#handle.writeBytes(bytes));
  }

  /** Writes through the stream machinery, which knows itself what waits. */
  #push(data: string | Uint8Array): number {
    this.socket.write(data, 'latin1');
    return WRITE_DONE;
  }

  /** Takes note of what became of a write. @hot */
  #note(outcome: number): void {
    if (outcome < 0) this.#onWriteError(outcome);
    else {
      this.hasWritten = true;
      if (outcome === WRITE_PENDING) this.#pendingWrites += 1;
    }
  }

  /** Nothing more can be sent; see {@link #outlivesWrites}. Whoever has paused the reading resumes it. */
  #onWriteError(code: number): void {
    const name = getSystemErrorName(code);
    const error = Object.assign(new Error(`write ${name}`), { code: name, errno: code });
    this.#writable = false;
    this.#error ??= error;
    if (this.#ended || !this.#outlivesWrites) this.socket.destroy(error);
  }

  /** @hot */
  onHandleRead(length: number): Uint8Array | undefined {
    if (length < this.#current.length) {
      this.#receiver.onBytes(this.#current, length);
    } else {
      const startMs = performance.now();
      this.#receiver.onBytes(this.#current, length);
      if (performance.now() - startMs > READ_MS_MAX) this.#yieldTurn();
    }
    if (this.#current !== this.#buffers.shared) this.#noteQuiet(length);
    // Returned, not set with `useUserBuffer`, which would add a listener of 50 bytes for as long as the socket lives.
    return this.#next === null ? undefined : (this.#nextBuffer() ?? undefined);
  }

  /** A read into a private buffer brought so much. @hot */
  #noteQuiet(length: number): void {
    this.#quietReads = length > JOINED_WRITE_BYTES_MAX ? 0 : this.#quietReads + 1;
    if (this.#quietReads >= QUIET_READS_MAX) this.useSharedBuffer();
  }

  /** Lets the other sockets have the rest of the turn. */
  #yieldTurn(): void {
    if (this.#paused || this.socket.destroyed) return;
    this.socket.pause();
    setImmediate(() => {
      if (!this.#paused && !this.socket.destroyed) this.socket.resume();
    });
  }

  onHandleWritten(status: number): void {
    this.#pendingWrites -= 1;
    if (this.socket.destroyed) return;
    if (status < 0) this.#onWriteError(status);
    if (this.#error !== null || this.#pendingWrites > 0) return;
    this.#releaseWritten();
    if (this.#endsWhenWritten) this.socket.end();
    this.#receiver.onDrain();
  }

  readonly #nextBuffer = (): Buffer | null => {
    const next = this.#next;
    if (next === null) return null;
    if (!this.#kept && this.#current !== this.#buffers.shared)
      this.#buffers.giveBack(this.#current);
    this.#current = next;
    this.#next = null;
    this.#kept = false;
    return next;
  };

  /** Never returns false: that stops the handle but not the stream, and `isPaused` would not know. */
  readonly #onRead = (length: number, chunk: Uint8Array): boolean => {
    this.#receiver.onBytes(chunk as Buffer, length); // our buffers are the only ones in use
    return true;
  };
}

interface HandleHolder {
  _handle: unknown;
}

/** Feature test for {@link ByteSocket.adopt}: whether an accepted socket exposes a handle that can move. */
export function canAdopt(accepted: net.Socket): boolean {
  const handle = (accepted as unknown as HandleHolder)._handle; // `unknown` is checked below
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}
