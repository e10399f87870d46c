import type { ErrorCode } from '@headgate/errors';
import type { ResponseHead } from '@headgate/http1';
import type { LimitChain, LimitVerdict } from '@headgate/limiting';
import type { CompiledRoute } from '../snapshot/compile-tenant.ts';
import { applyVerdict, bytesOf, costOf, releaseLimits } from '../stages/enforce-limits.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import { FAILURE_CODES, failureReply, type UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamUser } from '../upstream/upstream-user.ts';
import { Attempts } from './attempts.ts';
import { BodyWaits, type WaitingExchange } from './body-waits.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { writeForwardedHead } from './forwarded-head.ts';
import { localReply, type LocalReply } from './local-reply.ts';
import { Relay } from './relay.ts';
import type { RequestContext } from './request-context.ts';
import { Tunnel } from './tunnel.ts';
import { acceptsWebSocket } from './web-socket.ts';

/**
 * What is left of a tunnel once one of its sides has sent FIN, however much the other one still sends: a side that never
 * closes would keep the other's connection, and the slots that the request holds, for as long as it likes.
 */
const HALF_CLOSED_MS = 5000;

/**
 * One request between its client and an endpoint: pick, forward, relay, record.
 *
 *     answer(reply) ─────────────────────────────────────────────────► done
 *     forward() ─► attempt ─► onConnection ─► onResponseHead ─► … ─► onResponseEnd ─► done
 *                    ▲                │ failed, nothing sent to the client, retry allowed
 *                    └────────────────┘
 *
 * One object per downstream connection, used for one request after the other; {@link Attempts} knows where the request
 * went, {@link Relay} moves the bytes, {@link Tunnel} after a 101. `done` is reached exactly once per request, whatever
 * happens, and only `#finish` goes there: it records.
 */
export class Exchange implements UpstreamUser, WaitingExchange {
  readonly context: RequestContext;
  readonly #client: ExchangeClient;
  readonly #attempts: Attempts;
  readonly #relay: Relay;
  /** The whole request body, if it was small enough to be kept for a retry; null while unknown or streamed. */
  #bodyText: string | null = null;
  /** After a 101; null before. */
  #tunnel: Tunnel | null = null;
  #waits: BodyWaits | null = null;
  #totalDeadlineMs = Infinity;
  #done = true;

  constructor(context: RequestContext, client: ExchangeClient) {
    this.context = context;
    this.#client = client;
    this.#attempts = new Attempts(context, client.deps.clock, client.deps.recorder);
    this.#relay = new Relay(context, client);
  }

  get requestMethod(): string {
    return this.context.head.method;
  }

  /** A request is being served. */
  get active(): boolean {
    return !this.#done;
  }

  /** The client waits for a 100 before it sends any of its body: that it sends nothing is up to the endpoint. */
  get awaitsContinue(): boolean {
    const { head, bytesIn } = this.context;
    return head.expectContinue && bytesIn === 0 && !this.#relay.continued;
  }

