import type { Socket } from 'node:net';
import {
  BODY_DATA,
  BODY_END,
  BODY_FAULT,
  BodyDecoder,
  FRAMING_CHUNKED,
  FRAMING_LENGTH,
  FRAMING_NONE,
  RequestParser,
  type Http1Fault,
} from '@headgate/http1';
import type { Expirable } from '@headgate/runtime';
import { ByteSocket, JOINED_WRITE_BYTES_MAX, type ByteReceiver } from '../io/byte-socket.ts';
import { HeldBytes } from '../io/held-bytes.ts';
import { Exchange } from '../request/exchange.ts';
import {
  connectionLine,
  localReply,
  writeLocalReply,
  type LocalReply,
} from '../request/local-reply.ts';
import { RequestContext } from '../request/request-context.ts';
import { addressKey } from './address-counts.ts';
import { ClientPace } from './client-pace.ts';
import type { DownstreamDeps } from './downstream-deps.ts';
import { faultReply } from './fault-reply.ts';
import { Lingering } from './lingering.ts';
import { parseProxyHeader } from './proxy-protocol.ts';

/**
 *     proxy ─► head          only behind a load balancer that sends the PROXY protocol
 *     head ─► request ─► body ─► request … ─► head        keep-alive
 *       │        │                  └─► discard ─► head   refused, small rest of a body
 *       │        ├─► tunnel ─► closed                     after 101
 *       └────────┴─► lingering ─► closed                  last answer sent
 */
type State = 'proxy' | 'head' | 'request' | 'body' | 'discard' | 'tunnel' | 'lingering' | 'closed';

/** Request bodies that announce more than this are read into a private buffer. */
const LARGE_BODY_BYTES = 32_768;

const NO_BYTES = Buffer.alloc(0);

/** One connection of a client: reads requests one after the other and hands each to its exchange. */
export class DownstreamConnection implements ByteReceiver, Expirable {
  readonly deps: DownstreamDeps;
  readonly bytes: ByteSocket;
  readonly exchange: Exchange;
  deadlineMs = Infinity;
  /** The request that is being served is complete: its whole body was read. */
  requestComplete = true;
  readonly #context: RequestContext;
  readonly #parser: RequestParser;
  readonly #decoder = new BodyDecoder();
  #state: State = 'head';
  /** What came ahead of its time. */
  readonly #held = new HeldBytes();
  readonly #lingering: Lingering;
  readonly #bodyPace: ClientPace;
  readonly #writePace: ClientPace;
  /** What the connection counts as in `deps.addresses`; '' while it does not. */
  #addressKey: string;
  #requests = 0;
  /** Since when there is nothing to do, monotonic; Infinity while there is. */
  #idleFromMs: number;
  /** The chunk that is being processed, and how far; only within `#process`. */
  #chunk: Buffer = NO_BYTES;
  #position = 0;
  #limit = 0;
  #processing = false;
  /** The client has sent FIN. */
  #ended = false;
  /** After a fault nothing that the client sends is looked at again. */
  #refused = false;
  /** The next request waits until the client has taken the answers to the previous ones. */
  #awaitsDrain = false;

