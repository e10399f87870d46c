import {
  denialDetail,
  type BodyBytes,
  type LimitHeaders,
  type LimitVerdict,
} from '@headgate/limiting';
import type { Attempts } from './attempts.ts';
import type { BodyMeter, MeteredBody } from './body-meter.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { localReply, type LocalReply } from './local-reply.ts';
import type { Relay } from './relay.ts';
import type { RequestContext } from './request-context.ts';
import type { Tunnel } from './tunnel.ts';

/** The exchange whose bodies wait. */
export interface WaitingExchange {
  /** After a 101; null before. */
  readonly tunnel: Tunnel | null;
  /** The whole response has passed. */
  completeResponse(): void;
  /** The body can go on no further: ends the request. */
  refuseBody(reply: LocalReply): void;
  /** Bytes pass, or the time to ask again has changed. */
  onBodyMoved(): void;
}

/** Without a limiter that can decide it is asked again after this time, as clients are told to. */
const UNAVAILABLE_RETRY_MS = 1000;

/**
 * Steps that are taken at once; the rest of what is held waits for the next look at deadlines. A read is 16 of the smallest steps:
 * only limits below such a step, of which there are any number in a read, need more.
 */
const STEPS_AT_ONCE_MAX = 64;

/**
 * Bodies that wait for the limiter to let them pass, see {@link BodyMeter}: takes one step after the other until nothing
 * is held. While the limiter refuses, a body waits for at most the route's `idleTimeoutMs` without a step, which bounds how
 * long a request that is over its limit holds on to its connections.
 */
export class BodyWaits {
  readonly #context: RequestContext;
  readonly #client: ExchangeClient;
  readonly #attempts: Attempts;
  readonly #relay: Relay;
  readonly #exchange: WaitingExchange;

  constructor(
    parts: {
      readonly context: RequestContext;
      readonly client: ExchangeClient;
      readonly attempts: Attempts;
      readonly relay: Relay;
    },
    exchange: WaitingExchange,
  ) {
    this.#context = parts.context;
    this.#client = parts.client;
    this.#attempts = parts.attempts;
    this.#relay = parts.relay;
    this.#exchange = exchange;
  }

  /** A body has more than was taken for it: its source waits. */
  hold(meter: BodyMeter, body: MeteredBody): void {
    if (body === meter.request) this.#client.requests.wait();
    else this.#attempts.connection?.bytes.pause();
    // Otherwise this is the rest of a read of which a part waits already.
    if (body.giveUpAtMs === Infinity) this.#take(meter, body);
  }

