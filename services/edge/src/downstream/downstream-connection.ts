import type { Socket } from 'node:net';
import { RequestParser, type Http1Fault } from '@headgate/http1';
import type { Expirable } from '@headgate/runtime';
import { ByteSocket, type ByteReceiver } from '../io/byte-socket.ts';
import { plainAddress } from '../request/address-key.ts';
import { Exchange } from '../request/exchange.ts';
import type { ExchangeClient } from '../request/exchange-client.ts';
import {
  connectionLine,
  localReply,
  writeLocalReply,
  type LocalReply,
} from '../request/local-reply.ts';
import { RequestContext } from '../request/request-context.ts';
import type { DownstreamDeps } from './downstream-deps.ts';
import { faultReply } from './fault-reply.ts';
import { FrontLimits } from './front-limits.ts';
import { Lingering } from './lingering.ts';
import { connectionTls } from '../tls/connection-tls.ts';
import type { SecuredSocket } from '../tls/tls-handshake.ts';
import { RequestReader } from './request-reader.ts';
import type { RequestReceiver } from './request-receiver.ts';

/**
 * One connection of a client, from accept to close: gives each request to its exchange and decides what follows it.
 *
 *     socket ─ bytes ─► RequestReader ─ heads ─► DownstreamConnection ─ requests ─► Exchange ─► endpoint
 *                            └────────── bodies, tunnels ──────────────────────────────▲
 *
 * Its state is what the reader reads next, see {@link RequestReader}; what it may cost is bounded by {@link FrontLimits}.
 */
