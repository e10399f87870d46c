import {
  CHUNK_END,
  chunkHeader,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_NONE,
  LAST_CHUNK,
  type Framing,
  type ResponseHead,
} from '@headgate/http1';
import type { ErrorCode } from '@headgate/errors';
import type { LimitChain, LimitVerdict } from '@headgate/limiting';
import type { DownstreamConnection } from '../downstream/downstream-connection.ts';
import { applyVerdict } from '../stages/enforce-limits.ts';
import type { ConnectionPool } from '../upstream/connection-pool.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import { FAILURE_CODES, failureReply, type UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamUser } from '../upstream/upstream-user.ts';
import { Attempts, isIdempotent } from './attempts.ts';
import { writeForwardedHead } from './forwarded-head.ts';
import { localReply, type LocalReply } from './local-reply.ts';
import type { RequestContext } from './request-context.ts';
import { framingFor, writeInterimHead, writeReturnedHead } from './returned-head.ts';
import { Tunnel } from './tunnel.ts';
import { acceptsWebSocket } from './web-socket.ts';

/** Interim responses (1xx) to one request; an endpoint that sends more is not making progress. */
const INTERIM_RESPONSES_MAX = 100;

/**
 * One request between its client and an endpoint: pick, forward, relay, record.
 *
 *     answer(reply) ─────────────────────────────────────────────────► done
 *     forward() ─► attempt ─► onConnection ─► onResponseHead ─► … ─► onResponseEnd ─► done
 *                    ▲                │ failed, nothing sent to the client, retry allowed
 *                    └────────────────┘
 *
 * One object per downstream connection, used for one request after the other. `done` is reached exactly once per
 * request, whatever happens, and only `#finish` goes there: it records.
 */
export class Exchange implements UpstreamUser {
  readonly context: RequestContext;
  readonly #client: DownstreamConnection;
  readonly #attempts: Attempts;
  /** Of the present attempt; being opened as long as nothing is sent. */
  #connection: UpstreamConnection | null = null;
  /** Waits in the queue of this pool; null when it does not. */
  #pool: ConnectionPool | null = null;
  /** The request went out, or part of it, in the present attempt. */
  #sent = false;
  /** The whole request body, if it was small enough to be kept for a retry; null while unknown or streamed. */
  #bodyText: string | null = null;
  #interimResponses = 0;
  #responseStarted = false;
  #responseFraming: Framing = FRAMING_NONE;
  #keepAlive = false;
  /** After a 101; null before. */
  #tunnel: Tunnel | null = null;
  #totalDeadlineMs = Infinity;
  #done = true;

  constructor(context: RequestContext, client: DownstreamConnection) {
    this.context = context;
    this.#client = client;
    this.#attempts = new Attempts(client.deps.clock, client.deps.recorder);
  }

  get requestMethod(): string {
    return this.context.head.method;
  }

  /** A request is being served. */
  get active(): boolean {
    return !this.#done;
  }

  /** Starts a new request. @hot */
  begin(): void {
    this.#sent = false;
    this.#bodyText = null;
    this.#interimResponses = 0;
    this.#responseStarted = false;
    this.#responseFraming = FRAMING_NONE;
    this.#keepAlive = false;
    this.#tunnel = null;
    this.#totalDeadlineMs = Infinity;
    this.#done = false;
  }

  /** Ends the request with an answer of the edge. */
  answer(reply: LocalReply): void {
    this.context.code = reply.code;
    this.context.status = reply.status;
    this.#finish(this.#client.writeLocalReply(reply));
  }

