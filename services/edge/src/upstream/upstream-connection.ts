import { BODY_DATA, BODY_END, BODY_FAULT } from '@headgate/http1';
import type { Expirable } from '@headgate/runtime';
import { ByteSocket, type ByteReceiver } from '../io/byte-socket.ts';
import type { HeldClock } from '../io/held-clock.ts';
import type { IdleConnection } from './connection-budget.ts';
import type { ConnectionPool, PoolDeps } from './connection-pool.ts';
import { connectFailure, type UpstreamFailure } from './failure.ts';
import type { ResponseReader, ResponseReaders } from './response-readers.ts';
import type { UpstreamUser } from './upstream-user.ts';

/**
 *     connecting ──► idle ◄──► head ──► body ─┐
 *          │          ▲                 │     │ complete and reusable
 *          │          └─────────────────┼─────┘
 *          └──────────► closed ◄────────┴──── tunnel ◄── head (101)
 */
type State = 'connecting' | 'idle' | 'head' | 'body' | 'tunnel' | 'closed';

/** One connection to an endpoint. Carries one exchange at a time; requests are not pipelined upstream. */
export class UpstreamConnection implements ByteReceiver, Expirable, IdleConnection {
  readonly pool: ConnectionPool;
  readonly bytes: ByteSocket;
  deadlineMs = Infinity;
  olderIdle: IdleConnection | null = null;
  newerIdle: IdleConnection | null = null;
  readonly #readers: ResponseReaders;
  readonly #clock: HeldClock;
  /** Of the present response; null while none is due. */
  #reader: ResponseReader | null = null;
  #state: State = 'connecting';
  #user: UpstreamUser | null = null;
  /** It was idle before the present exchange, so that its peer may be closing it right now. */
  #reused = false;
  /** Any byte of the present response has arrived. */
  #answered = false;
  /** The user has sent the whole request, so a complete response leaves the connection clean. */
  #requestComplete = false;

  constructor(pool: ConnectionPool, deps: PoolDeps) {
    this.pool = pool;
    this.#readers = deps.readers;
    this.#clock = deps.clock;
    this.bytes = ByteSocket.connect(
      {
        host: pool.endpoint.host,
        port: pool.endpoint.port,
        ...(deps.lookup === undefined ? {} : { lookup: deps.lookup }),
      },
      deps.buffers,
      this,
      () => this.#onConnect(),
    );
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Gives the connection to a user, for one exchange. @hot */
  assign(user: UpstreamUser): void {
    this.#user = user;
    this.#answered = false;
    this.#requestComplete = false;
    this.bytes.hasWritten = false;
    if (this.#state === 'idle') {
      this.#reused = true;
      this.#reader = this.#readers.take();
      this.#state = 'head';
      this.deadlineMs = Infinity;
    }
  }

  /** Gives the idle connection to a user who waited for it. An exception ends that user's exchange, not the caller's. */
  serve(user: UpstreamUser): void {
    this.assign(user);
    try {
      user.onConnection(this);
      user.flush();
    } catch (error) {
      this.#onBug(error, user);
    }
  }

  /** The whole request is written. */
  completeRequest(): void {
    this.#requestComplete = true;
  }

  /**
   * The user is not interested any more and will hear nothing further. A connection that is still being opened serves
   * somebody else; one that carries a request cannot be used again.
   */
  cancel(): void {
    this.#user = null;
    if (this.#state !== 'connecting') this.destroy();
  }

  /** Closes; the pool forgets the connection at once. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#dropReader();
    this.bytes.destroy();
    this.pool.forget(this);
  }

  /** @hot */
  onBytes(chunk: Buffer, length: number): void {
    const user = this.#user;
    if (user === null) {
      this.destroy(); // nobody asked: a response without a request must never meet the next request
      return;
    }
    if (!this.bytes.hasWritten) {
      // Nobody has asked yet: the request waits for the end of this turn, and goes elsewhere.
      this.#enter(() => this.#fail(this.#reused ? 'reset' : 'malformed'));
      return;
    }
    this.#answered = true;
    this.#clock.hold();
    try {
      this.#consume(chunk, length, user);
      user.flush();
    } catch (error) {
      this.#onBug(error, user);
    } finally {
      this.#clock.release();
    }
  }

  onEnd(): void {
    this.#enter((user) => {
      if (user === null) {
        this.destroy();
      } else if (this.#state === 'tunnel') {
        user.onTunnelEnd();
      } else if (this.#state === 'body' && this.#reader?.decoder.finish() === true) {
        this.#complete(user, false);
      } else {
        this.#fail(this.#state === 'body' ? 'truncated' : 'reset');
      }
    });
  }

  onDrain(): void {
    this.#enter((user) => user?.onUpstreamDrain());
  }

