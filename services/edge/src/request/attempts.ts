import type { PassiveFailureKind } from '@headgate/health';
import type { Clock } from '@headgate/runtime';
import type { CompiledRoute } from '../snapshot/compile-tenant.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { Recorder } from '../stages/record.ts';
import type { RequestContext } from './request-context.ts';

/** Failures of the endpoint's connections, as its passive health counts them; the others say nothing about it. */
const PASSIVE_KINDS: Readonly<Partial<Record<UpstreamFailure, PassiveFailureKind>>> = {
  connect_failed: 'connect_refused',
  connect_timeout: 'connect_timeout',
  reset: 'reset',
  truncated: 'reset',
  response_timeout: 'response_timeout',
};

/** The attempts of one request: which endpoint, what became of it, and whether another may follow. */
export class Attempts {
  /** Endpoint of the attempt in progress; null between attempts. */
  endpoint: UpstreamEndpoint | null = null;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  #startMs = 0;
  #retriesLeft = 0;
  /** A kept-alive connection was found closed and replaced by a new one, which does not count as a retry. */
  #replacedStale = false;

  constructor(clock: Clock, recorder: Recorder) {
    this.#clock = clock;
    this.#recorder = recorder;
  }

  /** A new request goes to the route's upstream. @hot */
  begin(route: CompiledRoute): void {
    this.#retriesLeft = route.retries;
    this.#replacedStale = false;
    route.upstream.retryBudget.deposit();
  }

  /** Picks an endpoint and starts an attempt; null when there is none. @hot */
  start(
    context: RequestContext,
    route: CompiledRoute,
    exclude: UpstreamEndpoint | null,
  ): UpstreamEndpoint | null {
    const endpoint = route.upstream.picker.pick(exclude);
    if (endpoint === null) return null;
    this.endpoint = endpoint;
    this.#startMs = this.#clock.monotonicMs();
    context.attempts += 1;
    context.endpoint = endpoint.id;
    endpoint.activeRequests += 1;
    endpoint.passive.recordAttempt(this.#startMs);
    this.#recorder.attemptStarted(context, endpoint, this.#startMs);
    return endpoint;
  }

  /** A final response head came. @hot */
  answered(context: RequestContext, status: number): void {
    context.receivedStatus = status;
    if (this.endpoint !== null) this.endpoint.passive.recordSuccess(this.#clock.monotonicMs());
    this.#recorder.attemptAnswered(context, status);
  }

  /** The attempt is over; `failure` is null when it succeeded or the client cancelled it. @hot */
  end(context: RequestContext, failure: UpstreamFailure | null, reusedStale = false): void {
    const { endpoint } = this;
    if (endpoint === null) return;
    const nowMs = this.#clock.monotonicMs();
    this.endpoint = null;
    endpoint.activeRequests -= 1;
    context.upstreamMs = nowMs - this.#startMs;
    context.failure = failure;
    const kind = failure === null || reusedStale ? undefined : PASSIVE_KINDS[failure];
    if (kind !== undefined) endpoint.passive.recordFailure(nowMs, kind);
    this.#recorder.attemptEnded(context, nowMs, context.upstreamMs, failure);
  }

  /**
   * Whether another attempt may follow a failed one, and pays for it.
   *
   * @param harmless nothing was sent, or the request is idempotent and can be sent again whole.
   */
  mayRetry(
    route: CompiledRoute,
    failure: UpstreamFailure,
    reusedStale: boolean,
    harmless: boolean,
  ): boolean {
    if (!harmless || failure === 'malformed' || failure === 'overloaded') return false;
    if (reusedStale && !this.#replacedStale) {
      this.#replacedStale = true;
      return true;
    }
    if (this.#retriesLeft === 0 || !route.upstream.retryBudget.withdraw()) return false;
    this.#retriesLeft -= 1;
    return true;
  }
}

/** RFC 9110 section 9.2.2. @hot */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'PUT':
    case 'DELETE':
      return true;
    default:
      return false;
  }
}