  /** Waits for the limiter; the client may be gone by the time it answers. */
  awaitVerdict(chain: LimitChain, pending: Promise<LimitVerdict>): void {
    const { context } = this;
    const { clock } = this.#client.deps;
    context.limitStartMs = clock.monotonicMs();
    const onVerdict = (verdict: LimitVerdict): void => {
      if (this.#done) return;
      context.limiterMs = clock.monotonicMs() - context.limitStartMs;
      this.#client.guard(() => this.proceed(applyVerdict(context, chain, verdict)));
    };
    pending.then(onVerdict, (error: unknown) => this.onBug(error)); // a limiter that fails is no limiter
  }

  /** Goes on after the limits: null to forward. @hot */
  proceed(refusal: LocalReply | null): void {
    if (refusal === null) this.forward();
    else this.answer(refusal);
  }

  /** Sends the request to an endpoint of its route. @hot */
  forward(): void {
    const { route, startMs } = this.context;
    if (route === null) return this.answer(localReply('HG_INTERNAL'));
    if (route.totalTimeoutMs > 0) this.#totalDeadlineMs = startMs + route.totalTimeoutMs;
    this.#attempts.begin(route);
    if (!this.#attempt(null, false)) this.#giveUp('none_available');
  }

  // The endpoint's side

  onConnecting(connection: UpstreamConnection): void {
    this.#pool = null;
    this.#connection = connection;
  }

  /** @hot */
  onConnection(connection: UpstreamConnection): void {
    const { context } = this;
    const { route } = context;
    const client = this.#client;
    this.#pool = null;
    this.#connection = connection;
    this.#sent = true;
    if (route === null) return;
    const traceparent = client.deps.recorder.traceparent(context);
    const head = writeForwardedHead(context, route, client.deps.forwarding, traceparent);
    this.#bodyText ??= client.takeSmallBody();
    if (this.#bodyText !== null) {
      connection.bytes.writeText(this.#bodyText === '' ? head : head + this.#bodyText);
      connection.completeRequest();
      this.#setDeadline(route.perTryTimeoutMs);
    } else {
      connection.bytes.writeText(head);
      this.#setDeadline(route.idleTimeoutMs);
      client.streamBody();
    }
  }

  /** @hot */
  onResponseHead(head: ResponseHead): void {
    const { context } = this;
    const client = this.#client;
    if (head.status < 200) return this.#onInterimHead(head);
    this.#responseStarted = true;
    context.status = head.status;
    this.#attempts.answered(context, head.status);
    const framing = framingFor(head.framing, context.head.minorVersion);
    this.#responseFraming = framing;
    // An answer that overtakes its request ends the connection: the rest of the body would be read as a request.
    this.#keepAlive = framing !== FRAMING_CLOSE && client.requestComplete && client.mayKeepAlive();
    client.bytes.writeText(
      writeReturnedHead(context, head, framing, this.#keepAlive, client.deps.dateLine()),
    );
    if (context.route !== null) this.#setDeadline(context.route.idleTimeoutMs);
  }

  /** @hot */
  onResponseData(chunk: Buffer, start: number, end: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    const { bytes } = this.#client;
    const chunked = this.#responseFraming === FRAMING_CHUNKED;
    this.context.bytesOut += end - start;
    if (chunked) bytes.writeText(chunkHeader(end - start));
    bytes.writeSlice(chunk, start, end, connection.bytes);
    if (chunked) bytes.writeText(CHUNK_END);
    if (this.context.route !== null) this.#setDeadline(this.context.route.idleTimeoutMs);
    if (bytes.congested) connection.bytes.pause();
  }

  /** @hot */
  onResponseEnd(): void {
    if (this.#responseFraming === FRAMING_CHUNKED) this.#client.bytes.writeText(LAST_CHUNK);
    this.#connection = null;
    this.#attempts.end(this.context, null);
    this.#finish(this.#keepAlive);
  }

  onTunnelData(chunk: Buffer, start: number, end: number): void {
    const goesOn = this.#tunnel?.fromEndpoint(chunk, start, end);
    if (goesOn === false) this.#connection?.bytes.pause();
    this.#onTunnelUsed();
  }

  onTunnelEnd(): void {
    this.#tunnel?.endFromEndpoint();
    this.#onTunnelUsed();
  }

  onUpstreamDrain(): void {
    this.#client.resumeReading();
  }

  onUpstreamFailure(failure: UpstreamFailure, reusedStale: boolean): void {
    if (this.#done) return;
    const failed = this.#attempts.endpoint;
    this.#connection = null;
    this.#pool = null;
    this.#attempts.end(this.context, this.#tunnel === null ? failure : null, reusedStale);
    if (this.#tunnel !== null) {
      this.#finish(false);
    } else if (this.#responseStarted) {
      this.#abort(FAILURE_CODES[failure]);
    } else if (
      !this.#mayRetry(failure, reusedStale) ||
      !this.#attempt(reusedStale ? null : failed, reusedStale)
    ) {
      this.#giveUp(failure);
    }
  }

  onBug(error: unknown): void {
    this.#client.onBug(error);
  }

  flush(): void {
    this.#connection?.bytes.flush();
    this.#client.bytes.flush();
  }

  // The client's side

  /** Body bytes of the request, without transfer coding; false when the endpoint reads too slowly. @hot */
  onRequestData(chunk: Buffer, start: number, end: number): boolean {
    const { context } = this;
    const { route } = context;
    const connection = this.#connection;
    context.bytesIn += end - start;
    if (connection === null || route === null) return true; // the attempt has ended: discarded
    if (context.bytesIn > route.requestBodyBytesMax) {
      this.#cancelAttempt();
      this.#endWith(localReply('HG_HTTP_BODY_TOO_LARGE'));
      return true;
    }
    const chunked = context.head.framing === FRAMING_CHUNKED;
    if (chunked) connection.bytes.writeText(chunkHeader(end - start));
    connection.bytes.writeSlice(chunk, start, end, this.#client.bytes);
    if (chunked) connection.bytes.writeText(CHUNK_END);
    this.#setDeadline(route.idleTimeoutMs);
    return !connection.bytes.congested;
  }

  /** The request body is complete. */
  onRequestEnd(): void {
    const connection = this.#connection;
    const { route, head } = this.context;
    if (connection === null || route === null) return;
    if (head.framing === FRAMING_CHUNKED) connection.bytes.writeText(LAST_CHUNK);
    connection.completeRequest();
    if (!this.#responseStarted) this.#setDeadline(route.perTryTimeoutMs);
  }

  /** The request body is malformed: nothing more of it goes to the endpoint. */
  onRequestFault(reply: LocalReply): void {
    if (this.#done) return;
    this.#cancelAttempt();
    this.#endWith(reply);
  }

  /** Bytes of the client in a tunnel; false when the endpoint reads too slowly. */
  onClientTunnelData(chunk: Buffer, start: number, end: number): boolean {
    const goesOn = this.#tunnel?.fromClient(chunk, start, end) ?? true;
    this.#onTunnelUsed();
    return goesOn;
  }

  /** The client sends no more into the tunnel. */
  onClientTunnelEnd(): void {
    this.#tunnel?.endFromClient();
    this.#onTunnelUsed();
  }

  /** Ends a tunnel in an orderly way; false if there is none. The caller closes what has not ended in time. */
  goAway(): boolean {
    if (this.#tunnel === null || this.#done) return false;
    this.#tunnel.goAway();
    this.#onTunnelUsed();
    return true;
  }

  /** The client has taken all that was written. */
  onClientDrain(): void {
    const { route } = this.context;
    if (this.#connection === null || route === null || !this.#responseStarted) return;
    this.#setDeadline(route.idleTimeoutMs);
    this.#connection.bytes.resume();
  }

  /** The client is gone: its request is cancelled. That is no failure of the endpoint. */
  onClientGone(): void {
    if (this.#done) return;
    this.#cancelAttempt();
    this.#finish(false);
  }

  /** The deadline of the present phase has passed: who kept us waiting? */
  onDeadline(): void {
    if (this.#done) return;
    const client = this.#client;
    const uploading = this.#sent && !client.requestComplete;
    const clientStalls = this.#responseStarted
      ? client.bytes.congested
      : uploading && this.#connection?.bytes.congested === false;
    if (this.#tunnel !== null) {
      this.onClientGone();
    } else if (clientStalls) {
      this.#cancelAttempt();
      this.#endWith(localReply('HG_HTTP_TIMEOUT'));
    } else {
      const failure = this.#timeoutFailure(uploading);
      this.#pool?.cancelWaiting(this);
      this.#connection?.cancel();
      this.onUpstreamFailure(failure, false);
    }
  }

  #timeoutFailure(uploading: boolean): UpstreamFailure {
    if (this.#pool !== null) return 'overloaded';
    return this.#responseStarted || uploading ? 'idle_timeout' : 'response_timeout';
  }

  /** Starts an attempt; false when there is no endpoint for one. */
  #attempt(exclude: UpstreamEndpoint | null, fresh: boolean): boolean {
    const { route } = this.context;
    this.#sent = false;
    const endpoint = route === null ? null : this.#attempts.start(this.context, route, exclude);
    if (route === null || endpoint === null) return false;
    this.#setDeadline(route.perTryTimeoutMs);
    this.#pool = endpoint.pool;
    endpoint.pool.acquire(this, fresh);
    return true;
  }

  #giveUp(failure: UpstreamFailure): void {
    this.answer(failureReply(failure, this.context.route?.upstream.endpoints ?? []));
  }

  #mayRetry(failure: UpstreamFailure, reusedStale: boolean): boolean {
    const { route } = this.context;
    if (route === null || failure === 'idle_timeout') return false;
    if (this.#client.deps.clock.monotonicMs() >= this.#totalDeadlineMs) return false;
    const whole = this.#bodyText !== null && isIdempotent(this.requestMethod);
    return this.#attempts.mayRetry(route, failure, reusedStale, !this.#sent || whole);
  }

  #onInterimHead(head: ResponseHead): void {
    const { context } = this;
    const { bytes } = this.#client;
    this.#interimResponses += 1;
    if (head.status === 101) {
      this.#startTunnel(head);
    } else if (this.#interimResponses > INTERIM_RESPONSES_MAX) {
      this.#refuseAnswer();
    } else if (context.head.minorVersion === 1 && !bytes.congested) {
      bytes.writeText(writeInterimHead(head, '')); // a client that does not read does not wait for one
    }
  }

  #refuseAnswer(): void {
    this.#connection?.cancel();
    this.onUpstreamFailure('malformed', false);
  }

  #startTunnel(head: ResponseHead): void {
    const { context } = this;
    const { route } = context;
    const connection = this.#connection;
    if (route === null || connection === null || !acceptsWebSocket(context.head, head)) {
      // Not what the client asked for, or nobody asked: whatever follows must not reach the client.
      this.#refuseAnswer();
      return;
    }
    this.#responseStarted = true;
    this.#tunnel = new Tunnel(context, this.#client.bytes, connection.bytes);
    context.status = 101;
    this.#attempts.answered(context, 101);
    const lines = `Connection: upgrade\r\nUpgrade: ${head.upgrade}\r\nX-Request-Id: ${context.requestId}\r\n`;
    this.#client.bytes.writeText(writeInterimHead(head, lines));
    this.#totalDeadlineMs = Infinity; // bounds requests; a tunnel lives as long as it is used
    this.#setDeadline(route.idleTimeoutMs);
    this.#client.startTunnel();
  }

  #onTunnelUsed(): void {
    const { route } = this.context;
    if (this.#tunnel?.finished === true) {
      this.flush(); // the last close frame may just have been queued
      this.onClientGone();
    } else if (route !== null) {
      this.#setDeadline(route.idleTimeoutMs);
    }
  }

  #cancelAttempt(): void {
    const connection = this.#connection;
    this.#pool?.cancelWaiting(this);
    this.#connection = null;
    this.#pool = null;
    connection?.cancel();
    this.#attempts.end(this.context, null);
  }

  /** Answers if that is still possible, else cuts the response. */
  #endWith(reply: LocalReply): void {
    if (this.#responseStarted) this.#abort(reply.code);
    else this.answer(reply);
  }

  /** The response cannot be completed: the client must not take it for a whole one. */
  #abort(code: ErrorCode): void {
    this.context.code = code;
    this.#client.abort();
    this.#finish(false);
  }

  #finish(keepAlive: boolean): void {
    if (this.#done) return;
    this.#done = true;
    this.#client.deps.recorder.record(this.context);
    this.#client.onExchangeDone(keepAlive);
  }

  #setDeadline(phaseMs: number): void {
    const { clock } = this.#client.deps;
    this.#client.deadlineMs = Math.min(clock.monotonicMs() + phaseMs, this.#totalDeadlineMs);
  }
}
