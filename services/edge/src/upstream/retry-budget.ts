/** Retries saved up at most; enough for a burst when an endpoint dies. */
const RETRIES_MAX = 100;

/** Requests that pay for a retry: retries stay below a tenth of them in the long run. */
const REQUESTS_PER_RETRY = 10;

/**
 * Keeps retries from multiplying the load on an upstream that is failing altogether. Starts full, so that a quiet
 * upstream may retry too.
 */
export class RetryBudget {
  /** Retries refused. */
  refusals = 0;
  /** In requests: whole numbers add up exactly. */
  #balance = RETRIES_MAX * REQUESTS_PER_RETRY;

  /** A new request (not a retry) goes to the upstream. @hot */
  deposit(): void {
    if (this.#balance < RETRIES_MAX * REQUESTS_PER_RETRY) this.#balance += 1;
  }

  /** Whether a retry may go now; it is paid for if so. */
  withdraw(): boolean {
    if (this.#balance < REQUESTS_PER_RETRY) {
      this.refusals += 1;
      return false;
    }
    this.#balance -= REQUESTS_PER_RETRY;
    return true;
  }
}
