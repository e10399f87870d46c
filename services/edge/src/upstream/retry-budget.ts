/** Retries saved up at most; enough for a burst when an endpoint dies. */
const BALANCE_MAX = 100;

/** What one request earns: retries stay below 20 % of requests in the long run (Finagle's and linkerd's default). */
const EARNED_PER_REQUEST = 0.2;

/**
 * Keeps retries from multiplying the load on an upstream that is failing altogether. Starts full, so that a quiet
 * upstream may retry too.
 */
export class RetryBudget {
  /** Retries refused. */
  refusals = 0;
  #balance = BALANCE_MAX;

  /** A new request (not a retry) goes to the upstream. @hot */
  deposit(): void {
    if (this.#balance < BALANCE_MAX) this.#balance += EARNED_PER_REQUEST;
  }

  /** Whether a retry may go now; it is paid for if so. */
  withdraw(): boolean {
    if (this.#balance < 1) {
      this.refusals += 1;
      return false;
    }
    this.#balance -= 1;
    return true;
  }
}
