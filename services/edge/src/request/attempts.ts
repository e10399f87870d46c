import type { PassiveFailureKind } from '@headgate/health';
import type { Clock } from '@headgate/runtime';
import type { CompiledRoute } from '../snapshot/compile-tenant.ts';
import type { Recorder } from '../stages/record.ts';
import type { ConnectionPool } from '../upstream/connection-pool.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamUser } from '../upstream/upstream-user.ts';
import type { RequestContext } from './request-context.ts';

/** Failures of the endpoint's connections, as its passive health counts them; the others say nothing about it. */
const PASSIVE_KINDS: Readonly<Partial<Record<UpstreamFailure, PassiveFailureKind>>> = {
  resolve_failed: 'connect_refused',
  address_refused: 'connect_refused',
  connect_failed: 'connect_refused',
  connect_timeout: 'connect_timeout',
  reset: 'reset',
  truncated: 'reset',
  response_timeout: 'response_timeout',
};

/**
 * The attempts of one request: which endpoint, over which connection, what became of it, and whether another may follow.
 *
 *     start ─► acquire ─► connecting ─► connected ─► answered ─► end
 *                 └─────── waits in the pool's queue ───────┘
 */
export class Attempts {
  /** Endpoint of the attempt in progress; null between attempts. */
  endpoint: UpstreamEndpoint | null = null;
  /** Of the present attempt; being opened as long as nothing is sent. */
  connection: UpstreamConnection | null = null;
  /** The request went out, or part of it, in the present or last attempt. */
  sent = false;
  /** The endpoint may know something of the request of the present or last attempt: it did not just wait to be sent. */
  #mayHaveArrived = false;
  readonly #context: RequestContext;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  /** The attempt waits in the queue of this pool; null when it does not. */
  #pool: ConnectionPool | null = null;
  #startMs = 0;
  #retriesLeft = 0;
  /** A kept-alive connection was found closed and replaced by a new one, which does not count as a retry. */
  #replacedStale = false;

  constructor(context: RequestContext, clock: Clock, recorder: Recorder) {
    this.#context = context;
    this.#clock = clock;
    this.#recorder = recorder;
  }

  /** In the queue of a full pool: no connection is there, nor is one being opened for the attempt. */
  get waiting(): boolean {
    return this.#pool !== null;
  }

  /** A new request goes to the route's upstream. @hot */
  begin(route: CompiledRoute): void {
    this.#retriesLeft = route.retries;
    this.#replacedStale = false;
    route.upstream.retryBudget.deposit();
  }

  /** Picks an endpoint and starts an attempt; null when there is none. {@link acquire} follows. @hot */
  start(route: CompiledRoute, exclude: UpstreamEndpoint | null): UpstreamEndpoint | null {
    const context = this.#context;
    this.sent = false;
    const endpoint = route.upstream.picker.pick(exclude);
    if (endpoint === null) return null;
    this.endpoint = endpoint;
    this.#startMs = this.#clock.monotonicMs();
    context.attempts += 1;
    context.lastEndpoint = endpoint;
    endpoint.activeRequests += 1;
    endpoint.passive.recordAttempt(this.#startMs);
    this.#recorder.attemptStarted(context, endpoint, this.#startMs);
    return endpoint;
  }

  /**
   * Asks the endpoint's pool for a connection; the user may get it, or a failure, before this returns.
   *
   * @param fresh a connection that was idle will not do.
   * @hot
   */
  acquire(endpoint: UpstreamEndpoint, user: UpstreamUser, fresh: boolean): void {
    this.#pool = endpoint.pool;
    endpoint.pool.acquire(user, fresh);
  }

  /** A connection is being opened for the attempt. */
  connecting(connection: UpstreamConnection): void {
    this.#pool = null;
    this.connection = connection;
  }

  /** The attempt has its connection: the request is sent now. @hot */
  connected(connection: UpstreamConnection): void {
    this.#pool = null;
    this.connection = connection;
    this.sent = true;
  }

  /** A final response head came. @hot */
  answered(status: number): void {
    const context = this.#context;
    context.receivedStatus = status;
    if (this.endpoint !== null) this.endpoint.passive.recordSuccess(this.#clock.monotonicMs());
    this.#recorder.attemptAnswered(context, status);
  }

  /** Lets go of the connection, or of the place in the queue; {@link end} follows. */
  drop(user: UpstreamUser): void {
    this.#pool?.cancelWaiting(user);
    this.connection?.cancel();
  }

  /** The attempt is over; `failure` is null when it succeeded or the client cancelled it. @hot */
  end(failure: UpstreamFailure | null, reusedStale = false): void {
    const { endpoint } = this;
    const context = this.#context;
    this.#mayHaveArrived = this.connection?.bytes.hasWritten === true;
    this.connection = null;
    this.#pool = null;
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
   * @param whole all of the request is at hand to be sent again.
   */
  mayRetry(
    route: CompiledRoute,
    failure: UpstreamFailure,
    reusedStale: boolean,
    whole: boolean,
  ): boolean {
    if (failure === 'malformed' || failure === 'overloaded' || failure === 'idle_timeout')
      return false;
    if (this.sent && !whole) return false;
    if (this.#mayHaveArrived && !isIdempotent(this.#context.head.method)) return false;
    if (reusedStale && !this.#replacedStale) {
      this.#replacedStale = true;
      return true;
    }
    if (this.#retriesLeft === 0 || !route.upstream.retryBudget.withdraw()) return false;
    this.#retriesLeft -= 1;
    return true;
  }
}

/** RFC 9110 section 9.2.2. */
function isIdempotent(method: string): boolean {
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