export class DownstreamConnection
  implements ByteReceiver, Expirable, RequestReceiver, ExchangeClient
{
  readonly deps: DownstreamDeps;
  readonly bytes: ByteSocket;
  readonly exchange: Exchange;
  readonly requests: RequestReader;
  deadlineMs = Infinity;
  readonly #context: RequestContext;
  readonly #limits: FrontLimits;
  /** Once the last answer is sent; null before. */
  #lingering: Lingering | null = null;
  /** Since when there is nothing to do, monotonic; Infinity while there is. */
  #idleFromMs: number;
  /** After a fault nothing that the client sends is looked at again. */
  #refused = false;
  /** The next request waits until the client has taken the answers to the previous ones. */
  #awaitsDrain = false;
  /** What the client had not taken of these at the last look. */
  #unsentBytes = 0;

  /**
   * @param addressKey what the connection was counted as in `deps.addresses`; '' if it was not yet.
   * @param secured the TLS that `socket` is the upper end of; null for plain TCP.
   */
  constructor(
    deps: DownstreamDeps,
    socket: Socket,
    addressKey: string,
    secured: SecuredSocket | null = null,
  ) {
    const { settings } = deps;
    const parser = new RequestParser(settings.http1, deps.hosts);
    this.deps = deps;
    this.#context = new RequestContext(parser.head);
    this.#setClient(secured?.clientAddress ?? socket.remoteAddress ?? '');
    if (secured !== null) this.#context.tls = connectionTls(secured);
    this.exchange = new Exchange(this.#context, this);
    this.#limits = new FrontLimits(deps, addressKey);
    this.#idleFromMs = deps.clock.monotonicMs();
    this.deadlineMs = this.#idleFromMs + settings.headerTimeoutMs;
    // The socket reports nothing before the next turn of the loop: the reader is there by then.
    this.bytes =
      secured === null
        ? ByteSocket.adopt(socket, deps.buffers, this)
        : ByteSocket.secured(socket, secured.below, deps.buffers, this);
    this.requests = new RequestReader(settings, this.bytes, parser, this, this.exchange);
    deps.sweeper.add(this);
  }

  // What the socket, the sweeper and the listener report

  /** @hot */
  onBytes(chunk: Buffer, length: number): void {
    const { clock } = this.deps;
    clock.hold();
    try {
      if (this.#lingering === null) this.requests.onBytes(chunk, length);
      else this.#lingering.heard();
      this.exchange.flush();
    } catch (error) {
      this.onBug(error);
    } finally {
      clock.release();
    }
  }

  onEnd(): void {
    const reader = this.requests;
    reader.ended = true;
    this.guard(() => {
      if (reader.reading !== 'request') this.onInputEnd();
      // Clients that give up close, too. Serving those in an overload would leave no time for the others.
      else if (reader.truncated || this.deps.overloaded()) this.#onTruncated();
      // Otherwise the client only closed its half: it gets its answers, then the connection ends.
    });
  }

  onDrain(): void {
    this.#limits.drained();
    this.guard(() => {
      this.exchange.onClientDrain();
      if (this.#lingering !== null) {
        this.deadlineMs = this.#lingering.drained(this.deps.clock.monotonicMs());
      }
      if (!this.#awaitsDrain) return;
      this.#awaitsDrain = false;
      this.#nextRequest();
    });
  }

  onClose(): void {
    this.requests.close();
    this.deps.sweeper.remove(this);
    this.#limits.release();
    this.deps.onClosed(this);
    this.guard(() => this.exchange.onClientGone());
  }

  get urgent(): boolean {
    return this.exchange.active;
  }

  onExpire(): void {
    switch (this.requests.reading) {
      case 'head':
        if (this.requests.headStarted) this.#cutHead();
        else this.destroy();
        break;
      case 'request':
      case 'gather':
      case 'body':
      case 'tunnel':
        if (this.exchange.active) this.guard(() => this.exchange.onDeadline());
        else this.#onDrainLate();
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

  /** Called about once a second: cuts a client that sends its body, or takes its answer, too slowly; true if it did. */
  cutIfSlow(nowMs: number): boolean {
    const { bytes } = this;
    if (this.#limits.takesTooSlowly(nowMs, bytes.unsentBytes)) {
      this.#cutWrite();
      return true;
    }
    const { reading, gathering, gatheredBytes } = this.requests;
    if (reading !== 'body' && !gathering) return false;
    const bytesIn = this.#context.bytesIn + gatheredBytes;
    const waits = bytes.isPaused || this.exchange.awaitsContinue;
    if (!this.#limits.sendsTooSlowly(nowMs, waits, bytesIn)) return false;
    this.#cutBody();
    return true;
  }

  /** Called about once a second: ends a WebSocket that may not go on, with close frames at first; true if it did. */
  endIfRevoked(): boolean {
    const { exchange } = this;
    const { tunnel } = exchange;
    if (tunnel === null || !exchange.active || this.deps.mayGoOn(this.#context)) return false;
    if (tunnel.goingAway) this.destroy();
    else this.goAway();
    return true;
  }

  /** Idle for at least `idleMs`, so that closing it will hardly cross a request on its way. */
  idleSince(nowMs: number, idleMs: number): boolean {
    return nowMs - this.#idleFromMs >= idleMs;
  }

  /** The drain is over: a WebSocket gets its close frame and a moment to answer it, anything else is cut. */
  goAway(): void {
    this.guard(() => {
      if (this.#lingering === null && !this.exchange.goAway()) this.destroy();
    });
  }

  // What the reader reports

  onClientAddress(address: string): boolean {
    this.#setClient(address);
    return this.#limits.countAddress(address);
  }

  onHeadStarted(): void {
    this.#idleFromMs = Infinity;
    this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.headerTimeoutMs;
  }

  /** @hot */
  onRequest(): void {
    this.deadlineMs = Infinity;
    this.#limits.beginRequest();
    this.#begin(false);
    this.deps.handle(this.exchange);
  }

  onHeadFault(fault: Http1Fault | null): void {
    this.#refuse(faultReply(fault));
  }

  onDiscarded(): void {
    this.#nextRequest();
  }

  onBodyFault(fault: Http1Fault | null): void {
    this.#refused = true;
    if (this.requests.reading === 'discard') this.#linger();
    else this.exchange.onRequestFault(faultReply(fault));
  }

  onInputEnd(): void {
    const { reading } = this.requests;
    if (reading === 'body' || reading === 'gather') this.#onTruncated();
    else if (reading === 'tunnel') this.exchange.onClientTunnelEnd();
    else if (reading !== 'request') this.#linger();
  }

  // What the exchange asks for

  guard(work: () => void): void {
    try {
      work();
      this.exchange.flush();
    } catch (error) {
      this.onBug(error);
    }
  }

  mayKeepAlive(): boolean {
    if (this.#refused || this.deps.draining()) return false;
    // After FIN the requests that came before it are served still.
    if (this.requests.exhausted || !this.#context.head.persistent) return false;
    return this.#limits.allowRequest();
  }

  writeLocalReply(reply: LocalReply): boolean {
    const context = this.#context;
    // After a timeout nobody knows when the rest of the request comes, so nothing behind it is ever read as a request.
    const discards =
      reply.status !== 408 && this.requests.discardable(this.deps.settings.discardBytesMax);
    const readsOn = this.requests.requestComplete || discards;
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

  onExchangeDone(keepAlive: boolean): void {
    const { reading } = this.requests;
    if (reading === 'closed') return;
    if (!keepAlive || reading === 'tunnel') {
      this.#linger();
    } else if (this.requests.requestComplete) {
      this.#nextRequest();
    } else {
      this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.headerTimeoutMs;
      this.requests.discardBody();
    }
  }

  abort(): void {
    this.requests.close();
    this.bytes.reset();
  }

  // From request to request

  #setClient(address: string): void {
    const plain = plainAddress(address);
    this.#context.clientIp = plain;
    this.#context.trustedSource = this.deps.isTrusted(plain);
    this.#context.forwardedLines = '';
  }

  /** A request is served from now on. @hot */
  #begin(malformed: boolean): void {
    const { deps } = this;
    const context = this.#context;
    this.#idleFromMs = Infinity;
    context.reset();
    context.malformed = malformed;
    context.requestId = deps.nextRequestId();
    context.startMs = deps.clock.monotonicMs();
    context.timeMs = deps.clock.nowMs();
    deps.recorder.requestStarted(context);
    this.exchange.begin();
  }

  #nextRequest(): void {
    const nowMs = this.deps.clock.monotonicMs();
    this.deadlineMs = nowMs + this.deps.settings.keepAliveTimeoutMs;
    if (this.bytes.congested) {
      // A client that sends requests but reads no answers must not fill our memory.
      this.#awaitsDrain = true;
      this.#unsentBytes = Infinity;
      this.#onDrainLate();
      this.requests.wait();
    } else {
      this.#idleFromMs = nowMs;
      this.requests.awaitHead();
    }
  }

  /** The client may take as long as it likes for its answers, as long as it takes any of them: it is not idle. */
  #onDrainLate(): void {
    const { unsentBytes } = this.bytes;
    if (unsentBytes >= this.#unsentBytes) return this.destroy();
    this.#unsentBytes = unsentBytes;
    this.deadlineMs = this.deps.clock.monotonicMs() + this.deps.settings.writeStallMs;
  }

  // Endings

  /** Answers a request that could not be read and closes, whatever the client sends further. */
  #refuse(reply: LocalReply): void {
    this.#begin(true);
    this.#refused = true;
    this.requests.wait();
    this.exchange.answer(reply);
  }

  #cutHead(): void {
    this.deps.stats.cutHead += 1;
    this.guard(() => this.#refuse(localReply('HG_HTTP_TIMEOUT')));
  }

  #cutBody(): void {
    this.#refused = true;
    this.guard(() => this.exchange.onRequestFault(localReply('HG_HTTP_TIMEOUT')));
  }

  /** Whatever it is that waits to be sent, the client will not get it whole: an RST says so. */
  #cutWrite(): void {
    this.guard(() => this.exchange.onRequestFault(localReply('HG_HTTP_TIMEOUT')));
    this.abort();
  }

  /** The client closed in the middle of a request; what was answered before it is sent. */
  #onTruncated(): void {
    this.bytes.writeQueued();
    this.destroy();
    this.exchange.onClientGone();
  }

  /** Sends FIN, then reads on for a while, see {@link Lingering}. */
  #linger(): void {
    if (this.requests.reading === 'closed') return;
    const { lingerMs, writeStallMs } = this.deps.settings;
    this.bytes.end();
    this.#idleFromMs = Infinity;
    this.#lingering ??= new Lingering(lingerMs, writeStallMs);
    this.deadlineMs = this.#lingering.begin(this.deps.clock.monotonicMs(), this.bytes.unsentBytes);
    this.requests.linger();
  }

  #onLingerExpired(): void {
    const nowMs = this.deps.clock.monotonicMs();
    const againMs = this.#lingering?.lookAgainMs(nowMs, this.bytes.unsentBytes) ?? null;
    if (againMs === null) this.destroy();
    else this.deadlineMs = againMs;
  }

  /** Closes without an answer. */
  destroy(): void {
    this.requests.close();
    this.bytes.destroy();
  }

  /** Whatever state the bug left the connection in, nothing more is read from it: a 500 if that is possible, and the end. */
  onBug(error: unknown): void {
    const { exchange } = this;
    const served = exchange.active;
    this.deps.onBug(error, served ? this.#context : null);
    this.#refused = true;
    try {
      exchange.onRequestFault(localReply('HG_INTERNAL'));
      exchange.flush();
      if (served) return;
    } catch (further) {
      this.deps.onBug(further, null);
    }
    this.destroy();
    exchange.onClientGone();
  }
}
