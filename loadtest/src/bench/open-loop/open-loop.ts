import { percentileOf } from '../statistics.ts';

/** A connection that a request can be sent on; one request at a time. */
export interface LoadConnection {
  /** Sends the request with this number. The answer, or the end of the connection, is told to the loop. */
  send(request: number): void;
}

/** What an {@link OpenLoop} needs. */
export interface OpenLoopDeps {
  /** Milliseconds since the start, with fractions. */
  readonly nowMs: () => number;
  /** The next arrival, in ms since the start. */
  readonly nextArrivalMs: () => number;
}

/** Times of an {@link OpenLoop}. */
export interface OpenLoopOptions {
  /** Requests that are due before this time are sent and not measured. */
  readonly settleMs: number;
  /** No request is due after this time. */
  readonly endMs: number;
}

/** What an {@link OpenLoop} has seen. */
export interface OpenLoopReport {
  /** Answers to all requests, and to those that were measured. */
  readonly answered: number;
  readonly measured: number;
  /** Measured requests that were not sent because no connection was free. */
  readonly dropped: number;
  /** Measured requests with a status of 400 or more, a broken connection, or no answer at the end. */
  readonly failed: number;
  /** The same by what happened: a status, `lost` or `unanswered`. */
  readonly failures: Readonly<Record<string, number>>;
  /** Connections that ended while it measured, whether or not a request was on them. */
  readonly lostConnections: number;
  /** From the writing of the request to the end of the answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the time when the request was due: includes what the generator itself was late. */
  readonly p99FromScheduleMs: number;
  /** From the time when a request was due to its writing. */
  readonly latenessP99Ms: number;
}

interface Sent {
  readonly dueMs: number;
  readonly sentMs: number;
}

/**
 * Sends requests when they are due, whether or not earlier ones have been answered. A closed loop would wait for a slow
 * proxy and then not measure what its clients wait ("coordinated omission").
 */
export class OpenLoop {
  readonly #deps: OpenLoopDeps;
  readonly #options: OpenLoopOptions;
  /** The connection used last is used next, so that few are busy at a low rate. */
  readonly #free: LoadConnection[] = [];
  readonly #inFlight = new Map<LoadConnection, Sent>();
  readonly #latencies: number[] = [];
  readonly #latenciesFromSchedule: number[] = [];
  readonly #lateness: number[] = [];
  #dueMs: number;
  #count = 0;
  #answered = 0;
  #dropped = 0;
  readonly #failures = new Map<string, number>();
  #lostConnections = 0;

  constructor(deps: OpenLoopDeps, options: OpenLoopOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#dueMs = deps.nextArrivalMs();
  }

  /** Requests without an answer so far. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Takes a connection that is ready for its first request. */
  add(connection: LoadConnection): void {
    this.#free.push(connection);
  }

  /** Sends what is due by now. Returns whether more will be due. */
  sendDue(): boolean {
    const { nowMs, nextArrivalMs } = this.#deps;
    const { endMs, settleMs } = this.#options;
    for (let now = nowMs(); this.#dueMs <= now && this.#dueMs < endMs; now = nowMs()) {
      const connection = this.#free.pop();
      const isMeasured = this.#dueMs >= settleMs;
      if (connection === undefined) this.#dropped += isMeasured ? 1 : 0;
      else {
        this.#inFlight.set(connection, { dueMs: this.#dueMs, sentMs: now });
        if (isMeasured) this.#lateness.push(now - this.#dueMs);
        connection.send(this.#count);
        this.#count += 1;
      }
      this.#dueMs = nextArrivalMs();
    }
    return this.#dueMs < endMs;
  }

  /** The answer on a connection is complete. */
  answered(connection: LoadConnection, status: number): void {
    const sent = this.#inFlight.get(connection);
    if (sent === undefined) return;
    const now = this.#deps.nowMs();
    this.#inFlight.delete(connection);
    this.#free.push(connection);
    this.#answered += 1;
    if (sent.dueMs < this.#options.settleMs) return;
    if (status >= 400) this.#fail(String(status));
    this.#latencies.push(now - sent.sentMs);
    this.#latenciesFromSchedule.push(now - sent.dueMs);
  }

  /** A connection has ended; its request fails, and it gets no more. */
  lost(connection: LoadConnection): void {
    const sent = this.#inFlight.get(connection);
    this.#inFlight.delete(connection);
    if (sent !== undefined && sent.dueMs >= this.#options.settleMs) this.#fail('lost');
    if (this.#deps.nowMs() >= this.#options.settleMs) this.#lostConnections += 1;
    const index = this.#free.indexOf(connection);
    if (index !== -1) this.#free.splice(index, 1);
  }

  /** @throws RangeError if no measured request was answered. */
  report(): OpenLoopReport {
    const failures = Object.fromEntries(this.#failures);
    if (this.#inFlight.size > 0) failures['unanswered'] = this.#inFlight.size;
    const latencies = this.#latencies.toSorted((a, b) => a - b);
    const fromSchedule = this.#latenciesFromSchedule.toSorted((a, b) => a - b);
    const lateness = this.#lateness.toSorted((a, b) => a - b);
    return {
      answered: this.#answered,
      measured: latencies.length,
      dropped: this.#dropped,
      failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
      failures,
      lostConnections: this.#lostConnections,
      p50Ms: percentileOf(latencies, 50),
      p99Ms: percentileOf(latencies, 99),
      p99FromScheduleMs: percentileOf(fromSchedule, 99),
      latenessP99Ms: percentileOf(lateness, 99),
    };
  }

  #fail(how: string): void {
    this.#failures.set(how, (this.#failures.get(how) ?? 0) + 1);
  }
}
