import type { Socket } from 'node:net';

/** What happens on a {@link StreamHandle}; called by the event loop. None of these may throw. */
export interface HandleEvents {
  /** `length` bytes were read into the buffer in use. Returns the buffer for the next reads, undefined for the same. @hot */
  onHandleRead(length: number): Uint8Array | undefined;
  /** A write that had to wait is done; `status` is a negative system error when it failed. */
  onHandleWritten(status: number): void;
}

/** Everything is with the kernel. Negative results of a write are system errors. */
export const WRITE_DONE = 0;
/** The kernel has not taken everything: `onHandleWritten` follows. */
export const WRITE_PENDING = 1;

const EVENTS = Symbol('events');
const SOCKET_ON_READ = Symbol('onread of net.Socket');

/**
 * The TCP handle below a `net.Socket`: reads are reported straight from libuv, writes go straight to it.
 *
 *     socket ─ connect, FIN, close, errors, pause, end of input ─► net.Socket
 *        └──── bytes in and out ─────────────────────────────────► here
 *
 * What is skipped is the stream machinery around each read and write: no Readable and Writable state to touch, no
 * `process.nextTick` after every write. See docs/adr/0010 for what it is worth.
 *
 * There is no public way to do this. {@link openStreamHandle} tests for every part of Node that is used and returns
 * null where one is missing; then the methods and events of `net.Socket` serve.
 */
export class StreamHandle {
  readonly #handle: NodeHandle;
  readonly #events: HandleEvents;
  readonly #wrap: StreamWrap;

  constructor(wrap: StreamWrap, handle: NodeHandle, events: HandleEvents) {
    this.#wrap = wrap;
    this.#handle = handle;
    this.#events = events;
    handle[EVENTS] = events;
    handle[SOCKET_ON_READ] = handle.onread;
    handle.onread = wrap.onRead;
  }

  /** Bytes of pending writes. */
  get queuedBytes(): number {
    return this.#handle.writeQueueSize;
  }

  /** Writes latin1 text; what has to wait is copied. @hot */
  writeText(text: string): number {
    const wrap = this.#wrap;
    const error = this.#handle.writeLatin1String(wrap.spare, text);
    if (error !== 0) return error;
    return wrap.state[wrap.lastWriteWasAsync] === 0 ? WRITE_DONE : this.#pend(null);
  }

  /** Writes bytes, which must not change while the write is {@link WRITE_PENDING}. @hot */
  writeBytes(bytes: Uint8Array): number {
    const wrap = this.#wrap;
    const error = this.#handle.writeBuffer(wrap.spare, bytes);
    if (error !== 0) return error;
    return wrap.state[wrap.lastWriteWasAsync] === 0 ? WRITE_DONE : this.#pend(bytes);
  }

  /** The spare request is in use until the kernel has taken everything. */
  #pend(bytes: Uint8Array | null): number {
    const wrap = this.#wrap;
    const request = wrap.spare;
    const events = this.#events;
    wrap.spare = new wrap.WriteWrap();
    request.buffer = bytes; // keeps it alive
    request.oncomplete = (status) => events.onHandleWritten(status);
    return WRITE_PENDING;
  }
}

/** Opens the handle of a connected socket; null where this Node does not expose what is needed. */
export function openStreamHandle(socket: Socket, events: HandleEvents): StreamHandle | null {
  streamWrap ??= findStreamWrap();
  const handle = (socket as unknown as { _handle: unknown })._handle; // checked by isNodeHandle
  if (streamWrap === 'missing' || !isNodeHandle(handle)) return null;
  return new StreamHandle(streamWrap, handle, events);
}

/** The parts of Node's handles that are used; `onread` is called with the handle as `this`. */
interface NodeHandle {
  onread: (this: NodeHandle, arrayBuffer: unknown) => unknown;
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Uint8Array): void;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  [EVENTS]: HandleEvents;
  [SOCKET_ON_READ]: (this: NodeHandle, arrayBuffer: unknown) => unknown;
}

interface WriteRequest {
  buffer: Uint8Array | null;
  oncomplete: (status: number) => void;
}

/** Node's binding of streams, see `lib/internal/stream_base_commons.js` in Node's sources. */
interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest;
  /** Results of the last call. */
  readonly state: Int32Array;
  readonly lastWriteWasAsync: number;
  readonly onRead: (this: NodeHandle, arrayBuffer: unknown) => unknown;
  /** For the next write: only writes that have to wait use it up. */
  spare: WriteRequest;
}

/** Found once: it cannot change while the process runs. */
let streamWrap: StreamWrap | 'missing' | null = null;

function findStreamWrap(): StreamWrap | 'missing' {
  const binding = readBinding();
  if (binding === null) return 'missing';
  const { WriteWrap, streamBaseState: state } = binding;
  const readBytesOrError = binding['kReadBytesOrError'];
  const lastWriteWasAsync = binding['kLastWriteWasAsync'];
  if (
    typeof WriteWrap !== 'function' ||
    !(state instanceof Int32Array) ||
    typeof readBytesOrError !== 'number' ||
    typeof lastWriteWasAsync !== 'number'
  ) {
    return 'missing';
  }
  const Request = WriteWrap as new () => WriteRequest; // the class that Node's own writes use
  return {
    WriteWrap: Request,
    state,
    lastWriteWasAsync,
    onRead(arrayBuffer) {
      const length = state[readBytesOrError] ?? 0;
      // Errors and the end of input are for the socket.
      if (length <= 0) return this[SOCKET_ON_READ](arrayBuffer);
      return this[EVENTS].onHandleRead(length);
    },
    spare: new Request(),
  };
}

function readBinding(): Record<string, unknown> | null {
  const { binding } = process as unknown as { binding?: unknown }; // deprecated, not in all types
  if (typeof binding !== 'function') return null;
  try {
    return binding.call(process, 'stream_wrap') as Record<string, unknown>; // every field is checked by the caller
  } catch {
    return null; // refused, as under the permission model
  }
}

function isNodeHandle(handle: unknown): handle is NodeHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  const { useUserBuffer, writeLatin1String, writeBuffer, writeQueueSize, onread } =
    handle as Partial<Record<keyof NodeHandle, unknown>>;
  return (
    typeof useUserBuffer === 'function' &&
    typeof writeLatin1String === 'function' &&
    typeof writeBuffer === 'function' &&
    typeof writeQueueSize === 'number' &&
    typeof onread === 'function'
  );
}