  /** Starts a new request. @hot */
  begin(): void {
    this.#relay.begin();
    this.#bodyText = null;
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

  /** Waits until the token is verified, and goes on with the request if it is still there. */
  awaitToken<Verdict>(pending: Promise<Verdict>, goOn: (verdict: Verdict) => void): void {
    const { requestId } = this.context;
    const onVerdict = (verdict: Verdict): void => {
      if (this.#done || this.context.requestId !== requestId) return;
      this.#client.guard(() => goOn(verdict));
    };
    pending.then(onVerdict, (error: unknown) => this.onBug(error)); // what is wrong with a token is no error
  }

  /** Waits for the limiter; the client may be gone by the time it answers. */
  awaitVerdict(chain: LimitChain | null, pending: Promise<LimitVerdict>): void {
    const { context } = this;
    const { clock, limiter } = this.#client.deps;
    context.limitStartMs = clock.monotonicMs();
    const cost = costOf(context); // the context may serve another request by then
    const bytes = bytesOf(context, chain);
    const onVerdict = (verdict: LimitVerdict): void => {
      if (this.#done) {
        if (chain === null || verdict.outcome !== 'admitted') return;
        limiter.release(chain, cost);
        if (bytes !== null && verdict.charge !== null) {
          limiter.returnBytes(chain, verdict.charge, bytes);
        }
        return;
      }
      context.limiterMs = clock.monotonicMs() - context.limitStartMs;
      const { deps } = this.#client;
      this.#client.guard(() => this.proceed(applyVerdict(context, chain, verdict, deps)));
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
    if (this.#client.requests.awaitSmallBody()) this.#setDeadline(route.idleTimeoutMs);
    else this.#start(route);
  }

  /** Some of the small body that is awaited came, or the rest of it. */
  onSmallBody(complete: boolean): void {
    const { route } = this.context;
    if (this.#done || route === null) return;
    if (complete) this.#start(route);
    else this.#setDeadline(route.idleTimeoutMs);
  }

  /** @hot */
  #start(route: CompiledRoute): void {
    this.#attempts.begin(route);
    if (!this.#attempt(null, false)) this.#answerWithoutEndpoint();
  }

  // The endpoint's side

  onConnecting(connection: UpstreamConnection): void {
    this.#attempts.connecting(connection);
  }

  /** @hot */
  onConnection(connection: UpstreamConnection): void {
    const { context } = this;
    const { route } = context;
    const { deps, requests } = this.#client;
    this.#attempts.connected(connection);
    if (route === null) return;
    const traceparent = deps.recorder.traceparent(context);
    const head = writeForwardedHead(context, route, deps.forwarding, traceparent);
    this.#bodyText ??= requests.takeSmallBody();
    if (this.#bodyText !== null) {
      context.bytesIn = this.#bodyText.length; // latin1
      if (context.meter !== null) context.meter.request.passWhole(context.bytesIn);
      connection.bytes.writeText(this.#bodyText === '' ? head : head + this.#bodyText);
      connection.completeRequest();
      this.#setDeadline(route.perTryTimeoutMs);
    } else {
      connection.bytes.writeText(head);
      this.#setDeadline(this.awaitsContinue ? route.perTryTimeoutMs : route.idleTimeoutMs);
      requests.streamBody();
    }
  }

  /** @hot */
  onResponseHead(head: ResponseHead): void {
    const { context } = this;
    if (head.status < 200) return this.#onInterimHead(head);
    context.status = head.status;
    this.#attempts.answered(head.status);
    this.#relay.responseHead(head);
    if (context.route !== null) this.#setDeadline(context.route.idleTimeoutMs);
  }

  /** @hot */
  onResponseData(chunk: Buffer, start: number, end: number): void {
    const { connection } = this.#attempts;
    const { route, meter } = this.context;
    if (connection === null) return;
    const passing = meter === null ? end : meter.response.allow(chunk, start, end);
    if (passing > start) this.#relay.responseData(connection, chunk, start, passing);
    if (route !== null) this.#setDeadline(route.idleTimeoutMs);
    if (meter !== null && passing < end) this.#obtainWaits().hold(meter, meter.response);
  }

  /** @hot */
  onResponseEnd(): void {
    const { meter } = this.context;
    this.#attempts.end(null);
    if (meter !== null && meter.response.waiting) meter.response.ended = true;
    else this.#finish(this.#relay.responseEnd());
  }

  onTunnelData(chunk: Buffer, start: number, end: number): void {
    const { meter } = this.context;
    const passing = meter === null ? end : meter.response.allow(chunk, start, end);
    if (passing > start) this.#tunnel?.fromEndpoint(chunk, start, passing);
    this.#onTunnelUsed();
    if (meter !== null && passing < end) this.#obtainWaits().hold(meter, meter.response);
  }

  onTunnelEnd(): void {
    const { meter } = this.context;
    if (meter !== null && meter.response.waiting) meter.response.ended = true;
    else this.#tunnel?.endFromEndpoint();
    this.#onTunnelUsed();
  }

  onUpstreamDrain(): void {
    this.#client.requests.resumeReading();
  }

  onUpstreamFailure(failure: UpstreamFailure, reusedStale: boolean): void {
    if (this.#done) return;
    const failed = this.#attempts.endpoint;
    this.#attempts.end(this.#tunnel === null ? failure : null, reusedStale);
    if (this.#tunnel !== null) {
      this.#finish(false);
    } else if (this.#relay.responseStarted) {
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
    this.#attempts.connection?.bytes.flush();
    this.#client.bytes.flush();
  }

  // The client's side

  /** Body bytes of the request, without transfer coding; false when the endpoint reads too slowly. @hot */
  onRequestData(chunk: Buffer, start: number, end: number): boolean {
    const { context } = this;
    const { route } = context;
    const { connection } = this.#attempts;
    context.bytesIn += end - start;
    if (connection === null || route === null) return true; // the attempt has ended: discarded
    if (context.bytesIn > route.requestBodyBytesMax) {
      this.#cancelAttempt();
      this.#endWith(localReply('HG_HTTP_BODY_TOO_LARGE'));
      return true;
    }
    this.#setDeadline(route.idleTimeoutMs);
    const { meter } = context;
    const passing = meter === null ? end : meter.request.allow(chunk, start, end);
    const goesOn = passing === start || this.#relay.requestData(connection, chunk, start, passing);
    if (meter !== null && passing < end) this.#obtainWaits().hold(meter, meter.request);
    return goesOn;
  }

  /** The request body is complete. */
  onRequestEnd(): void {
    const { connection } = this.#attempts;
    const { route } = this.context;
    if (connection === null || route === null) return;
    this.#relay.requestEnd(connection);
    if (!this.#relay.responseStarted) this.#setDeadline(route.perTryTimeoutMs);
  }

  /** The request body is malformed: nothing more of it goes to the endpoint. */
  onRequestFault(reply: LocalReply): void {
    if (this.#done) return;
    this.#cancelAttempt();
    this.#endWith(reply);
  }

  /** Bytes of the client in a tunnel. */
  onClientTunnelData(chunk: Buffer, start: number, end: number): void {
    const { meter } = this.context;
    const passing = meter === null ? end : meter.request.allow(chunk, start, end);
    if (passing > start) this.#tunnel?.fromClient(chunk, start, passing);
    this.#onTunnelUsed();
    if (meter !== null && passing < end) this.#obtainWaits().hold(meter, meter.request);
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
    const { connection } = this.#attempts;
    const { route } = this.context;
    if (connection === null || route === null || !this.#relay.responseStarted) return;
    this.#setDeadline(route.idleTimeoutMs);
    if (this.context.meter?.response.waiting !== true) connection.bytes.resume();
  }

  /** The client is gone: its request is cancelled. That is no failure of the endpoint. */
  onClientGone(): void {
    if (this.#done) return;
    this.#cancelAttempt();
    this.#finish(false);
  }

  /** The deadline of the present phase has passed: who kept us waiting? */
  onDeadline(): void {
    const { meter } = this.context;
    if (this.#done) return;
    // Without a body that has waited yet there is none whose deadline this could be.
    if (meter !== null && this.#waits?.onDeadline(meter, this.#totalDeadlineMs) === true) return;
    const { bytes, requests } = this.#client;
    const attempts = this.#attempts;
    const { responseStarted } = this.#relay;
    const uploading = attempts.sent && !requests.requestComplete;
    const owesBody = uploading && !this.awaitsContinue;
    const clientStalls = responseStarted
      ? bytes.congested
      : requests.gathering || (owesBody && attempts.connection?.bytes.congested === false);
    if (this.#tunnel !== null) {
      this.onClientGone();
    } else if (clientStalls) {
      this.#cancelAttempt();
      this.#endWith(localReply('HG_HTTP_TIMEOUT'));
    } else if (attempts.waiting) {
      this.#failAttempt('overloaded');
    } else {
      this.#failAttempt(responseStarted || uploading ? 'idle_timeout' : 'response_timeout');
    }
  }

  // Limits that count bytes

  get tunnel(): Tunnel | null {
    return this.#tunnel;
  }

  completeResponse(): void {
    this.#finish(this.#relay.responseEnd());
  }

  refuseBody(reply: LocalReply): void {
    this.#cancelAttempt();
    this.#endWith(reply);
  }

  onBodyMoved(): void {
    if (this.#tunnel !== null) this.#onTunnelUsed();
    else if (this.context.route !== null) this.#setDeadline(this.context.route.idleTimeoutMs);
  }

  /** Made when a body waits for the first time: few connections ever need one. */
  #obtainWaits(): BodyWaits {
    this.#waits ??= new BodyWaits(
      { context: this.context, client: this.#client, attempts: this.#attempts, relay: this.#relay },
      this,
    );
    return this.#waits;
  }

  // Attempts

  /** Starts an attempt; false when there is no endpoint for one. @hot */
  #attempt(exclude: UpstreamEndpoint | null, fresh: boolean): boolean {
    const { route } = this.context;
    const endpoint = route === null ? null : this.#attempts.start(route, exclude);
    if (route === null || endpoint === null) return false;
    this.#setDeadline(route.perTryTimeoutMs);
    this.#attempts.acquire(endpoint, this, fresh);
    return true;
  }

  #mayRetry(failure: UpstreamFailure, reusedStale: boolean): boolean {
    const { route } = this.context;
    if (route === null || this.#relay.hinted) return false;
    if (this.#client.deps.clock.monotonicMs() >= this.#totalDeadlineMs) return false;
    return this.#attempts.mayRetry(route, failure, reusedStale, this.#bodyText !== null);
  }

  /** The edge is not content with the endpoint: as if the attempt had failed by itself. */
  #failAttempt(failure: UpstreamFailure): void {
    this.#attempts.drop(this);
    this.onUpstreamFailure(failure, false);
  }

  #cancelAttempt(): void {
    this.#attempts.drop(this);
    this.#attempts.end(null);
  }

  // Responses out of the ordinary

  #onInterimHead(head: ResponseHead): void {
    if (head.status === 101) return this.#startTunnel(head);
    const { route } = this.context;
    const awaited = this.awaitsContinue;
    if (!this.#relay.interimHead(head)) this.#failAttempt('malformed');
    else if (awaited && !this.awaitsContinue && route !== null)
      this.#setDeadline(route.idleTimeoutMs);
  }

  #startTunnel(head: ResponseHead): void {
    const { context } = this;
    const { route } = context;
    const { connection } = this.#attempts;
    if (route === null || connection === null || !acceptsWebSocket(context.head, head)) {
      // Not what the client asked for, or nobody asked: whatever follows must not reach the client.
      this.#failAttempt('malformed');
      return;
    }
    this.#tunnel = new Tunnel(context, this.#client.bytes, connection.bytes);
    context.status = 101;
    this.#attempts.answered(101);
    this.#relay.switchingHead(head);
    this.#totalDeadlineMs = Infinity; // bounds requests; a tunnel lives as long as it is used, and open at both ends
    this.#setDeadline(route.idleTimeoutMs);
    this.#client.requests.startTunnel();
  }

  #onTunnelUsed(): void {
    const { route } = this.context;
    const tunnel = this.#tunnel;
    if (tunnel?.finished === true) {
      this.flush(); // the last close frame may just have been queued
      this.onClientGone();
    } else if (route !== null) {
      if (tunnel?.halfClosed === true && this.#totalDeadlineMs === Infinity) {
        this.#totalDeadlineMs = this.#client.deps.clock.monotonicMs() + HALF_CLOSED_MS;
      }
      this.#setDeadline(route.idleTimeoutMs);
    }
  }

  // Endings

  /** Only a shared upstream has no endpoints at all: its document has not come. */
  #answerWithoutEndpoint(): void {
    if (this.context.route?.upstream.endpoints.length !== 0) this.#giveUp('none_available');
    else this.answer(localReply('HG_UPSTREAM_UNKNOWN', 'Retry-After: 1\r\n'));
  }

  #giveUp(failure: UpstreamFailure): void {
    this.answer(failureReply(failure, this.context.route?.upstream.endpoints ?? []));
  }

  /** Answers if that is still possible, else cuts the response. */
  #endWith(reply: LocalReply): void {
    if (this.#relay.responseStarted) this.#abort(reply.code);
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
    const { limiter, recorder, tally } = this.#client.deps;
    releaseLimits(this.context, limiter, tally);
    recorder.record(this.context);
    this.#client.onExchangeDone(keepAlive);
  }

  #setDeadline(phaseMs: number): void {
    const { clock } = this.#client.deps;
    const { meter } = this.context;
    const phaseEndMs = Math.min(clock.monotonicMs() + phaseMs, this.#totalDeadlineMs);
    this.#client.deadlineMs = meter === null ? phaseEndMs : Math.min(phaseEndMs, meter.dueMs);
  }
}
