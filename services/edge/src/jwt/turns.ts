/** Tokens verified in a turn of the loop: 2 ms. */
const PER_TURN = 16;

/**
 * Lets those go on who have waited for the same thing, a few in each turn of the event loop: thousands of tokens that wait for the keys of
 * an issuer would be verified in one go, for which everybody else would wait.
 */
export class Turns {
  readonly #nextTurn: (callback: () => void) => void;
  readonly #waiting: (() => void)[] = [];

  /** @param nextTurn as `setImmediate`. */
  constructor(nextTurn: (callback: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  /** Resolves when it is the caller's turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) this.#nextTurn(() => this.#begin());
    });
  }

  #begin(): void {
    for (const resolve of this.#waiting.splice(0, PER_TURN)) resolve();
    if (this.#waiting.length > 0) this.#nextTurn(() => this.#begin());
  }
}
