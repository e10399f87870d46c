import {
  BODY_DATA,
  BODY_END,
  BODY_FAULT,
  BodyDecoder,
  FRAMING_LENGTH,
  FRAMING_NONE,
  type RequestParser,
} from '@headgate/http1';
import { JOINED_WRITE_BYTES_MAX, type ByteSocket } from '../io/byte-socket.ts';
import type { Exchange } from '../request/exchange.ts';
import { ClientInput, type InputSteps } from './client-input.ts';
import type { DownstreamSettings } from './downstream-deps.ts';
import { parseProxyHeader } from './proxy-protocol.ts';
import type { RequestReceiver } from './request-receiver.ts';

/**
 * Reads the requests of one connection, one after the other: proxy header and heads go to the connection, bodies and
 * tunnels to its exchange. They say in turn what follows a head: its body, the next head, or nothing any more.
 *
 *     proxy ─► head          only behind a load balancer that sends the PROXY protocol
 *     head ─► request ─► body ─► request … ─► head        keep-alive
 *       │        ├─► gather ─► request                    small body that comes in pieces
 *       │        │                  └─► discard ─► head   refused, small rest of a body
 *       │        ├─► tunnel ─► closed                     after 101
 *       └────────┴─► lingering ─► closed                  last answer sent
 */
export class RequestReader implements InputSteps {
  /** The present request is complete: its whole body was read. */
  requestComplete = true;
  /** The client has sent FIN. */
  ended = false;
  readonly #bytes: ByteSocket;
  readonly #parser: RequestParser;
  readonly #decoder = new BodyDecoder();
  readonly #input: ClientInput;
  readonly #receiver: RequestReceiver;
  readonly #exchange: Exchange;
  #reading: Reading;

  /**
   * @param parser its head is the one that the exchange looks at.
   * @param exchange serves the requests, one after the other.
   */
  constructor(
    settings: DownstreamSettings,
    bytes: ByteSocket,
    parser: RequestParser,
    receiver: RequestReceiver,
    exchange: Exchange,
  ) {
    this.#bytes = bytes;
    this.#parser = parser;
    this.#input = new ClientInput(bytes, settings.stashBytesMax, this);
    this.#receiver = receiver;
    this.#exchange = exchange;
    this.#reading = settings.proxyProtocol ? 'proxy' : 'head';
  }

  get reading(): Reading {
    return this.#reading;
  }

  /** A part of the awaited head is here. */
  get headStarted(): boolean {
    return this.#parser.started;
  }

  /** The client has sent FIN, and nothing that came before it is left to be read. */
  get exhausted(): boolean {
    return this.ended && this.#input.empty;
  }

  /** After FIN, while the request waits: the rest of its body will never come. */
  get truncated(): boolean {
    if (this.requestComplete) return false;
    const { framing, contentLength } = this.#parser.head;
    return this.#input.heldBytes < (framing === FRAMING_LENGTH ? contentLength : 1); // unknown for chunks
  }

  /** The body is short, and not held back: its rest is worth reading, so that the connection can go on. */
  discardable(bytesMax: number): boolean {
    const { framing, contentLength, expectContinue } = this.#parser.head;
    return framing === FRAMING_LENGTH && !expectContinue && contentLength <= bytesMax;
  }