  onClose(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#enter(() => {
      if (this.#state === 'connecting') this.#fail(connectFailure(error));
      else this.#fail(this.#state === 'body' ? 'truncated' : 'reset');
    });
  }

  get urgent(): boolean {
    return this.#state === 'connecting';
  }

  onExpire(): void {
    if (this.#state === 'connecting') this.#enter(() => this.#fail('connect_timeout'));
    else if (this.#state === 'idle') this.destroy();
  }

  /** Every entry from the event loop but the hot one: an exception ends this exchange, not the process. */
  #enter(event: (user: UpstreamUser | null) => void): void {
    const user = this.#user;
    try {
      event(user);
      user?.flush();
    } catch (error) {
      this.#onBug(error, user);
    }
  }

  /** `user` is whose exchange was worked on; by now the connection may be with the next one, who keeps it. */
  #onBug(error: unknown, user: UpstreamUser | null): void {
    if (this.#user === null || this.#user === user) {
      this.#user = null;
      this.destroy();
    }
    if (user === null) throw error; // not in anybody's exchange: there is nobody else to tell
    user.onBug(error);
  }

  #onConnect(): void {
    if (this.#state !== 'connecting') return;
    this.deadlineMs = Infinity;
    this.#enter((user) => {
      if (user === null) {
        this.#state = 'idle';
        this.pool.release(this);
      } else {
        this.#reader = this.#readers.take();
        this.#state = 'head';
        user.onConnection(this);
      }
    });
  }

  #consume(chunk: Buffer, length: number, user: UpstreamUser): void {
    let position = 0;
    while (position < length) {
      const reader = this.#reader;
      if (this.#state === 'head' && reader !== null) {
        const headBytes = reader.parser.parse(chunk, position, length, user.requestMethod);
        if (headBytes === 0) return;
        if (headBytes < 0) {
          this.#fail('malformed');
          return;
        }
        position += headBytes;
        this.#onHead(reader, user);
        // A head without a body is complete now; one with a body of length 0 too.
        if (position === length) this.#decode(reader, chunk, position, length, user);
      } else if (this.#state === 'body' && reader !== null) {
        position = this.#decode(reader, chunk, position, length, user);
      } else if (this.#state === 'tunnel') {
        user.onTunnelData(chunk, position, length);
        return;
      } else {
        return; // closed, or complete: what follows belongs to no request and #complete has closed
      }
    }
  }

  #onHead(reader: ResponseReader, user: UpstreamUser): void {
    const { head } = reader.parser;
    if (head.status === 101) {
      this.#state = 'tunnel';
      user.onResponseHead(head);
      return;
    }
    if (head.status < 200) {
      user.onResponseHead(head);
      if (this.#reader === reader) reader.parser.reset();
      return;
    }
    reader.decoder.reset(head.framing, head.contentLength);
    this.#state = 'body';
    user.onResponseHead(head);
  }

  /** Passes body data on; returns the position after it. @hot */
  #decode(
    reader: ResponseReader,
    chunk: Buffer,
    start: number,
    length: number,
    user: UpstreamUser,
  ): number {
    const { decoder } = reader;
    let position = start;
    while (this.#state === 'body') {
      const event = decoder.next(chunk, position, length);
      position = decoder.position;
      if (event === BODY_DATA) {
        user.onResponseData(chunk, decoder.dataStart, decoder.dataEnd);
      } else if (event === BODY_END) {
        this.#complete(user, position === length && reader.parser.head.persistent);
      } else if (event === BODY_FAULT) {
        this.#fail('malformed');
      } else {
        break;
      }
    }
    return position;
  }

  #complete(user: UpstreamUser, clean: boolean): void {
    this.#user = null;
    this.#dropReader();
    this.bytes.useSharedBuffer();
    if (this.bytes.isPaused) this.bytes.resume(); // the client was slow; the next one may not be
    if (!clean || !this.#requestComplete) {
      this.destroy();
      user.onResponseEnd();
      return;
    }
    this.#state = 'idle';
    if (this.pool.waitingCount === 0) {
      this.pool.release(this); // first, so that the client's next request finds it
      user.onResponseEnd();
    } else {
      user.onResponseEnd(); // first: until it returns, a bug in it may close the connection
      if (!this.closed) this.pool.release(this);
    }
  }

  #dropReader(): void {
    if (this.#reader === null) return;
    this.#readers.giveBack(this.#reader);
    this.#reader = null;
  }

  #fail(failure: UpstreamFailure): void {
    const user = this.#user;
    const stale = failure === 'reset' && !this.#answered && this.#reused;
    this.#user = null;
    this.destroy();
    user?.onUpstreamFailure(failure, stale);
  }
}