  /**
   * A deadline of the exchange has passed.
   *
   * @param lastMs when the request ends in any case, monotonic.
   * @returns whether it was that of a body that waits, so that nobody else is to blame.
   */
  onDeadline(meter: BodyMeter, lastMs: number): boolean {
    if (meter.dueMs === Infinity) return false;
    const nowMs = this.#client.deps.clock.monotonicMs();
    if (nowMs >= lastMs) {
      this.#exchange.refuseBody(localReply('HG_LIMIT_EXCEEDED'));
      return true;
    }
    for (const body of [meter.request, meter.response]) {
      // The refusal of one body may have ended the request.
      if (this.#isMeteredBy(meter) && nowMs >= body.retryAtMs) this.#take(meter, body);
    }
    if (this.#isMeteredBy(meter)) this.#exchange.onBodyMoved();
    return true;
  }

  #take(meter: BodyMeter, body: MeteredBody): void {
    const { clock, limiter } = this.#client.deps;
    const { chain } = meter;
    const waitMs = this.#context.route?.idleTimeoutMs ?? 0;
    body.retryAtMs = Infinity;
    for (let steps = 0; ; steps += 1) {
      // Each step that passes begins the wait anew.
      if (body.giveUpAtMs === Infinity) body.giveUpAtMs = clock.monotonicMs() + waitMs;
      if (steps === STEPS_AT_ONCE_MAX) {
        body.retryAtMs = clock.monotonicMs();
        this.#exchange.onBodyMoved();
        return;
      }
      const asked = meter.askFor(body);
      const verdict = limiter.takeBytes(chain, asked);
      if (verdict instanceof Promise) {
        const onVerdict = (answer: LimitVerdict): void =>
          this.#onVerdict(meter, body, asked, answer);
        verdict.then(onVerdict, (error: unknown) => this.#client.onBug(error));
        return;
      }
      if (!this.#apply(meter, body, asked, verdict)) return;
    }
  }

  #onVerdict(meter: BodyMeter, body: MeteredBody, asked: BodyBytes, verdict: LimitVerdict): void {
    if (this.#isMeteredBy(meter)) {
      this.#client.guard(() => {
        if (this.#apply(meter, body, asked, verdict)) this.#take(meter, body);
      });
    } else if (verdict.charge !== null) {
      // The request has ended meanwhile.
      this.#client.deps.limiter.returnBytes(meter.chain, verdict.charge, asked);
    }
  }

  /** Returns whether the limiter is to be asked for more now. */
  #apply(meter: BodyMeter, body: MeteredBody, asked: BodyBytes, verdict: LimitVerdict): boolean {
    const { charge, outcome } = verdict;
    if (outcome === 'denied' && body.askForLess()) return true;
    this.#client.deps.tally.note(meter.chain, verdict, 0, asked);
    if (charge === null) {
      this.#wait(meter, body, verdict);
      return false;
    }
    this.#pass(meter, body, body.grant(charge));
    body.giveUpAtMs = Infinity;
    if (!this.#isMeteredBy(meter)) return false;
    if (body.waiting) return true;
    this.#goOn(meter, body);
    return false;
  }

  #wait(meter: BodyMeter, body: MeteredBody, verdict: LimitVerdict): void {
    const isDenied = verdict.outcome === 'denied';
    const waitMs = isDenied ? verdict.retryAfterMs : UNAVAILABLE_RETRY_MS;
    const retryAtMs = this.#client.deps.clock.monotonicMs() + waitMs;
    if (retryAtMs < body.giveUpAtMs) {
      body.retryAtMs = retryAtMs;
      this.#exchange.onBodyMoved();
      return;
    }
    this.#exchange.refuseBody(
      isDenied
        ? refusal(meter, verdict, this.#client.deps.limitHeaders)
        : localReply('HG_LIMIT_UNAVAILABLE'),
    );
  }

  #pass(meter: BodyMeter, body: MeteredBody, bytes: Buffer): void {
    const { connection } = this.#attempts;
    const { tunnel } = this.#exchange;
    const isRequest = body === meter.request;
    if (tunnel !== null) {
      if (isRequest) tunnel.fromClient(bytes, 0, bytes.length);
      else tunnel.fromEndpoint(bytes, 0, bytes.length);
    } else if (!isRequest) {
      this.#relay.heldResponseData(bytes);
    } else if (connection !== null) {
      this.#relay.requestData(connection, bytes, 0, bytes.length);
    }
    this.#exchange.onBodyMoved();
  }

  /** Nothing is held any more: the source goes on, or has ended. */
  #goOn(meter: BodyMeter, body: MeteredBody): void {
    const { bytes, requests } = this.#client;
    const { tunnel } = this.#exchange;
    if (body === meter.request) {
      if (tunnel === null) requests.streamBody();
      else requests.startTunnel();
      // What was held may be more than the endpoint takes now: its `onUpstreamDrain` resumes the client.
      const isCongested = this.#attempts.connection?.bytes.congested === true;
      if (isCongested && this.#isMeteredBy(meter)) bytes.pause();
    } else if (!body.ended) {
      if (!bytes.congested) this.#attempts.connection?.bytes.resume();
    } else if (tunnel === null) {
      this.#exchange.completeResponse();
    } else {
      tunnel.endFromEndpoint();
      this.#exchange.onBodyMoved();
    }
  }

  #isMeteredBy(meter: BodyMeter): boolean {
    return this.#context.meter === meter;
  }
}

function refusal(
  { chain }: BodyMeter,
  verdict: LimitVerdict,
  limitHeaders: LimitHeaders,
): LocalReply {
  const headers = limitHeaders(chain, verdict);
  return localReply('HG_LIMIT_EXCEEDED', headers, denialDetail(chain, verdict));
}
