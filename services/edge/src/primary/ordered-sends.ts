import type { OrderedMessage } from '../ipc/messages.ts';

/** Messages that are in the channel at the same time, at most; of 100 usual documents each, that is half a MiB. */
export const UNDER_WAY_MAX = 4;

/**
 * Messages to a worker that act in order, a few of them in its channel at a time. What is in the channel cannot be passed:
 * with all tenants in it, pings and a drain would wait for them, and 100,000 tenants, copied at once, held up the primary
 * for a second. What waits here are references to documents that the primary holds anyway.
 */
export class OrderedSends {
  readonly #send: (message: OrderedMessage, onSent: () => void) => void;
  readonly #waiting: OrderedMessage[] = [];
  #underWay = 0;

  /** @param send hands a message to the channel and calls back when it has been written; not if the worker is gone. */
  constructor(send: (message: OrderedMessage, onSent: () => void) => void) {
    this.#send = send;
  }

  /** Sends a message when all before it have been sent. */
  push(message: OrderedMessage): void {
    this.#waiting.push(message);
    this.#work();
  }

  #work(): void {
    while (this.#underWay < UNDER_WAY_MAX) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#underWay += 1;
      this.#send(message, this.#onSent);
    }
  }

  readonly #onSent = (): void => {
    this.#underWay -= 1;
    this.#work();
  };
}
