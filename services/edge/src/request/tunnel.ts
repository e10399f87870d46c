import { randomBytes } from 'node:crypto';
import type { ByteSocket } from '../io/byte-socket.ts';
import type { RequestContext } from './request-context.ts';
import { closeFrame, FrameTracker } from './web-socket-frames.ts';

/** Status code of a WebSocket whose server goes down (RFC 6455 section 7.4.1). */
const GOING_AWAY = 1001;

/**
 * A WebSocket between a client and an endpoint, from the 101 on. Bytes pass unread; only the ends of frames are known,
 * so that at the end of a drain both sides can be told.
 *
 * Reads a side no faster than the other one takes it; whoever sees a side drain resumes the other. Owns neither socket:
 * the exchange closes them.
 */
export class Tunnel {
  readonly #context: RequestContext;
  readonly #toEndpoint: TunnelDirection;
  readonly #toClient: TunnelDirection;

  constructor(context: RequestContext, client: ByteSocket, endpoint: ByteSocket) {
    this.#context = context;
    this.#toEndpoint = new TunnelDirection(client, endpoint);
    this.#toClient = new TunnelDirection(endpoint, client);
  }

  /** Both sides are told that it ends, or will be. */
  get goingAway(): boolean {
    return this.#toEndpoint.goingAway;
  }

  /** Going away, and both sides have said goodbye: the sockets can be closed. */
  get finished(): boolean {
    return this.goingAway && this.#toEndpoint.over && this.#toClient.over;
  }

  /** A side sends no more, and the other one knows. */
  get halfClosed(): boolean {
    return this.#toEndpoint.ended || this.#toClient.ended;
  }

  /** Bytes [start, end) of the client. */
  fromClient(chunk: Buffer, start: number, end: number): void {
    this.#context.bytesIn += end - start;
    this.#toEndpoint.pass(chunk, start, end);
  }

  /** Bytes [start, end) of the endpoint. */
  fromEndpoint(chunk: Buffer, start: number, end: number): void {
    this.#context.bytesOut += end - start;
    this.#toClient.pass(chunk, start, end);
  }

  /** The client sends no more. */
  endFromClient(): void {
    this.#toEndpoint.end();
  }

  /** The endpoint sends no more. */
  endFromEndpoint(): void {
    this.#toClient.end();
  }

  /**
   * Tells both sides that the WebSocket ends, each as soon as a frame ends there; from then on nothing more passes,
   * and only the close frames that answer are waited for. The caller bounds the wait.
   */
  goAway(): void {
    this.#toEndpoint.goAway(closeFrame(GOING_AWAY, randomBytes(4)));
    this.#toClient.goAway(closeFrame(GOING_AWAY, null));
  }
}

/** One direction of a tunnel. */
class TunnelDirection {
  readonly #source: ByteSocket;
  readonly #target: ByteSocket;
  readonly #frames = new FrameTracker();
  /** The close frame that waits for the end of a frame; '' for none. */
  #goodbye = '';
  /** The source has sent FIN, and so will the target. */
  ended = false;
  goingAway = false;

  constructor(source: ByteSocket, target: ByteSocket) {
    this.#source = source;
    this.#target = target;
  }

  /** The source has sent its close frame or FIN. */
  get over(): boolean {
    return this.ended || this.#frames.closed;
  }

  pass(chunk: Buffer, start: number, end: number): void {
    let at = start;
    if (!this.goingAway) {
      this.#target.writeSlice(chunk, start, end, this.#source);
    } else if (this.#goodbye !== '') {
      at = this.#frames.next(chunk, start, end);
      this.#target.writeSlice(chunk, start, at, this.#source);
      if (this.#frames.atBoundary) this.#sayGoodbye();
    }
    this.#frames.skip(chunk, at, end);
    if (this.#target.congested) this.#source.pause();
  }

  end(): void {
    this.ended = true;
    this.#target.end();
  }

  goAway(goodbye: string): void {
    if (this.goingAway) return;
    this.goingAway = true;
    if (this.over) return; // nothing may follow a close frame
    this.#goodbye = goodbye;
    if (this.#frames.atBoundary) this.#sayGoodbye();
  }

  /** After a close frame that came in the meantime ours would be one too many. */
  #sayGoodbye(): void {
    if (!this.#frames.closed) this.#target.writeText(this.#goodbye);
    this.#goodbye = '';
  }
}