  /** Bytes [0, length) of `chunk` were read. @hot */
  onBytes(chunk: Buffer, length: number): void {
    if (this.#reading === 'request') this.#input.hold(chunk, 0, length);
    else if (this.#reading === 'gather') this.#gather(chunk, length);
    else this.#input.process(chunk, length);
  }

  // What the connection decides

  /** The request is done: reads the next one. */
  awaitHead(): void {
    this.#parser.reset();
    this.#reading = 'head';
    if (this.#input.processing) return;
    if (this.#input.heldBytes > 0 || this.ended) this.#resume();
    else if (this.#bytes.isPaused) this.#bytes.resume();
  }

  /** Nothing further is read for the time being; up to a bound it is held. */
  wait(): void {
    this.#reading = 'request';
  }

  /** Reads the rest of the body and drops it. */
  discardBody(): void {
    this.#reading = 'discard';
    if (!this.#input.processing) this.#resume();
  }

  /** Drops what is held and what still comes. */
  linger(): void {
    this.#reading = 'lingering';
    this.#input.dropHeld();
    this.#bytes.resume();
  }

  /** Nothing is read any more. */
  close(): void {
    this.#reading = 'closed';
  }

  // What the exchange decides

  /**
   * The whole body as text if there is none (''), or if all of it is here and small. Null: it must be streamed.
   *
   * @hot
   */
  takeSmallBody(): string | null {
    const { framing, contentLength } = this.#parser.head;
    if (framing === FRAMING_NONE || contentLength === 0) return '';
    if (framing !== FRAMING_LENGTH || contentLength > JOINED_WRITE_BYTES_MAX) return null;
    const text = this.#input.takeText(contentLength);
    if (text !== null) this.requestComplete = true;
    return text;
  }

  /**
   * Whether the body is small but not all here yet; then `onSmallBody` of the exchange tells what comes of it. An endpoint
   * has nothing to do with a client that sends a few bytes slowly, and what is whole can be sent again.
   *
   * Not for a client that waits for an interim response before it sends anything.
   * @hot
   */
  awaitSmallBody(): boolean {
    const { framing, contentLength, expectContinue } = this.#parser.head;
    if (this.requestComplete || framing !== FRAMING_LENGTH || expectContinue) return false;
    if (contentLength > JOINED_WRITE_BYTES_MAX || this.#input.unusedBytes >= contentLength)
      return false;
    this.#reading = 'gather';
    return true;
  }

  /** A small body is awaited, see {@link awaitSmallBody}. */
  get gathering(): boolean {
    return this.#reading === 'gather';
  }

  /** Bytes of it that are here. */
  get gatheredBytes(): number {
    return this.gathering ? this.#input.heldBytes : 0;
  }

  /** The exchange is ready for the body. */
  streamBody(): void {
    this.#reading = 'body';
    if (!this.#input.processing) this.#resume();
  }

  /** Bytes go both ways from now on, unread. */
  startTunnel(): void {
    this.#reading = 'tunnel';
    if (!this.#input.processing) this.#resume();
  }

  /** Reads on, unless enough is held that waits for its turn. */
  resumeReading(): void {
    this.#input.resumeReading();
  }

  // Steps

  /** One step in a chunk. @hot */
  step(): boolean {
    switch (this.#reading) {
      case 'proxy':
        return this.#readProxyHeader();
      case 'head':
        this.#readHead();
        return true;
      case 'body':
      case 'discard':
        return this.#readBody();
      case 'tunnel': {
        const { chunk, position, limit } = this.#input;
        this.#input.skipChunk();
        this.#exchange.onClientTunnelData(chunk, position, limit);
        return true;
      }
      case 'request':
      case 'gather':
        return false;
      case 'lingering':
      case 'closed':
        this.#input.skipChunk();
        return false;
    }
  }

  /** The header is short and comes in one segment as a rule; until it is whole its bytes are held. */
  #readProxyHeader(): boolean {
    const input = this.#input;
    const header = parseProxyHeader(input.chunk, input.position, input.limit);
    if (header === 'incomplete') return false;
    if (header === 'invalid') {
      this.#receiver.destroy();
      return false;
    }
    input.position += header.bytes;
    if (header.address !== null && !this.#receiver.onClientAddress(header.address)) {
      this.#receiver.destroy();
      return false;
    }
    this.#reading = 'head';
    return true;
  }

  /** @hot */
  #readHead(): void {
    const input = this.#input;
    const parser = this.#parser;
    const wasStarted = parser.started;
    const headBytes = parser.parse(input.chunk, input.position, input.limit);
    if (headBytes > 0) {
      const { framing, contentLength } = parser.head;
      input.position += headBytes;
      this.#reading = 'request';
      this.#decoder.reset(framing, contentLength);
      this.requestComplete = framing === FRAMING_NONE || contentLength === 0;
      this.#receiver.onRequest();
      return;
    }
    input.skipChunk();
    if (headBytes < 0) this.#receiver.onHeadFault(parser.fault);
    else if (!wasStarted && parser.started) this.#receiver.onHeadStarted();
  }

  #gather(chunk: Buffer, length: number): void {
    this.#input.hold(chunk, 0, length);
    const complete = this.#input.heldBytes >= this.#parser.head.contentLength;
    if (complete) this.#reading = 'request';
    this.#exchange.onSmallBody(complete);
  }

  /** @hot */
  #readBody(): boolean {
    const input = this.#input;
    const decoder = this.#decoder;
    const event = decoder.next(input.chunk, input.position, input.limit);
    input.position = decoder.position;
    if (event === BODY_DATA) {
      const streams = this.#reading === 'body';
      const { dataStart, dataEnd } = decoder;
      if (streams && !this.#exchange.onRequestData(input.chunk, dataStart, dataEnd)) {
        this.#bytes.pause();
      }
      if (decoder.bytesDecoded === this.#parser.head.contentLength) this.#finishBody();
      return true;
    }
    if (event === BODY_END) {
      this.#finishBody();
      return true;
    }
    if (event === BODY_FAULT) {
      input.skipChunk();
      this.#receiver.onBodyFault(decoder.fault);
    }
    return false;
  }

  #finishBody(): void {
    if (this.requestComplete) return;
    this.requestComplete = true;
    this.#bytes.useSharedBuffer();
    if (this.#reading === 'discard') {
      this.#receiver.onDiscarded();
    } else if (this.#reading === 'body') {
      this.#reading = 'request';
      this.#exchange.onRequestEnd();
    }
  }

  /** Goes through what is held, then reads on. */
  #resume(): void {
    try {
      this.#input.processHeld();
    } catch (error) {
      this.#receiver.onBug(error);
      return;
    }
    this.#input.resumeReading();
    if (this.ended) this.#receiver.onInputEnd();
  }
}

/**
 * What the next bytes of the client are. In `request` they are ahead of their time, so they are held, as they are in
 * `gather` until a small body is complete; in `lingering` and `closed` they are dropped.
 */
export type Reading =
  'proxy' | 'head' | 'request' | 'gather' | 'body' | 'discard' | 'tunnel' | 'lingering' | 'closed';