  /** @param addressKey what the connection was counted as in `deps.addresses`; '' if it was not yet. */
  constructor(deps: DownstreamDeps, socket: Socket, addressKey: string) {
    this.deps = deps;
    this.#addressKey = addressKey;
    this.#parser = new RequestParser(deps.settings.http1, deps.hosts);
    this.#context = new RequestContext(this.#parser.head);
    this.#setClient(socket.remoteAddress ?? '');
    if (deps.settings.proxyProtocol) this.#state = 'proxy';
    this.exchange = new Exchange(this.#context, this);
    const { headerTimeoutMs, lingerMs, clientBytesPerSecondMin } = deps.settings;
    const { bodyStallMs, writeStallMs } = deps.settings;
    this.#lingering = new Lingering(lingerMs, writeStallMs);
    this.#bodyPace = new ClientPace(clientBytesPerSecondMin, bodyStallMs);
    this.#writePace = new ClientPace(clientBytesPerSecondMin, writeStallMs);
    this.#idleFromMs = deps.clock.monotonicMs();
    this.deadlineMs = this.#idleFromMs + headerTimeoutMs;
    this.bytes = ByteSocket.adopt(socket, deps.buffers, this);
    deps.sweeper.add(this);
  }

  // What the socket reports

  /** @hot */
  onBytes(chunk: Buffer, length: number): void {
    const { clock } = this.deps;
    clock.hold();
    try {
      if (this.#state === 'request') this.#keep(chunk, 0, length);
      else if (this.#state === 'lingering') this.#lingering.heard();
      else if (this.#held.length === 0) this.#process(chunk, 0, length);
      else {
        this.#held.append(chunk, 0, length);
        this.#processHeld();
      }
    } catch (error) {
      this.onBug(error);
    }
    this.exchange.flush();
    clock.release();
  }

  onEnd(): void {
    this.#ended = true;
    this.guard(() => {
      if (this.#state === 'tunnel') this.exchange.onClientTunnelEnd();
      else if (this.#state === 'body') this.#onTruncated();
      else if (this.#state !== 'request') this.#linger();
      else if (!this.requestComplete && this.#held.length < this.#missingBytes) this.#onTruncated();
      // Clients that give up close, too. Serving those in an overload would leave no time for the others.
      else if (this.deps.overloaded()) this.#onTruncated();
      // Otherwise the client only closed its half: it gets its answers, then the connection ends.
    });
  }

  onDrain(): void {
    this.#writePace.reset();
    this.guard(() => {
      this.exchange.onClientDrain();
      if (this.#state === 'lingering') {
        this.deadlineMs = this.#lingering.drained(this.deps.clock.monotonicMs());
      }
      if (!this.#awaitsDrain) return;
      this.#awaitsDrain = false;
      this.#nextRequest();
    });
  }

  onClose(): void {
    this.#state = 'closed';
    this.deps.sweeper.remove(this);
    if (this.#addressKey !== '') this.deps.addresses.release(this.#addressKey);
    this.deps.onClosed(this);
    this.guard(() => this.exchange.onClientGone());
  }

  onExpire(): void {
    switch (this.#state) {
      case 'head':
        if (this.#parser.started) this.#cutHead();
        else this.destroy();
        break;
      case 'request':
      case 'body':
      case 'tunnel':
        if (this.exchange.active) this.guard(() => this.exchange.onDeadline());
        else this.destroy();
        break;
      case 'lingering':
      case 'closed':
        this.#onLingerExpired();
        break;
      case 'proxy':
      case 'discard':
        this.destroy();
        break;
    }
  }

  /** Called about once a second: cuts a client that sends its body, or takes its answer, too slowly. */
  checkPace(nowMs: number): void {
    const { unsentBytes } = this.bytes;
    if (unsentBytes === 0) this.#writePace.reset();
    else if (this.#writePace.look(nowMs, -unsentBytes)) this.#cutWrite();
    if (this.#state !== 'body') return;
    if (this.bytes.isPaused) this.#bodyPace.rest();
    else if (this.#bodyPace.look(nowMs, this.#context.bytesIn)) this.#cutBody();
  }

  // What the exchange asks for

  /** Runs work that comes from outside of the read callback; an exception in it is a bug of ours. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.onBug(error);
    }
    this.exchange.flush();
  }

  /**
   * The whole body as text if there is none (''), or if all of it is here and small. Null: it must be streamed.
   *
   * @hot
   */
  takeSmallBody(): string | null {
    const { framing, contentLength } = this.#context.head;
    if (framing === FRAMING_NONE || contentLength === 0) return '';
    if (framing !== FRAMING_LENGTH || contentLength > JOINED_WRITE_BYTES_MAX) return null;
    const available = this.#processing ? this.#limit - this.#position : this.#held.length;
    if (available < contentLength) return null;
    let text: string;
    if (this.#processing) {
      const start = this.#position;
      this.#position += contentLength;
      text = this.#chunk.toString('latin1', start, this.#position);
    } else {
      text = this.#held.takeText(contentLength);
      this.resumeReading();
    }
    this.#context.bytesIn = contentLength;
    this.requestComplete = true;
    return text;
  }

  /** The exchange is ready for the body. */
  streamBody(): void {
    const { head } = this.#context;
    this.#state = 'body';
    this.#bodyPace.reset();
    if (head.framing === FRAMING_CHUNKED || head.contentLength > LARGE_BODY_BYTES) {
      this.bytes.usePrivateBuffer();
    }
    if (!this.#processing) this.#resume();
  }

  /** Bytes go both ways from now on, unread. */
  startTunnel(): void {
    this.#state = 'tunnel';
    if (!this.#processing) this.#resume();
  }

  /** Reads on, unless enough is held that waits for its turn. */
  resumeReading(): void {
    if (this.#held.length < this.deps.settings.stashBytesMax) this.bytes.resume();
  }

  /** Whether the connection may serve another request after the present one. */
  mayKeepAlive(): boolean {
    if (this.#refused || this.deps.draining()) return false;
    // After FIN the requests that came before it are served still.
    if (this.#ended && this.#held.length === 0 && this.#position === this.#limit) return false;
    if (!this.#context.head.persistent) return false;
    const { settings, stats } = this.deps;
    if (this.#requests >= settings.requestsPerConnectionMax) {
      stats.endedRequests += 1;
      return false;
    }
    if (!this.deps.letsGo()) return true;
    stats.endedOverload += 1;
    return false;
  }

  /** Queues a reply of the edge; returns whether the connection goes on after it. */
  writeLocalReply(reply: LocalReply): boolean {
    const context = this.#context;
    // After a timeout nobody knows when the rest of the request comes, so nothing behind it is ever read as a request.
    const readsOn = this.requestComplete || (reply.status !== 408 && this.#discardable());
    const keepAlive = readsOn && this.mayKeepAlive();
    this.bytes.writeText(
      writeLocalReply(
        reply,
        context.requestId,
        this.deps.dateLine(),
        connectionLine(keepAlive, context.head.minorVersion),
        context.method !== 'HEAD',
      ),
    );
    return keepAlive;
  }

  /** The request is done and recorded. */
  onExchangeDone(keepAlive: boolean): void {
    if (this.#state === 'closed') return;
    if (!keepAlive || this.#state === 'tunnel') {
      this.#linger();
    } else if (this.requestComplete) {
      this.#nextRequest();
    } else {
      this.#state = 'discard';
      this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.headerTimeoutMs;
      if (!this.#processing) this.#resume();
    }
  }

  /** The response is cut: an RST tells the client so. */
  abort(): void {
    this.#state = 'closed';
    this.bytes.reset();
  }

  /** Closes without an answer. */
  destroy(): void {
    this.#state = 'closed';
    this.bytes.destroy();
  }

  /** The drain is over: a WebSocket gets its close frame and a moment to answer it, anything else is cut. */
  goAway(): void {
    this.guard(() => {
      if (this.#state !== 'lingering' && !this.exchange.goAway()) this.destroy();
    });
  }

  /** Idle for at least `idleMs`, so that closing it will hardly cross a request on its way. */
  idleSince(nowMs: number, idleMs: number): boolean {
    return nowMs - this.#idleFromMs >= idleMs;
  }

  // Reading

  /** Bytes of the present request's body that are yet to come, counted from its start; unknown for chunks. */
  get #missingBytes(): number {
    const { framing, contentLength } = this.#context.head;
    return framing === FRAMING_LENGTH ? contentLength : 1;
  }

  /** Goes through a chunk; what cannot be used yet is kept. @hot */
  #process(chunk: Buffer, start: number, end: number): void {
    this.#chunk = chunk;
    this.#position = start;
    this.#limit = end;
    this.#processing = true;
    let goesOn = true;
    while (goesOn && this.#position < this.#limit) goesOn = this.#step();
    this.#processing = false;
    if (this.#position < this.#limit) this.#keep(chunk, this.#position, this.#limit);
    this.#chunk = NO_BYTES;
    this.#position = this.#limit;
  }

  /** One step in the chunk; false when what follows has to wait. @hot */
  #step(): boolean {
    switch (this.#state) {
      case 'proxy':
        return this.#readProxyHeader();
      case 'head':
        this.#readHead();
        return true;
      case 'body':
      case 'discard':
        return this.#readBody();
      case 'tunnel': {
        const start = this.#position;
        this.#position = this.#limit;
        if (!this.exchange.onClientTunnelData(this.#chunk, start, this.#limit)) this.bytes.pause();
        return true;
      }
      case 'request':
        return false;
      case 'lingering':
      case 'closed':
        this.#position = this.#limit;
        return false;
    }
  }

  /** @hot */
  #readHead(): void {
    const wasStarted = this.#parser.started;
    const headBytes = this.#parser.parse(this.#chunk, this.#position, this.#limit);
    if (headBytes > 0) {
      this.#position += headBytes;
      this.#beginRequest();
      this.deps.handle(this.exchange);
      return;
    }
    this.#position = this.#limit;
    if (headBytes < 0) this.#onFault(this.#parser.fault);
    else if (!wasStarted && this.#parser.started) {
      this.#idleFromMs = Infinity;
      this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.headerTimeoutMs;
    }
  }

  /** The header is short and comes in one segment as a rule; until it is whole its bytes are kept. */
  #readProxyHeader(): boolean {
    const header = parseProxyHeader(this.#chunk, this.#position, this.#limit);
    if (header === 'incomplete') return false;
    if (header === 'invalid') {
      this.destroy();
      return false;
    }
    this.#position += header.bytes;
    if (header.address !== null) {
      this.#setClient(header.address);
      if (!this.#countAddress(header.address)) {
        this.destroy();
        return false;
      }
    }
    this.#state = 'head';
    return true;
  }

  /** Counts the connection for its client's address; false if that has too many. */
  #countAddress(address: string): boolean {
    const key = addressKey(address);
    if (!this.deps.addresses.take(key)) {
      this.deps.stats.refusedAddress += 1;
      return false;
    }
    this.#addressKey = key;
    return true;
  }

  #setClient(address: string): void {
    // IPv4 clients of a dual-stack listener: ::ffff:192.0.2.1
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
    this.#context.clientIp = plain;
    this.#context.trustedSource = this.deps.isTrusted(plain);
  }

  /** @hot */
  #beginRequest(): void {
    const context = this.#context;
    const { head } = context;
    context.reset();
    this.#stamp();
    this.#requests += 1;
    this.#state = 'request';
    this.#idleFromMs = Infinity;
    this.deadlineMs = Infinity;
    this.#decoder.reset(head.framing, head.contentLength);
    this.requestComplete = head.framing === FRAMING_NONE || head.contentLength === 0;
    this.deps.recorder.requestStarted(context);
    this.exchange.begin();
  }

  #stamp(): void {
    const context = this.#context;
    context.requestId = this.deps.nextRequestId();
    context.startMs = this.deps.clock.monotonicMs();
    context.timeMs = this.deps.clock.nowMs();
  }

  /** @hot */
  #readBody(): boolean {
    const event = this.#decoder.next(this.#chunk, this.#position, this.#limit);
    this.#position = this.#decoder.position;
    if (event === BODY_DATA) {
      const { dataStart, dataEnd } = this.#decoder;
      if (this.#state === 'body' && !this.exchange.onRequestData(this.#chunk, dataStart, dataEnd)) {
        this.bytes.pause();
      }
      if (this.#decoder.bytesDecoded === this.#context.head.contentLength) this.#finishBody();
      return true;
    }
    if (event === BODY_END) this.#finishBody();
    else if (event === BODY_FAULT) this.#onBodyFault();
    return event === BODY_END;
  }

  #finishBody(): void {
    if (this.requestComplete) return;
    this.requestComplete = true;
    this.bytes.useSharedBuffer();
    if (this.#state === 'discard') {
      this.#nextRequest();
    } else if (this.#state === 'body') {
      this.#state = 'request';
      this.exchange.onRequestEnd();
    }
  }

  /** Copies what came too early; stops reading when enough is held. */
  #keep(chunk: Buffer, start: number, end: number): void {
    this.#held.append(chunk, start, end);
    if (this.#held.length >= this.deps.settings.stashBytesMax) this.bytes.pause();
  }

  #processHeld(): void {
    const all = this.#held.take();
    this.#process(all, 0, all.length);
  }

  /** Goes through what is held, then reads on. */
  #resume(): void {
    if (this.#held.length > 0) {
      try {
        this.#processHeld();
      } catch (error) {
        this.onBug(error);
        return;
      }
    }
    this.resumeReading();
    if (!this.#ended) return;
    if (this.#state === 'body') this.#onTruncated();
    else if (this.#state === 'tunnel') this.exchange.onClientTunnelEnd();
    else if (this.#state === 'head' || this.#state === 'discard') this.#linger();
  }

  #nextRequest(): void {
    if (this.bytes.congested) {
      // A client that sends requests but reads no answers must not fill our memory.
      this.#awaitsDrain = true;
      this.#state = 'request';
      this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.keepAliveTimeoutMs;
      return;
    }
    this.#parser.reset();
    this.#state = 'head';
    const nowMs = this.deps.clock.monotonicMs();
    this.#idleFromMs = nowMs;
    this.deadlineMs = nowMs + this.deps.settings.keepAliveTimeoutMs;
    if (this.#processing) return;
    if (this.#held.length > 0 || this.#ended) this.#resume();
    else if (this.bytes.isPaused) this.bytes.resume();
  }

  // Endings

  #discardable(): boolean {
    const { framing, contentLength, expectContinue } = this.#context.head;
    return (
      framing === FRAMING_LENGTH &&
      !expectContinue &&
      contentLength <= this.deps.settings.discardBytesMax
    );
  }

  #onFault(fault: Http1Fault | null): void {
    this.#refuse(faultReply(fault));
  }

  /** Answers a request that could not be read and closes, whatever the client sends further. */
  #refuse(reply: LocalReply): void {
    const context = this.#context;
    context.reset();
    context.malformed = true;
    this.#stamp();
    this.deps.recorder.requestStarted(context);
    this.exchange.begin();
    this.#refused = true;
    this.#state = 'request';
    this.#idleFromMs = Infinity;
    this.exchange.answer(reply);
  }

  #cutHead(): void {
    this.deps.stats.cutHead += 1;
    this.guard(() => this.#refuse(localReply('HG_HTTP_TIMEOUT')));
  }

  #cutBody(): void {
    this.deps.stats.cutBody += 1;
    this.#refused = true;
    this.guard(() => this.exchange.onRequestFault(localReply('HG_HTTP_TIMEOUT')));
  }

  /** Whatever it is that waits to be sent, the client will not get it whole: an RST says so. */
  #cutWrite(): void {
    this.deps.stats.cutWrite += 1;
    this.guard(() => this.exchange.onRequestFault(localReply('HG_HTTP_TIMEOUT')));
    this.abort();
  }

  #onBodyFault(): void {
    this.#refused = true;
    this.#position = this.#limit;
    if (this.#state === 'discard') this.#linger();
    else this.exchange.onRequestFault(faultReply(this.#decoder.fault));
  }

  /** The client closed in the middle of a request. */
  #onTruncated(): void {
    this.destroy();
    this.exchange.onClientGone();
  }

  /** Sends FIN, then reads on for a while, see {@link Lingering}. */
  #linger(): void {
    if (this.#state === 'closed') return;
    this.bytes.end();
    this.#state = 'lingering';
    this.#idleFromMs = Infinity;
    this.#held.clear();
    const { unsentBytes } = this.bytes;
    this.deadlineMs = this.#lingering.begin(this.deps.clock.monotonicMs(), unsentBytes);
    this.bytes.resume();
  }

  #onLingerExpired(): void {
    const nowMs = this.deps.clock.monotonicMs();
    const againMs = this.#lingering.lookAgainMs(nowMs, this.bytes.unsentBytes);
    if (againMs === null) this.destroy();
    else this.deadlineMs = againMs;
  }

  /** A bug of ours: it ends this connection, not the process. */
  onBug(error: unknown): void {
    this.deps.onBug(error);
    this.destroy();
    this.exchange.onClientGone();
  }
}
